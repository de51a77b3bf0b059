"""A roster without its people: how many work which shift on a day, and nothing by which one of them
could be told from another.

Only codes are said. A remark may name somebody, and which leave it is concerns nobody; that the
same person works on two days would soon say who it is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

from sheets.kinds.contents import LEAVE, REST, SHIFT, Codes, Contents, Duty, Roster
from sheets.timing import shift_of

FEWEST: Final = 3
"""People; of fewer everybody knows who it is."""


@dataclass(frozen=True, slots=True)
class Crew:
    """So many have this shift."""

    code: str
    people: int
    start: datetime | None = None
    """None: no table says when."""
    end: datetime | None = None
    """Without anybody's overtime."""
    route: str = ""


@dataclass(frozen=True, slots=True)
class CrewDay:
    """One day of all."""

    day: date
    crews: tuple[Crew, ...]
    """By their times, then by their codes."""
    off: int
    """How many rest or are on leave."""
    other: int
    """Remarks, and whatever else."""


def on_duty(contents: Contents) -> int | None:
    """How many people have anything on any day; None: it is no roster."""
    if not isinstance(contents, Roster):
        return None
    return len({person for person, _ in contents.duties})


def crew_days(roster: Roster, codes: Codes | None, zone: ZoneInfo | None) -> list[CrewDay]:
    """Every day on which there is anything, in order.

    Args:
        codes: None: the times that the sheet itself has are said, and no others.
    """
    names = {name for name in roster.people.values() if len(name) > 1}
    days: dict[date, list[Duty]] = {}
    for (_, day), duties in roster.duties.items():
        days.setdefault(day, []).extend(duties)
    return [_day(day, days[day], codes, zone, names) for day in sorted(days)]


def _day(
    day: date,
    duties: list[Duty],
    codes: Codes | None,
    zone: ZoneInfo | None,
    names: Collection[str],
) -> CrewDay:
    crews = Counter[Crew]()
    off = other = 0
    for duty in duties:
        if duty.kind in (REST, LEAVE):
            off += 1
        elif duty.kind == SHIFT and not _names(duty, names):
            alone = Duty(SHIFT, "", duty.code, start=duty.start, end=duty.end, route=duty.route)
            shift = shift_of(day, alone, codes, zone)
            crews[Crew(duty.code, 0, shift.start, shift.end, shift.route)] += 1
        else:
            other += 1
    every = [Crew(c.code, n, c.start, c.end, c.route) for c, n in crews.items()]
    return CrewDay(day, tuple(sorted(every, key=_place)), off, other)


def _place(crew: Crew) -> tuple[bool, str, str, str]:
    start = "" if crew.start is None else crew.start.isoformat()
    return crew.start is None, start, crew.code, crew.route


def _names(duty: Duty, names: Collection[str]) -> bool:
    """Whether somebody is named where a shift should be."""
    return any(name in duty.code or name in duty.route for name in names)
