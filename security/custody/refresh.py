"""The storage's part of a refresh: what the lease protects, and the save.

Refreshes that come together are looked at and saved together, in threads (`batching.py`); whoever
wants one need not know it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from itertools import chain, repeat
from typing import Final

import structlog
from pydantic import SecretStr

from security.credential import Credential, Owner
from security.custody.batching import Batches, BatchScheduler
from security.custody.leases import Leases, Locked
from security.custody.outcomes import Outcomes, Remembered
from security.custody.workers import Workers
from security.errors import CustodyError, OperatorFault
from security.owner_documents import Reading
from security.storage.each import each, only
from security.storage.events import Event
from security.storage.leases import Lease, Reservation
from security.token_store import Save, TokenStore

_log = structlog.get_logger()


NOTHING: Final = Reading(None)
_GATHERS_SECONDS: Final = 0.002


@dataclass(frozen=True, slots=True)
class _Wanted:
    """A refresh that is due by all that is known without a look."""

    owner: Owner
    rejected: SecretStr | None
    """An access token that Google no longer accepts."""


@dataclass(slots=True)
class Look:
    """What was found under the lease."""

    wanted: _Wanted
    lease: Lease
    reading: Reading = NOTHING
    reservation: Reservation | None = None
    """Kept for the save; None: none is due, or there is none."""
    unwritable: OperatorFault | None = None
    """Why there is none."""
    remembered: Remembered = field(default_factory=dict)
    """What other processes have written down of the owner."""

    def release(self) -> None:
        """Give the lease back."""
        self.lease.release()


class Refreshes:
    """Looks, with the lease held, and saves."""

    def __init__(
        self,
        workers: Workers,
        leases: Leases,
        store: TokenStore,
        outcomes: Outcomes,
        lead: timedelta,
    ) -> None:
        self._workers = workers
        self._leases = leases
        self._store = store
        self._outcomes = outcomes
        self._lead = lead
        looking = saving = BatchScheduler(workers.writers)
        if store.storage.is_shared:
            # A thread waits for the database, not for the interpreter: both may wait at once.
            looking, saving = (BatchScheduler(workers.writers, _GATHERS_SECONDS) for _ in range(2))
        self._looks = Batches(looking, self._look_all)
        self._saves = Batches(saving, self._save_all)

    @asynccontextmanager
    async def look(
        self, owner: Owner, rejected: SecretStr | None, *, waits: bool = True
    ) -> AsyncIterator[Look]:
        """What is kept, under its lease, and room for a new token where one is due.

        Raises:
            TransientFault: another process held the lease for too long.
            HeldElsewhere: another process holds it, and `waits` is False.
            OperatorFault: it cannot be read.
        """
        look_at = partial(self._looks.run, _Wanted(owner, rejected))
        async with self._leases.holding(owner, look_at, waits=waits) as look:
            try:
                yield look
            finally:
                if look.reservation is not None and look.reservation.is_open:
                    await self._workers.run(look.reservation.give_up)

    async def save(
        self,
        refreshed: Credential,
        based_on: int,
        look: Look,
        on_fault: Callable[[OperatorFault], None],
    ) -> Credential:
        """Save what came of the credential of generation `based_on`, and give the lease back.

        Args:
            on_fault: told what keeps it from being saved, while it is tried on.

        Raises:
            GenerationConflict: something newer is there.
            OperatorFault: it cannot be saved, and is not tried again.
        """
        save = Save(
            refreshed,
            based_on,
            look.lease,
            seen=look.reading,
            reservation=look.reservation,
            events=[Event("refreshed", refreshed.owner)],
            ends_lease=True,
        )
        tries = chain((save,), repeat(replace(save, is_again=True)))
        return await self._leases.persist(
            look.lease, lambda: self._saves.run(next(tries)), on_fault
        )

    def serves(
        self, credential: Credential, rejected: SecretStr | None, lead: timedelta = timedelta()
    ) -> bool:
        """Whether the access token can be given to somebody who wants it for longer than `lead`."""
        return (
            credential.state == "active"
            and credential.access_token != rejected
            and credential.is_fresh(self._store.clock.now(), lead)
        )

    def _look_all(self, wanted: Sequence[_Wanted]) -> list[Look | Exception]:
        leases = self._store.storage.lease([one.owner.stem for one in wanted])
        looks = each(_begin, zip(wanted, leases, strict=True))
        begun = [look for look in looks if isinstance(look, Look)]
        try:
            owners = [look.wanted.owner for look in begun]
            readings = self._store.read_all(owners)
            remembered = self._outcomes.remembered_of(owners)
        except BaseException:
            for look in begun:
                look.release()
            raise
        for look in begun:
            look.remembered = remembered.get(look.wanted.owner, {})
        read = iter(each(self._reserve, zip(begun, readings, strict=True)))
        return [next(read) if isinstance(look, Look) else look for look in looks]

    def _save_all(self, saves: Sequence[Save]) -> list[Credential | Exception]:
        outcomes = self._store.save_all(saves)
        ended = zip(saves, outcomes, strict=True)  # a fault may be tried on, under the lease
        self._store.storage.release(
            [save.lease for save, outcome in ended if not isinstance(outcome, OperatorFault)]
        )
        log = _log.bind(result="ok")
        for saved in outcomes:
            if isinstance(saved, Credential):
                log.info("token_refreshed", owner=saved.owner, generation=saved.generation)
        return outcomes

    def _reserve(self, read: tuple[Look, Reading | Exception]) -> Look:
        look, reading = read
        if isinstance(reading, Exception):
            look.release()
            raise reading
        look.reading, credential = reading, reading.credential
        if (
            credential is None
            or credential.state != "active"
            or self.serves(credential, look.wanted.rejected, self._lead)
        ):
            return look
        try:
            look.reservation = self._store.reserve(credential.owner, reading, look.lease)
        except OperatorFault as fault:
            look.unwritable = fault
        return look


def _begin(asked: tuple[_Wanted, Lease | CustodyError | None]) -> Look:
    wanted, found = asked
    lease = only([found])
    if lease is None:
        raise Locked
    return Look(wanted, lease)
