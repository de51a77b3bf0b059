"""A shelf that several processes share, as in a database: leases lapse by a clock of its own.

Each `SharedStorage` over one `SharedShelf` is another process.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial

from security.errors import CorruptCredential, OperatorFault
from security.storage.catalogue import NAME, Kind
from security.storage.due import Due, DueCounts, DuePage, count_due, random_parts
from security.storage.protocol import Found, Key, Unit, Version
from security.storage.sealing import Sealer
from tests.storage.memory import MemoryLease, MemoryStorage, Shelf

_MARGIN = 1 / 6


@dataclass
class SharedShelf(Shelf):
    """What the processes share."""

    lease_seconds: float = 30.0
    renewed_as_of_seconds: float | None = None
    """What its processes take for that: they renew their leases oftener than they would have to,
    so that a test need not wait, and a process that stands still for a moment loses nothing."""
    ahead: float = 0.0
    """Seconds that its clock is ahead of this machine's."""
    taken_over: dict[str, float] = field(default_factory=dict)
    is_away: bool = False
    """Whether nothing of it can be reached."""
    loses_answers: bool = False
    """Whether it keeps what it is given, and is away before it can say so."""

    def now(self) -> float:
        """Its own clock."""
        return time.time() + self.ahead

    def tick(self, seconds: float) -> None:
        """So much time passes for the shelf, and for its leases."""
        self.ahead += seconds

    def lapse(self) -> None:
        """Whoever does not reach it has not for as long as a lease lasts; the others renew theirs,
        or find them lapsed."""
        with self.guard:
            for lease in self.leases.values():
                if isinstance(lease, SharedLease):
                    lease.until = self.now()


@dataclass(eq=False)
class SharedLease(MemoryLease):
    """Lapses unless it is renewed."""

    shelf: SharedShelf
    reach: Callable[[], None] = lambda: None
    """Raises OperatorFault where its process does not reach the shelf."""
    until: float = 0.0
    is_released: bool = False

    def may_begin(self) -> bool:
        margin = self.shelf.lease_seconds * _MARGIN
        return self._is_mine() and self.shelf.now() < self.until - margin

    def may_save(self) -> bool:
        return not self.is_released

    def renew(self) -> bool:
        with self.shelf.guard:
            self.reach()
            if not self._is_mine():
                return False
            self.until = self.shelf.now() + self.shelf.lease_seconds
            return True

    def release(self) -> None:
        with self.shelf.guard:
            if self._is_mine():
                del self.shelf.leases[self.name]
            self.is_released = True

    def _is_mine(self) -> bool:
        return self.shelf.leases.get(self.name) is self


class SharedStorage(MemoryStorage):
    """One process over the shelf. Counts what it is asked for, by the method's name."""

    shelf: SharedShelf
    is_shared = True

    def __init__(
        self,
        shelf: SharedShelf,
        sealer: Sealer,
        mask: Callable[[str], str],
        kinds: Sequence[Kind],
    ) -> None:
        super().__init__(shelf, sealer, mask, kinds, is_atomic=True)
        self.lease_seconds = shelf.renewed_as_of_seconds or shelf.lease_seconds
        self.asked: Counter[str] = Counter()
        self.is_cut_off = False
        """Whether this process alone does not reach it."""
        self._columns: dict[Key, tuple[Version, float | None]] = {}

    def now(self) -> float:
        return self.shelf.now()

    def apply(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        self.asked["apply"] += 1
        if self._is_away():
            self._check(units)
            return [OperatorFault("the shelf is away", code="database_unreachable")] * len(units)
        outcomes = super().apply(units)
        if self.shelf.loses_answers and any(unit.lease is not None for unit in units):
            self.shelf.is_away, self.shelf.loses_answers = True, False
            return [OperatorFault("the shelf is away", code="database_unreachable")] * len(units)
        return outcomes

    def read(self, keys: Sequence[Key]) -> list[Found]:
        if self._is_away():
            return [OperatorFault("the shelf is away", code="database_unreachable")] * len(keys)
        self.asked["read"] += bool(keys)
        return super().read(keys)

    def names(self, kind: Kind, prefix: str = "") -> list[str]:
        self._reach()
        self.asked["names"] += 1
        return super().names(kind, prefix)

    def check_writable(self, kind: Kind | None = None) -> None:
        self._reach()
        super().check_writable(kind)

    def due(
        self, kind: Kind, before: float, size: int, *, everything: bool, scattered: bool = False
    ) -> Iterator[DuePage]:
        self.asked["due"] += 1
        if not scattered:
            yield from super().due(kind, before, size, everything=everything)
            return
        always = [name for name in self.names(kind) if self._moment(Key(kind, name)) is None]
        look = partial(self._soonest, kind, before)
        for part in random_parts(look, size, lambda one: one[1]):
            yield DuePage(len(part), [Due(name, moment) for moment, name in sorted(part)])
        yield DuePage(len(always), [Due(name, None) for name in always])

    def due_counts(self, kind: Kind, edges: Sequence[float]) -> DueCounts:
        self.asked["due_counts"] += 1
        return count_due([self._moment(Key(kind, name)) for name in self.names(kind)], edges)

    def _soonest(
        self, kind: Kind, before: float, after: tuple[float, str] | None, count: int
    ) -> list[tuple[float, str]]:
        moments = [(self._moment(Key(kind, name)), name) for name in self.names(kind)]
        due = sorted((moment, name) for moment, name in moments if moment is not None)
        return [one for one in due if one[0] < before and (after is None or one > after)][:count]

    def is_leased(self, name: str) -> bool | None:
        held = self.shelf.leases.get(name)
        return isinstance(held, SharedLease) and held.until > self.shelf.now()

    def _is_away(self) -> bool:
        return self.shelf.is_away or self.is_cut_off

    def _reach(self) -> None:
        if self._is_away():
            raise OperatorFault("the shelf is away", code="database_unreachable")

    def _lease(self, name: str) -> MemoryLease | OperatorFault | None:
        if not NAME.fullmatch(name):
            raise ValueError("not a name of a lease")
        if name in self.shelf.spoilt or self._is_away():
            return OperatorFault("the lease cannot be asked for", code="database_unreachable")
        with self.shelf.guard:
            now, length = self.shelf.now(), self.shelf.lease_seconds
            held = self.shelf.leases.get(name)
            if isinstance(held, SharedLease):
                if held.until > now:
                    return None
                self.shelf.taken_over[name] = now
            over = self.shelf.taken_over.get(name)
            over = over if over is not None and now - over < length else None
            lease = SharedLease(name, self.shelf, over, self._reach, now + length)
            self.shelf.leases[name] = lease
            return lease

    def _moment(self, key: Key) -> float | None:
        """By a column, as in a database: whoever has written it."""
        there = self.shelf.documents.get(key)
        if there is None or key.kind.due is None:
            return float("inf")
        if key in self._wanted:
            return None
        known = self._columns.get(key)
        if known is None or known[0] != there[0]:
            known = self._columns[key] = (there[0], self._read_column(key, there[1]))
        return known[1]

    def _read_column(self, key: Key, raw: bytes) -> float | None:
        assert key.kind.due is not None
        try:
            return key.kind.due(self.sealer.open(key.kind, key.name, raw), self.now())
        except (CorruptCredential, OperatorFault):
            return None
