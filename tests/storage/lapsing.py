"""Storages whose leases lapse, each wrong in one way; and what they are tried with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.storage.protocol import Conflict, Storage, Unit, Version
from security.storage.sealing import Sealer
from tests.storage import test_contract_leases
from tests.storage.backends import KINDS, MASK, MemoryBackend
from tests.storage.memory import MemoryLease
from tests.storage.shared import SharedLease, SharedShelf, SharedStorage

SECONDS: Final = 0.6


class LapsingBackend(MemoryBackend):
    """A dictionary that processes share."""

    def __init__(
        self, folder: Path, keyring: TokenEncryption, storage_class: type[SharedStorage]
    ) -> None:
        self._lapsing_class = storage_class
        self._shared = SharedShelf(lease_seconds=SECONDS)
        super().__init__(folder, keyring)
        self.shelf = self._shared

    def _make(self, sealer: Sealer) -> Storage:
        return self._lapsing_class(self._shared, sealer, MASK, KINDS)


class ATakeOverIsKeptQuiet(SharedStorage):
    def _lease(self, name: str) -> MemoryLease | OperatorFault | None:
        lease = super()._lease(name)
        if isinstance(lease, MemoryLease):
            lease.taken_over_at = None
        return lease


class WhatIsLateIsLost(SharedStorage):
    def apply(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        if any(unit.lease is not None and not unit.lease.may_begin() for unit in units):
            return [Conflict("too late") for _ in units]
        return super().apply(units)


class _NeverRenewed(SharedLease):
    def renew(self) -> bool:
        return self._is_mine()


class ARenewalChangesNothing(SharedStorage):
    def _lease(self, name: str) -> MemoryLease | OperatorFault | None:
        lease = super()._lease(name)
        if isinstance(lease, SharedLease):
            lease.__class__ = _NeverRenewed
        return lease


LAPSING: Final[tuple[tuple[type[SharedStorage], Callable[..., None]], ...]] = (
    (ATakeOverIsKeptQuiet, test_contract_leases.test_a_lapsed_lease_is_taken_over_and_says_so),
    (WhatIsLateIsLost, test_contract_leases.test_what_began_under_a_lease_that_has_lapsed_is_saved),
    (ARenewalChangesNothing, test_contract_leases.test_a_lease_that_is_renewed_does_not_lapse),
)
