"""Storage in memory that several "processes" share, and whose leases lapse, as a database's do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from processes.storage import KINDS
from security.encryption import TokenEncryption
from security.errors import CustodyError, OperatorFault
from security.storage.leases import Lease
from security.storage.protocol import Found, Key, Unit, Version
from security.storage.refusals import Refusals
from security.storage.sealing import Sealer
from tests.storage.memory import MemoryStorage, Shelf
from tests.stores import MASK

SECONDS: Final = 0.9
MARGIN: Final = 1 / 6
"""Of a lease: nothing is begun in its last part."""


class Away:
    """Whether the database is out of one process's reach."""

    def __init__(self) -> None:
        self.is_away = False

    def check(self) -> None:
        """Raise OperatorFault where it is."""
        if self.is_away:
            raise OperatorFault("nobody answers", code="database_unreachable")


@dataclass(eq=False)
class LapsingLease:
    """Held until its end; somebody else may take it after that."""

    name: str
    leases: dict[str, LapsingLease]
    seconds: float
    away: Away
    taken_over_at: float | None = None
    until: float = field(init=False)

    def __post_init__(self) -> None:
        self.until = time.monotonic() + self.seconds

    @property
    def is_over(self) -> bool:
        """Whether somebody else may take it."""
        return time.monotonic() >= self.until

    def may_begin(self) -> bool:
        return time.monotonic() < self.until - self.seconds * MARGIN

    def renew(self) -> bool:
        asked = time.monotonic()
        self.away.check()
        if self.leases.get(self.name) is not self:
            return False
        self.until = asked + self.seconds
        return True

    def release(self) -> None:
        if not self.away.is_away and self.leases.get(self.name) is self:
            del self.leases[self.name]


class LapsingStorage(MemoryStorage):
    """One process's."""

    is_shared = True

    def __init__(
        self,
        shelf: Shelf,
        leases: dict[str, LapsingLease],
        keyring: TokenEncryption,
        seconds: float = SECONDS,
    ) -> None:
        sealer = Sealer(keyring, Refusals(lambda kind, owner, code: None))
        super().__init__(shelf, sealer, MASK, KINDS, is_atomic=True)
        self.lease_seconds = seconds
        self._leases = leases
        self.away = Away()

    def lease(self, names: Sequence[str]) -> list[Lease | CustodyError | None]:
        with self.shelf.guard:
            return [self._take(name) for name in names]

    def is_leased(self, name: str) -> bool | None:
        held = self._leases.get(name)
        return held is not None and not held.is_over

    def read(self, keys: Sequence[Key]) -> list[Found]:
        if self.away.is_away:
            return [OperatorFault("nobody answers", code="database_unreachable") for _ in keys]
        return super().read(keys)

    def apply(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        if self.away.is_away:
            return [OperatorFault("nobody answers", code="database_unreachable") for _ in units]
        return super().apply(units)

    def _take(self, name: str) -> Lease | CustodyError | None:
        try:
            self.away.check()
        except OperatorFault as fault:
            return fault
        before = self._leases.get(name)
        if before is not None and not before.is_over:
            return None
        late = None if before is None else time.time()
        made = LapsingLease(name, self._leases, self.lease_seconds or 0, self.away, late)
        self._leases[name] = made
        return made


class Database:
    """What several processes reach."""

    def __init__(self, keyring: TokenEncryption, seconds: float = SECONDS) -> None:
        self.shelf = Shelf()
        self.leases: dict[str, LapsingLease] = {}
        self._keyring = keyring
        self._seconds = seconds

    def connect(self) -> LapsingStorage:
        """As one more process."""
        return LapsingStorage(self.shelf, self.leases, self._keyring, self._seconds)
