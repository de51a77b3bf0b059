"""Sheets as Google answers for them, and beside each what has to be understood of it.

`python -m tests.sheets.goldens` writes the results anew; read the difference before it is kept.
"""

from __future__ import annotations

import itertools
import json
import tomllib
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

from sheets.answer import open_answer
from sheets.cells.times import clock
from sheets.kinds.contents import Codes, Contents, Parsed, Roster, Rows
from sheets.parsing import look, missing
from sheets.shapes.file import Sheet, parse_shapes
from sheets.timing import Shift, shifts_of, unknown_texts, zone_of
from sheets.wanted import tab_of, wanted

FOLDER = Path(__file__).parent / "golden"


def names() -> list[str]:
    """Of every sheet there is."""
    return sorted(path.name.removesuffix(".toml") for path in FOLDER.glob("*.toml"))


def understood(name: str) -> dict[str, Any]:
    """Every sheet of one settings file, by its id and period."""
    settings = (FOLDER / f"{name}.toml").read_text("utf-8")
    today = date.fromisoformat(settings.partition("today: ")[2][:10])
    sheets = parse_shapes(settings, {*tomllib.loads(settings)})
    reading = open_answer((FOLDER / f"{name}.answer.json").read_bytes())
    every: list[tuple[Sheet, str, str, Parsed]] = []
    for sheet in sheets.values():
        for one in wanted(sheet, today):
            tab = tab_of(reading, one)
            looked = missing(one.period) if tab is None else look(sheet, tab, one.period, today)
            if (tab is not None or one.needed) and looked.parsed is not None:
                every.append((sheet, one.period, looked.tab, looked.parsed))
    codes = {sheet.id: parsed.contents for sheet, _, _, parsed in every}
    return {
        f"{sheet.id} {period}".strip(): _shown(
            parsed, title, sheet, codes.get(sheet.codes or ""), reading.zone
        )
        for sheet, period, title, parsed in every
    }


def _shown(
    parsed: Parsed, title: str, sheet: Sheet, codes: Contents | None, zone: str
) -> dict[str, Any]:
    times = codes if isinstance(codes, Codes) else None
    account = parsed.account
    return {
        "tab": title,
        "period": parsed.period,
        "findings": [
            f"{each.code} {each.count}/{each.of} {' '.join(each.places)} {' '.join(each.texts)}"
            f" {each.row or ''} {' '.join(each.found)} {' '.join(each.missing)}".strip()
            for each in parsed.findings
        ],
        "account": f"{account.cells} = {account.heading} titles + {account.people} of people + "
        f"{account.contents} contents + {account.aside} aside",
        "layout": f"row {parsed.layout.header}, from {parsed.layout.first_row}: "
        + " ".join(f"{key}={where}" for key, where in parsed.layout.columns.items()),
        **dict(_contents(parsed.contents, sheet, times, zone)),
    }


def _contents(
    contents: Contents | None, sheet: Sheet, codes: Codes | None, zone: str
) -> Iterator[tuple[str, Any]]:
    match contents:
        case Roster(people=people):
            where = zone_of(sheet.shape, zone)
            for person, name in people.items():
                shifts = shifts_of(contents, person, codes, where)
                yield f"{person} {name}".strip(), in_runs(shifts)
            yield (
                "unknown",
                [
                    f"{u.text} {u.count} {' '.join(u.people)}"
                    for u in unknown_texts(contents, codes)
                ],
            )
        case Codes(codes=found):
            for code, t in found.items():
                start, end = (None if m is None else clock(m) for m in (t.start, t.end))
                next_day = " next day" if t.end is not None and t.end >= 1440 else ""
                yield code, f"{start}–{end}{next_day} {t.minutes} {t.route}".strip()
        case Rows(columns=columns, rows=rows):
            yield "columns", [*columns]
            yield "rows", {key: [*values] for key, values in rows.items()}


def in_runs(shifts: list[Shift]) -> list[str]:
    """Each in a line, those of days without times that are alike in one."""
    lines: list[str] = []
    for duty, run in itertools.groupby(shifts, key=lambda each: each.duty):
        alike = [*run]
        if duty.kind == "rest" and len(alike) > 1:
            first, last = alike[0].day, alike[-1].day
            lines.append(f"{first:%m-%d} to {last:%m-%d}, {len(alike)} times: {duty.text} rest")
        else:
            lines += map(said, alike)
    return lines


def said(shift: Shift) -> str:
    """One duty in a line."""
    duty = shift.duty
    times = ""
    if shift.start is not None and shift.end is not None:
        times = f"{shift.start:%H:%M}–{shift.end:%d %H:%M} {shift.minutes}′"
    parts = (
        shift.day.isoformat(),
        duty.text,
        duty.kind,
        f"rest={duty.rest}" if duty.rest else "",
        f"leave={duty.leave}" if duty.leave else "",
        f"overtime={duty.overtime}" if duty.overtime else "",
        times,
        shift.route,
        "" if shift.is_known else "?",
    )
    return " ".join(filter(None, parts))


if __name__ == "__main__":
    for each in names():
        found = json.dumps(understood(each), ensure_ascii=False, indent=1) + "\n"
        (FOLDER / f"{each}.golden.json").write_text(found, "utf-8")
