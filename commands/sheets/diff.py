"""`drivekeeper sheets diff`: how two versions differ."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any

import typer

from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, say, show_json, show_table, stop
from commands.runtime import open_custody
from commands.sheets.file import chosen, configured_sheets
from commands.sheets.held import period_of, state_of
from commands.sheets.wording import counts_say
from security.storage.protocol import Storage
from sheets.keeping.asking import Asking
from sheets.keeping.forms import Period
from sheets.keeping.versions import Opened, Version, Versions
from sheets.kinds.contents import Duties
from sheets.versions.difference import (
    CodesDifference,
    Difference,
    RosterDifference,
    RowsDifference,
    counts,
    difference,
)

Which = Annotated[str, typer.Argument(metavar="SHEET", help="Such as tanhae.roster.")]
OfMonth = Annotated[
    str | None,
    typer.Option(metavar="YYYY-MM", help="Of which month; else of this one, or of what is held."),
]
_Row = tuple[str, str, str, str]


def diff_sheet(
    which: Which,
    period: OfMonth = None,
    old: Annotated[
        str | None, typer.Option("--from", metavar="VERSION", help="Its time, as shown here.")
    ] = None,
    new: Annotated[str | None, typer.Option("--to", metavar="VERSION", help="The same.")] = None,
    in_full: Annotated[
        bool, typer.Option("--in-full", help="Also who, on which day, from what to what.")
    ] = False,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
) -> None:
    """How two versions of a sheet differ.

    What is held from what counts, or else that from the one before.

    Exit code 1: there is nothing to compare with. Changes nothing.
    """
    with open_custody(env_file) as custody:
        [sheet] = chosen(configured_sheets(custody.settings), which)
        state = state_of(custody.storage, sheet)
        if period is None and not state.held:
            period = Asking(custody.storage, {sheet.id: sheet}).month(sheet, state)
        month = period_of(state, period, of=state.held or state.periods)
        one = state.periods[month]
        after = _opened(custody.storage, Version(sheet.id, month, new or one.held or one.current))
        before_id = old or _before(custody.storage, sheet.id, month, one, after)
        before = _opened(custody.storage, Version(sheet.id, month, before_id))
        there = [each.id for each in Versions(custody.storage).of(sheet.id, month)]
    if type(before.contents) is not type(after.contents):
        stop("The two versions are of different kinds: the settings have changed.", Exit.FAULT)
    change = difference(before.contents, after.contents)
    _show(sheet.id, before, after, change, there, in_full=in_full, as_json=as_json)


def _before(storage: Storage, sheet: str, month: str, one: Period, after: Opened) -> str:
    if after.version.id == one.held and one.current:
        return one.current
    if not after.record.before:
        stop("There is only one version of it: nothing to compare with.", Exit.FINDINGS)
    return after.record.before


def _opened(storage: Storage, version: Version) -> Opened:
    found = Versions(storage).open(version)
    if found is None:
        stop("There is no such version; --json lists those there are.", Exit.USAGE)
    return found


def _show(
    sheet: str,
    before: Opened,
    after: Opened,
    change: Difference,
    there: list[str],
    *,
    in_full: bool,
    as_json: bool,
) -> None:
    numbers, rows = counts(change), [*_rows(change)] if in_full else []
    if as_json:
        document: dict[str, Any] = {
            "sheet": sheet,
            "period": after.version.period or None,
            "from": before.version.id,
            "to": after.version.id,
            "changed": numbers.changed,
            "came": numbers.came,
            "went": numbers.went,
            "versions": there,
        }
        names = ("who", "when", "old", "new")
        if in_full:
            document["differences"] = [dict(zip(names, row, strict=True)) for row in rows]
        show_json(document)
        return
    month = f" {after.version.period}" if after.version.period else ""
    title = f"{sheet}{month}, {before.version.id} → {after.version.id}: {counts_say(numbers)}"
    if in_full:
        show_table(title, ("who", "when", "was", "is"), rows)
    else:
        say(title)


def _rows(change: Difference) -> Iterator[_Row]:
    match change:
        case RosterDifference(people=people, duties=duties):
            yield from ((who, "", old or "", new or "") for who, (old, new) in people.items())
            for (who, day), (old, new) in sorted(duties.items()):
                yield who, day.isoformat(), _said(old), _said(new)
        case CodesDifference(codes=codes):
            yield from ((code, "", _times(was), _times(now)) for code, (was, now) in codes.items())
        case RowsDifference(rows=rows):
            for key, (before, after) in rows.items():
                yield key, "", " | ".join(before or ()), " | ".join(after or ())


def _said(duties: Duties | None) -> str:
    return " ".join(duty.text for duty in duties or ())


def _times(times: Any) -> str:
    return "" if times is None else f"{times.start}-{times.end} {times.route}".strip()
