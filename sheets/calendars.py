"""A person's duties as a calendar that programs subscribe to: RFC 5545, and RFC 7986 for its name.

Codes and remarks are as the sheet has them; leaves are called as whoever reads it calls them. What
has no times takes its whole day, without making anybody busy. Days of rest are left out: who looks
for them sees a day on which there is nothing.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from icalendar import Calendar, Event, Timezone, vText

from sheets.kinds.contents import LEAVE, REST, UNKNOWN
from sheets.shapes.models import Shape
from sheets.timing import Shift, in_full

PAST: Final = timedelta(days=60)
"""So far back a calendar goes; ahead it has whatever is known."""
REFRESHED: Final = timedelta(hours=1)
"""How often whoever has subscribed is to ask: programs choose for themselves, most of them less
often."""
_PRODUCT: Final = "-//Drivekeeper//Duties//EN"
_MARK: Final = "⚠ "
"""Before what nothing knows."""


@dataclass(frozen=True, slots=True)
class OnRoster:
    """One roster, as far as it is about one person."""

    sheet: str
    """Its id."""
    title: str
    """What people call it, with its department's name."""
    shape: Shape = field(repr=False)
    at: datetime
    """When it was read; aware."""
    shifts: Sequence[Shift] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a calendar."""

    uid: str
    """The same for as long as there is anything on this day of this roster."""
    start: datetime | date
    end: datetime | date | None
    summary: str = field(repr=False)
    description: str = field(repr=False)
    at: datetime
    """When it was read."""

    @property
    def takes_all_day(self) -> bool:
        """Whether it has no times."""
        return not isinstance(self.start, datetime)


def entries(
    rosters: Iterable[OnRoster],
    since: date,
    key: str,
    called: Callable[[str], str] = lambda leave: leave,
) -> list[Entry]:
    """What is in a person's calendar, the earliest first.

    Args:
        since: nothing before this day.
        key: tells this person's entries from everybody else's, and says nothing of who it is.
        called: what its reader calls a leave, of what the settings call it.
    """
    found = [entry for duties in rosters for entry in _entries(duties, since, key, called)]
    return sorted(found, key=lambda entry: (_moment(entry.start), entry.uid))


def tag_of(found: Iterable[Entry], names: Sequence[str]) -> str:
    """Another, as soon as anything in it is another. When it was read is not: who subscribes gets
    nothing new for that.

    Args:
        names: what the calendar is called by.
    """
    said = [*names, *((e.uid, e.start, e.end, e.summary, e.description) for e in found)]
    return hashlib.sha256(repr(said).encode("utf-8", "replace")).hexdigest()[:40]


def written(found: Iterable[Entry], names: Sequence[str], zone: str) -> bytes:
    """The calendar.

    Args:
        names: of the rosters in it.
        zone: in which it is shown, where a program asks; times themselves are in UTC, which needs
            no rules of any zone and means the same everywhere.
    """
    calendar = Calendar()
    name = vText(_line(" · ".join(names)))  # it would be written as it is
    for key, value in (
        *(("version", "2.0"), ("prodid", _PRODUCT), ("calscale", "GREGORIAN")),
        *(("method", "PUBLISH"), ("name", name), ("x-wr-calname", name)),
        *(("refresh-interval", REFRESHED), ("x-published-ttl", _said(REFRESHED))),
    ):
        parameters = {"VALUE": "DURATION"} if isinstance(value, timedelta) else {}
        calendar.add(key, value, parameters=parameters)
    if zone:
        calendar.add("x-wr-timezone", zone)
    for entry in found:
        calendar.add_component(_event(entry))
    if not calendar.subcomponents:  # programs refuse one in which there is nothing
        calendar.add_component(Timezone.from_tzid("UTC"))
    return bytes(calendar.to_ical())


def _entries(
    duties: OnRoster, since: date, key: str, called: Callable[[str], str]
) -> Iterator[Entry]:
    places = Counter[date]()
    for shift in duties.shifts:
        places[shift.day] += 1
        if shift.day < since or shift.duty.kind == REST:
            continue
        named = f"{key} {duties.sheet} {shift.day} {places[shift.day]}"
        uid = hashlib.sha256(named.encode("utf-8", "replace")).hexdigest()[:32]
        start, end = _times(shift)
        yield Entry(
            f"{uid}@drivekeeper",
            start,
            end,
            _summary(shift, duties.shape, called),
            _description(shift, duties),
            duties.at,
        )


def _times(shift: Shift) -> tuple[datetime | date, datetime | date | None]:
    if shift.start is None:
        return shift.day, shift.day + timedelta(days=1)
    start = shift.start.astimezone(UTC)
    end = None if shift.end is None else shift.end.astimezone(UTC)
    return start, end if end is not None and end > start else None


def _summary(shift: Shift, shape: Shape, called: Callable[[str], str]) -> str:
    if shift.duty.kind == LEAVE:
        return called(in_full(shift.duty, shape))
    said = shift.duty.code or shift.duty.text
    return f"{'' if shift.is_known else _MARK}{said}{f' {shift.route}' if shift.route else ''}"


def _description(shift: Shift, duties: OnRoster) -> str:
    """The cell as it stands, where that says more, and which roster it is of."""
    lines = [duties.title]
    if shift.duty.kind not in (LEAVE, UNKNOWN) and shift.duty.text not in ("", shift.duty.code):
        lines.insert(0, shift.duty.text)
    return "\n".join(lines)


def _event(entry: Entry) -> Event:
    event = Event()
    event.add("uid", entry.uid)
    event.add("dtstamp", entry.at.astimezone(UTC))
    event.add("last-modified", entry.at.astimezone(UTC))
    event.add("dtstart", entry.start)
    if entry.end is not None:
        event.add("dtend", entry.end)
    event.add("summary", _line(entry.summary))
    event.add("description", _text(entry.description))
    event.add("transp", "TRANSPARENT" if entry.takes_all_day else "OPAQUE")
    return event


def _text(said: str) -> str:
    """Without what no calendar may have in it: control characters, halves of characters."""
    kept = "".join(c if c == "\n" or c.isprintable() or c == "\u200d" else " " for c in said)
    return kept.encode("utf-8", "replace").decode()


def _line(said: str) -> str:
    return " ".join(_text(said).split())


def _said(pause: timedelta) -> str:
    return f"PT{pause // timedelta(minutes=1)}M"


def _moment(start: datetime | date) -> datetime:
    return start if isinstance(start, datetime) else datetime.combine(start, time(), UTC)
