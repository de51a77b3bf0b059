"""When duties begin and end: by the table of codes, in the sheet's zone."""

from __future__ import annotations

import zoneinfo
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from sheets.kinds.contents import ERROR, LEAVE, REST, SHIFT, UNKNOWN, Codes, CodeTimes, Duty, Roster
from sheets.shapes.models import Shape


@dataclass(frozen=True, slots=True)
class Shift:
    """One duty of one day, with its times."""

    day: date
    """On which it begins."""
    duty: Duty
    start: datetime | None = field(default=None, repr=False)
    """None: no table says when."""
    end: datetime | None = field(default=None, repr=False)
    """With the overtime."""
    minutes: int | None = field(default=None, repr=False)
    """Of work, the overtime with them."""
    route: str = field(default="", repr=False)
    is_known: bool = True
    """Whether the settings or the table of codes know what the cell says."""


def zone_of(shape: Shape, spreadsheets: str) -> zoneinfo.ZoneInfo | None:
    """Where a sheet's times are; None: neither the settings nor the spreadsheet say it.

    Args:
        spreadsheets: the zone that the spreadsheet names.
    """
    try:
        return zoneinfo.ZoneInfo(shape.zone or spreadsheets)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return None


def moment(day: date, minutes: int, zone: zoneinfo.ZoneInfo) -> datetime:
    """What the clock on the wall shows so many minutes after that day's first midnight, were every
    hour there once. One that summer time leaves out is the next that there is; of one that comes
    twice it is the first."""
    wall = datetime.combine(day, time()) + timedelta(minutes=minutes)
    return wall.replace(tzinfo=zone).astimezone(UTC).astimezone(zone)


def shift_of(day: date, duty: Duty, codes: Codes | None, zone: zoneinfo.ZoneInfo | None) -> Shift:
    """A duty with its times.

    Args:
        codes: None: the sheet names no table of them.
    """
    found = codes.codes.get(duty.code) if codes is not None and duty.code else None
    is_timed = found is not None or duty.start is not None or not _is_not_in(codes, duty.code)
    is_known = duty.kind not in {UNKNOWN, ERROR} and is_timed
    start, end, minutes, route = duty.start, duty.end, None, duty.route
    if found is not None:
        if start is None and end is None:
            start, end, minutes = found.start, found.end, _said(found)
        route = route or found.route
    begins = None if start is None or zone is None else moment(day, start, zone)
    ends = None if end is None or zone is None else moment(day, end, zone)
    if ends is not None and zone is not None:
        # Overtime is by the clock of whoever works it: an hour of it is an hour in any night.
        later = ends.astimezone(UTC) + timedelta(minutes=duty.overtime)
        ends = later.astimezone(zone)
    if minutes is not None:
        minutes += duty.overtime
    elif begins is not None and ends is not None:
        minutes = round((ends.astimezone(UTC) - begins.astimezone(UTC)).total_seconds() / 60)
    return Shift(day, duty, begins, ends, minutes, route, is_known)


def _said(found: CodeTimes) -> int | None:
    """The minutes of work where they are not just what is between the two times, which in some
    nights is an hour more or less."""
    if found.start is None or found.end is None or found.minutes != found.end - found.start:
        return found.minutes
    return None


def in_full(duty: Duty, shape: Shape) -> str:
    """What people call it: `特休` for `(特)`."""
    names: dict[str, str] = getattr(shape, "leaves", {})
    return names.get(duty.leave, duty.leave) if duty.kind == LEAVE else duty.text


def shifts_of(
    roster: Roster, person: str, codes: Codes | None, zone: zoneinfo.ZoneInfo | None
) -> list[Shift]:
    """A person's duties by the day, with their times."""
    days = sorted(
        (day, duties) for (whose, day), duties in roster.duties.items() if whose == person
    )
    return [shift_of(day, duty, codes, zone) for day, duties in days for duty in duties]


@dataclass(frozen=True, slots=True)
class Sums:
    """How much there is of what."""

    shifts: int
    rests: int
    leaves: dict[str, int]
    """By their kinds."""
    unknown: int
    minutes: int
    """Of the shifts whose times are known, the overtime with them."""
    overtime: int
    """Minutes, of the same shifts."""


def sums_of(shifts: Iterable[Shift]) -> Sums:
    """A month in a line."""
    every = [*shifts]
    kinds = Counter(each.duty.kind for each in every)
    return Sums(
        shifts=kinds[SHIFT],
        rests=kinds[REST],
        leaves=dict(Counter(each.duty.leave for each in every if each.duty.kind == LEAVE)),
        unknown=sum(not each.is_known for each in every),
        minutes=sum(each.minutes or 0 for each in every),
        overtime=sum(each.duty.overtime for each in every if each.minutes is not None),
    )


@dataclass(frozen=True, slots=True)
class UnknownText:
    """A text, or a code, that nothing knows."""

    text: str = field(repr=False)
    count: int
    people: tuple[str, ...] = field(repr=False)
    """Numbers of those who have it."""


def unknown_texts(roster: Roster, codes: Codes | None) -> tuple[UnknownText, ...]:
    """What neither the settings nor the table of codes know, the most frequent first."""
    found: dict[str, list[str]] = {}
    for text, person in _unknown(roster, codes):
        found.setdefault(text, []).append(person)
    listed = (
        UnknownText(text, len(people), tuple(dict.fromkeys(people)))
        for text, people in found.items()
    )
    return tuple(sorted(listed, key=lambda each: (-each.count, each.text)))


def _unknown(roster: Roster, codes: Codes | None) -> Iterator[tuple[str, str]]:
    for (person, _), duties in roster.duties.items():
        for duty in duties:
            if duty.kind == UNKNOWN:
                yield duty.text, person
            elif duty.start is None and _is_not_in(codes, duty.code):
                yield duty.code, person


def _is_not_in(codes: Codes | None, code: str) -> bool:
    return codes is not None and bool(code) and code not in codes.codes
