"""Which changes somebody is told of, and when: collected, never one that was taken back.

Pure functions of what has happened and of what time it is; who is told, and where, is a front's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final

from sheets.kinds.contents import Duties
from sheets.versions.difference import RosterDifference

WINDOW: Final = timedelta(minutes=5)
"""So long a day's cell must have stood still before it is told, as is usual."""
_WINDOWS_WAITED: Final = 3
"""So many windows what stands still waits for what does not."""
QUIET_FROM: Final = time(22)
QUIET_UNTIL: Final = time(7)


@dataclass(frozen=True, slots=True)
class Event:
    """A day of somebody's has changed."""

    person: str = field(repr=False)
    day: date
    old: Duties = field(repr=False)
    """Empty: there was nothing."""
    new: Duties = field(repr=False)
    at: datetime
    """When it was read; aware."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What one person is told in one message: the oldest day first."""

    person: str = field(repr=False)
    changes: tuple[Event, ...]
    """Each day once: what it was at first, what it is now."""


@dataclass(frozen=True, slots=True)
class Telling:
    """What is to be told now, what is not yet, and when to ask again."""

    notices: tuple[Notice, ...]
    waiting: tuple[Event, ...]
    again_at: datetime | None
    """None: as soon as something happens."""


def is_day(now: datetime) -> bool:
    """Whether nobody is left in peace.

    Args:
        now: where the sheet's times are.
    """
    return QUIET_UNTIL <= now.time() < QUIET_FROM


def events_of(change: RosterDifference, at: datetime) -> list[Event]:
    """What happened to people's days. Who has left the sheet altogether, or is new in it, be it
    under a number that was somebody else's, is told nothing day by day: that is no change of their
    duties."""
    return [
        Event(person, day, old or (), new or (), at)
        for (person, day), (old, new) in change.duties.items()
        if person not in change.others
    ]


def net(events: Iterable[Event]) -> list[Event]:
    """Each person's each day once, from what it was at first to what it is now. What was taken back
    is not in it."""
    found: dict[tuple[str, date], Event] = {}
    for event in sorted(events, key=lambda each: each.at):
        first = found.get((event.person, event.day))
        old = event.old if first is None else first.old
        found[event.person, event.day] = Event(event.person, event.day, old, event.new, event.at)
    return [event for event in found.values() if _said(event.old) != _said(event.new)]


def tell(events: Iterable[Event], now: datetime, window: timedelta = WINDOW) -> Telling:
    """Who is told what.

    Args:
        events: everything that has not been told. What is in `waiting` afterwards, and nothing
            else, is to be given again.
        now: aware, in the sheet's zone: by it the night is quiet.
        window: so long a day's cell must have stood still.
    """
    every = [*events]
    began: dict[str, datetime] = {}
    changed: dict[str, list[Event]] = {}
    for event in net(every):
        changed.setdefault(event.person, []).append(event)
    for event in every:
        began[event.person] = min(began.get(event.person, event.at), event.at)
    notices: list[Notice] = []
    told = set[tuple[str, date]]()
    wakes: list[datetime] = []
    for person, mine in changed.items():
        still = [event for event in mine if event.at + window <= now]
        moving = [event.at + window for event in mine if event not in still]
        if not still or (moving and now < began[person] + _WINDOWS_WAITED * window):
            wakes.append(min(moving))
        elif _may_be_told(still, now):
            notices.append(Notice(person, tuple(sorted(still, key=lambda each: each.day))))
            told |= {(person, event.day) for event in still}
            wakes += moving
        else:
            wakes.append(_morning(now))
    kept = {(event.person, event.day) for mine in changed.values() for event in mine} - told
    waiting = tuple(event for event in every if (event.person, event.day) in kept)
    return Telling(tuple(notices), waiting, min(wakes, default=None))


def _may_be_told(events: Iterable[Event], now: datetime) -> bool:
    """By day anything; by night what is about the next 24 hours: a day whose first half is in
    them."""
    if is_day(now):
        return True
    limit = now.replace(tzinfo=None) + timedelta(days=1)
    return any(
        now.date() <= event.day and datetime.combine(event.day, time(12)) <= limit
        for event in events
    )


def _morning(now: datetime) -> datetime:
    is_late = now.time() >= QUIET_FROM
    day = now.date() + timedelta(days=1) if is_late else now.date()
    return datetime.combine(day, QUIET_UNTIL, tzinfo=now.tzinfo)


def _said(duties: Duties) -> tuple[str, ...]:
    """What counts as the same: what one reads, not how it was understood."""
    return tuple(f"{duty.text} {duty.start} {duty.end} {duty.route}" for duty in duties)
