"""Whether what was read becomes the next version: kept out, held, or taken."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sheets.cells.grid import ERRORS
from sheets.faults import Finding
from sheets.kinds.contents import ERROR, Codes, Contents, Parsed, Roster, Rows
from sheets.versions.difference import (
    CodesDifference,
    Difference,
    RosterDifference,
    RowsDifference,
    difference,
    is_empty,
)


@dataclass(frozen=True, slots=True)
class Gone:
    """So much that an accident is likelier than a plan: a cleared tab."""

    people: int
    """Or codes, or rows."""
    of_people: int
    cells: int
    of_cells: int
    who: tuple[str, ...] = field(default=(), repr=False)
    """The numbers that are no longer there."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from a look."""

    contents: Contents | None
    """What there would be as the next version; None: what was read is not used."""
    change: Difference | None = None
    """Against the last version; None: there was none, or there is a fault."""
    findings: tuple[Finding, ...] = ()
    gone: Gone | None = None
    """Not None: it is held until an administrator accepts it."""

    @property
    def is_fault(self) -> bool:
        """The last good version is kept."""
        return self.contents is None

    @property
    def is_held(self) -> bool:
        """The last good version is kept, and this one beside it."""
        return self.gone is not None

    @property
    def is_same(self) -> bool:
        """Nothing that means anything has changed: a colour, a remark."""
        return self.change is not None and is_empty(self.change)


def judge(parsed: Parsed, last: Contents | None) -> Verdict:
    """What follows from what was read.

    Args:
        last: the last good version; None: there is none yet.
    """
    contents = parsed.contents
    if contents is None or parsed.faults:
        return Verdict(None, findings=parsed.findings)
    if last is None or type(last) is not type(contents):  # the settings have changed its kind
        return Verdict(contents, findings=parsed.findings)
    if isinstance(contents, Roster) and isinstance(last, Roster):
        contents = _with_values_for_errors(contents, last)
    if isinstance(contents, Codes) and isinstance(last, Codes):
        kept = {code: one for code, one in last.codes.items() if _is_error(contents, code)}
        contents = Codes({**contents.codes, **kept})
    change = difference(last, contents)
    return Verdict(contents, change, parsed.findings, _gone(last, change))


def _with_values_for_errors(new: Roster, last: Roster) -> Roster:
    """An error of the spreadsheet's says nothing of anybody's day: what was known of it stays."""
    duties = {
        key: last.duties[key]
        for key, found in new.duties.items()
        if any(duty.kind == ERROR for duty in found) and key in last.duties
    }
    names = {
        person: last.people[person]
        for person, name in new.people.items()
        if name in ERRORS and person in last.people
    }
    if not duties and not names:
        return new
    return Roster({**new.people, **names}, {**new.duties, **duties})


def _is_error(new: Codes, code: str) -> bool:
    return code in new.codes and new.codes[code].route in ERRORS


def _gone(last: Contents, change: Difference) -> Gone | None:
    match last, change:
        case Roster(), RosterDifference():
            who, of = change.went, len(last.people)
            cells, of_cells = _emptied(change.duties), len(last.duties)
        case Codes(), CodesDifference():
            who, of = (
                [code for code, (_, new) in change.codes.items() if new is None],
                len(last.codes),
            )
            cells, of_cells = len(who), of
        case Rows(), RowsDifference():
            who, of = [key for key, (_, new) in change.rows.items() if new is None], len(last.rows)
            of_cells = sum(len(row) - row.count("") for row in last.rows.values())
            cells = sum(
                1
                for old, new in change.rows.values()
                for place, text in enumerate(old or ())
                if text and not (new and new[place : place + 1] > ("",))
            )
        case _:
            return None
    if len(who) * 2 > of or cells * 2 > of_cells:
        return Gone(len(who), of, cells, of_cells, tuple(who))
    return None


def _emptied(changes: Mapping[Any, tuple[Any, Any]]) -> int:
    return sum(new is None for _, new in changes.values())
