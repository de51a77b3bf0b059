"""How often each key is used: counted in memory, and written once a minute by each process."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from departments.documents import Kept, Shelf
from departments.kinds import USE
from security.errors import CustodyError
from security.storage.protocol import Storage

WRITTEN_EVERY: Final = 60.0
DAYS: Final = 14
_HOURS: Final = DAYS * 24
_MINUTES: Final = 5
"""So long ago a minute may end and still be written by a process."""
_MACHINES: Final = 16
_BUSY_MINUTE: Final = 20
_TIMES_BUSIEST: Final = 4


class UseRecord(Kept):
    """What is kept of one key. Hours, minutes and days are counted from 1970, in UTC."""

    last_used: float = 0.0
    hours: Mapping[int, int] = {}
    """How often in each hour of 14 days in which it was used."""
    minutes: Mapping[int, int] = {}
    """The same of the last minutes."""
    machines: Mapping[str, float] = {}
    """By what each machine is told by: when it was last seen."""

    def by_day(self, now: float) -> list[int]:
        """How often on each of the last 14 days, today last."""
        today, counts = int(now // 86400), Counter[int]()
        for hour, count in self.hours.items():
            counts[hour // 24] += count
        return [counts[day] for day in range(today - DAYS + 1, today + 1)]

    def busiest_before(self, hour: int) -> int:
        """How often in the busiest hour of the 14 days before this one; 0: never used."""
        return max((n for at, n in self.hours.items() if hour - _HOURS <= at < hour), default=0)

    def plus(self, more: Counted) -> UseRecord:
        """What is to be kept once `more` was counted."""
        hours, minutes = Counter(self.hours), Counter(self.minutes)
        for minute, count in more.minutes.items():
            hours[minute // 60] += count
            minutes[minute] += count
        last = max(self.last_used, more.last_used)
        machines = {**self.machines, **more.machines}
        newest = sorted(machines, key=lambda machine: -machines[machine])[:_MACHINES]
        return UseRecord(
            last_used=last,
            hours={hour: n for hour, n in hours.items() if hour > last // 3600 - _HOURS - 1},
            minutes={minute: n for minute, n in minutes.items() if minute > last // 60 - _MINUTES},
            machines={machine: machines[machine] for machine in newest},
        )


@dataclass(slots=True)
class Counted:
    """What this process has counted and not written yet."""

    last_used: float = 0.0
    minutes: Counter[int] = field(default_factory=Counter)
    machines: dict[str, float] = field(default_factory=dict)

    def add(self, other: Counted) -> None:
        """Count what another has as well."""
        self.last_used = max(self.last_used, other.last_used)
        self.minutes += other.minutes
        self.machines = {**self.machines, **other.machines}


@dataclass(frozen=True, slots=True)
class Seen:
    """What is conspicuous about a key's use."""

    busy: tuple[int, int] | None = None
    """How often in this hour, and how often in the busiest before; None: as ever."""
    second_machine: bool = False
    """Whether another machine than before comes with it: as far as this process knows, where that
    was not asked of the storage."""


@dataclass(slots=True)
class _Mine:
    """One key's use in this process."""

    known: UseRecord | None = None
    """As it was written last; None: nothing was yet."""
    counted: Counted = field(default_factory=Counted)
    machines: set[str] = field(default_factory=set)
    """Those that have come with it lately, as far as this process knows."""


class Use:
    """The use of all keys. What is written blocks; it may be counted meanwhile."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._shelf = Shelf(storage, USE, UseRecord)
        self._lock = threading.Lock()
        self._mine: defaultdict[str, _Mine] = defaultdict(_Mine)

    def note(self, name: str, machine: str, *, counts: bool) -> Seen:
        """A key is used; asks nobody.

        Args:
            name: the key's document.
            machine: by what it is told.
            counts: whether for something; else it only asks how things stand.
        """
        now = self._storage.now()
        with self._lock:
            mine = self._mine[name]
            second = bool(mine.machines) and machine not in mine.machines
            mine.machines.add(machine)
            counted = mine.counted
            counted.last_used = max(counted.last_used, now)
            counted.machines[machine] = now
            if not counts:
                return Seen(second_machine=second)
            minute = int(now // 60)
            counted.minutes[minute] += 1
            return Seen(_busy(mine.known or UseRecord(), counted, minute), second)

    def write(self, name: str) -> Seen:
        """Write what was counted to what other processes have; what is conspicuous about both.

        Blocks.

        Raises:
            CustodyError: it cannot be written, and stays counted.
        """
        with self._lock:
            mine = self._mine[name]
            counted, mine.counted = mine.counted, Counted()
        second = False

        def how(found: UseRecord | None) -> UseRecord:
            nonlocal second
            earlier = found.machines if found is not None else {}
            new = counted.machines.keys() - earlier.keys()
            second = bool(new) and (bool(earlier) or len(new) > 1)
            return (found or UseRecord()).plus(counted)

        try:
            kept = self._shelf.change(name, how)
        except CustodyError:
            with self._lock:
                counted.add(mine.counted)
                mine.counted = counted
            raise
        assert kept is not None  # noqa: S101 - `how` keeps something in any case
        busy = None
        with self._lock:
            mine.known = kept
            mine.machines = {*kept.machines, *mine.counted.machines}
        for minute in counted.minutes:
            busy = busy or _busy(kept, Counted(), minute)
        return Seen(busy, second)

    def has_unwritten(self, name: str) -> bool:
        """Whether something was counted of a key since it was last written."""
        with self._lock:
            return name in self._mine and self._mine[name].counted.last_used > 0

    def unwritten(self) -> list[str]:
        """The keys of which that is so."""
        return [name for name in list(self._mine) if self.has_unwritten(name)]

    def of(self, names: Iterable[str]) -> dict[str, UseRecord]:
        """What was written of each key, with what this process has counted since. Blocks.

        Raises:
            CustodyError: the storage does not answer.
        """
        found = {}
        for name in names:
            held = self._shelf.find(name)
            record = held.content if held is not None else UseRecord()
            with self._lock:
                mine = self._mine.get(name)
                found[name] = record.plus(mine.counted) if mine is not None else record
        return found


def _busy(known: UseRecord, counted: Counted, minute: int) -> tuple[int, int] | None:
    """Whether the key is used as never before: see `alarms.Suspicion`.

    Where it was never used before this hour there is nothing to compare it with.
    """
    if known.minutes.get(minute, 0) + counted.minutes[minute] <= _BUSY_MINUTE:
        return None
    hour = minute // 60
    of_counted = sum(n for at, n in counted.minutes.items() if at // 60 == hour)
    count, busiest = known.hours.get(hour, 0) + of_counted, known.busiest_before(hour)
    return (count, busiest) if busiest > 0 and count > _TIMES_BUSIEST * busiest else None
