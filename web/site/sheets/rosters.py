"""A roster as a month's grid: who does what on which day, and what is another than it was."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Final

from sheets.kinds.contents import (
    ERROR,
    LEAVE,
    REST,
    SHIFT,
    UNKNOWN,
    Codes,
    Duties,
    Duty,
    Roster,
)
from sheets.months import Month
from sheets.timing import unknown_texts
from web.site.sheets.parts import Bit, Cell, CodeRow, Grid, Kind, Part, Person
from web.site.sheets.views import Unknown

PEOPLE_AT_ONCE: Final = 100
LONGEST_IN_CELL: Final = 30
LONGEST_TEXT: Final = 200
_MOST_UNKNOWN: Final = 50
_MOST_NAMED: Final = 5
_MOST_CODES: Final = 80
_KINDS: Final[dict[str, Kind]] = {
    SHIFT: "shift",
    REST: "rest",
    LEAVE: "leave",
    UNKNOWN: "unknown",
    ERROR: "unknown",
}


def months_of(roster: Roster) -> list[str]:
    """Those in which anybody does anything, the first first."""
    return [str(month) for month in sorted({Month.of(day) for _, day in roster.duties})]


def grid_of(
    roster: Roster, month: str, page: int, *, before: Roster | None, codes: Codes | None
) -> Grid:
    """A month of it.

    Args:
        page: which hundred people, from 1.
        before: what it is compared with; None: nothing.
        codes: None: the sheet names no table of them.
    """
    whole = Month.parse(month)
    days = tuple(whole.first + timedelta(days=day) for day in range(whole.days))
    every = list(roster.people.items())
    part = part_of(len(every), page, PEOPLE_AT_ONCE)
    looks = _Looks(codes)
    people = tuple(
        Person(
            number,
            name,
            tuple(looks.cell(roster, before, number, day) for day in days),
            is_new=before is not None and number not in before.people,
        )
        for number, name in every[part.first - 1 : part.last]
    )
    return Grid(days, people, part)


def part_of(of: int, page: int, at_once: int) -> Part:
    """Which of so many are shown.

    Args:
        page: from 1; one that there is not is the last.
    """
    last = max(-(-of // at_once), 1)
    first = (min(max(page, 1), last) - 1) * at_once + 1
    return Part(first, min(at_once, of - first + 1), of, at_once)


class _Looks:
    """How cells look; each kind of duty is looked at once."""

    def __init__(self, codes: Codes | None) -> None:
        self._codes = codes
        self._known: dict[Duties, tuple[Bit, ...]] = {}

    def cell(self, roster: Roster, before: Roster | None, person: str, day: date) -> Cell:
        duties = roster.duties.get((person, day), ())
        if before is None or person not in before.people:
            return Cell(self._bits(duties))
        old = before.duties.get((person, day), ())
        return Cell(self._bits(duties), None if old == duties else said(old))

    def _bits(self, duties: Duties) -> tuple[Bit, ...]:
        found = self._known.get(duties)
        if found is None:
            found = self._known[duties] = tuple(map(self._bit, duties))
        return found

    def _bit(self, duty: Duty) -> Bit:
        kind: Kind = _KINDS.get(duty.kind, "note")
        if self._codes is not None and duty.start is None and duty.code:
            kind = kind if duty.code in self._codes.codes else "unknown"
        overtime = f"+{duty.overtime / 60:.3g}" if duty.overtime else ""
        text = shortened(_face(duty), LONGEST_IN_CELL)
        if duty.kind == SHIFT and duty.rest:
            return Bit("rest_shift" if kind == "shift" else kind, text, duty.rest, overtime)
        return Bit(kind, text, overtime=overtime)


def _face(duty: Duty) -> str:
    if duty.kind == LEAVE:
        return duty.leave
    if duty.kind == SHIFT and duty.code:
        return duty.code
    if duty.kind == SHIFT and duty.start is not None and duty.end is not None:
        return duty.text or f"{clock(duty.start)}–{clock(duty.end)}"
    return duty.text


def clock(minutes: int) -> str:
    """05:05; of the next day as well."""
    return f"{minutes // 60 % 24:02}:{minutes % 60:02}"


def said(duties: Iterable[Duty], *, with_times: bool = False) -> str:
    """What a cell says, as it stands in the sheet.

    Args:
        with_times: whether the row's own times and its route belong to it.
    """
    return shortened(" ".join(_said(duty, with_times) for duty in duties), LONGEST_TEXT)


def _said(duty: Duty, with_times: bool) -> str:
    text = duty.text
    if with_times and duty.start is not None and duty.end is not None:
        times = f"{clock(duty.start)}–{clock(duty.end)}"
        text = text if times in text else f"{text} {times}".strip()
    return f"{text} {duty.route}".strip() if with_times and duty.route else text


def shortened(text: str, most: int) -> str:
    """A text that leaves room for others."""
    return text if len(text) <= most else text[: most - 1] + "…"


def unknown_of(roster: Roster, codes: Codes | None) -> tuple[tuple[Unknown, ...], int]:
    """What nothing knows, the most frequent first, and how much of it is left out."""
    found = unknown_texts(roster, codes)
    shown = tuple(
        Unknown(
            shortened(each.text, LONGEST_TEXT),
            each.count,
            tuple(name_of(roster, number) for number in each.people[:_MOST_NAMED]),
            max(len(each.people) - _MOST_NAMED, 0),
        )
        for each in found[:_MOST_UNKNOWN]
    )
    return shown, len(found) - len(shown)


def name_of(roster: Roster, number: str) -> str:
    """What somebody is called; their number, where nothing says it."""
    return shortened(roster.people.get(number) or number, 60)


def legend_of(roster: Roster, codes: Codes | None) -> tuple[CodeRow, ...]:
    """The codes that it has, and when they are."""
    if codes is None:
        return ()
    used = {duty.code for duties in roster.duties.values() for duty in duties if duty.code}
    there = sorted(used & codes.codes.keys())[:_MOST_CODES]
    return tuple(row_of_code(code, codes) for code in there)


def row_of_code(code: str, codes: Codes, *, is_changed: bool = False) -> CodeRow:
    """One code and its times."""
    found = codes.codes[code]
    return CodeRow(
        shortened(code, LONGEST_IN_CELL),
        found.start,
        found.end,
        found.minutes,
        shortened(found.route, 60),
        is_changed,
    )


def leaves_of(roster: Roster, names: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """The kinds of leave that it has, with what they are called in full.

    Args:
        names: what the settings call them.
    """
    used = {duty.leave for duties in roster.duties.values() for duty in duties if duty.leave}
    return tuple((short, names[short]) for short in sorted(used) if short in names)


def days_of(duties: Sequence[Duties]) -> tuple[int, int, int]:
    """How many duties, days of rest and days of leave."""
    kinds = [duty.kind for each in duties for duty in each]
    return kinds.count(SHIFT), kinds.count(REST), kinds.count(LEAVE)
