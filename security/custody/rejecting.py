"""Sets aside the credentials that cannot be used, one by one or all of a sweep together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import structlog

from security.credential import Owner
from security.custody.leases import Leases
from security.custody.outcomes import Outcomes
from security.custody.workers import Workers
from security.errors import CustodyError
from security.quarantine.policy import Rejections
from security.storage.events import Event
from security.storage.leases import HOLD_LEASE, Lease
from security.storage.protocol import Conflict, Version
from security.token_store import TokenStore

_log = structlog.get_logger()


class Rejecting:
    """Notes what cannot be used, and carries out what the policy decides about it."""

    def __init__(
        self,
        workers: Workers,
        leases: Leases,
        store: TokenStore,
        rejections: Rejections,
        outcomes: Outcomes,
    ) -> None:
        self._workers = workers
        self._leases = leases
        self._store = store
        self._rejections = rejections
        self._outcomes = outcomes
        self._deferring = 0
        self._moved = 0

    async def reject(self, owner: Owner, reason: str, version: Version | None) -> None:
        """Note that a credential in this version cannot be used; set it aside, or defer that."""
        if version is None:
            return
        await self._outcomes.recall([owner])
        now = self._store.clock.seconds()
        is_unsettled = self._rejections.reject(owner, reason, version, now)
        if is_unsettled and not self._deferring:
            await self._workers.finish(self._settle())
        else:
            self._outcomes.save_soon()

    @asynccontextmanager
    async def deferring(self) -> AsyncIterator[None]:
        """Within it the rejected stay where they are; at its end they are settled together."""
        self._deferring += 1
        try:
            yield
        finally:
            self._deferring -= 1
            if not self._deferring:
                await self._workers.finish(self._settle())

    async def confirm_held(self) -> int:
        """An administrator's word: those on hold are set aside after all; how many were."""
        await self._outcomes.recall_rejected()
        moved = 0
        for owner in self._rejections.held():
            if self._workers.is_stopping:
                break
            moved += await self._set_aside(owner)
        await self._outcomes.save()
        return moved

    def take_count(self) -> int:
        """How many have been set aside since this was last asked."""
        moved, self._moved = self._moved, 0
        return moved

    async def _settle(self) -> None:
        """One process at a time decides, by what all of them have seen."""
        if not self._store.storage.is_shared:
            return await self._carry_out(*self._rejections.settle(self._store.clock.seconds()))
        if not self._rejections.has_unsettled():
            return None
        try:
            async with self._leases.of_fleet(HOLD_LEASE):
                await self._outcomes.save()  # what this one has seen, for the next
                await self._outcomes.recall_rejected()
                decided = self._rejections.settle(self._store.clock.seconds())
                await self._outcomes.save()
        except CustodyError as fault:  # another time
            _log.warning("token_quarantine_failed", result=fault.code)
            return None
        return await self._carry_out(*decided)

    async def _carry_out(self, move: list[Owner], hold: list[Owner]) -> None:
        reasons = {
            owner: entry.reason if (entry := self._rejections.get(owner)) else "failed"
            for owner in hold
        }
        for owner, reason in reasons.items():
            _log.warning("token_held", owner=owner, result=reason)
        if reasons:
            events = [Event("held", owner, reason) for owner, reason in reasons.items()]
            await self._workers.run(self._store.storage.record, events)
        for owner in move:
            if self._workers.is_stopping:  # the rest is settled after the next start
                break
            await self._set_aside(owner)
        await self._outcomes.save()

    async def _set_aside(self, owner: Owner) -> bool:
        """Move what was rejected into quarantine, unless another one is in its place by now."""
        entry = self._rejections.get(owner)
        if entry is None:
            return False

        def move(lease: Lease) -> int:
            """How many copies of lately there are now; 0: none was made."""
            try:
                moved = self._store.copies.set_aside(
                    owner,
                    entry.reason,
                    lease=lease,
                    version=entry.version,
                    told=entry.told,
                    events=[Event("quarantined", owner, entry.reason)],
                )
            except Conflict:
                return 0
            return self._store.copies.lately(owner) if moved else 0

        try:
            count = await self._leases.under(owner, move)
            self._rejections.release(owner)
        except CustodyError as fault:  # locked, or a full disk: another time
            _log.warning("token_quarantine_failed", owner=owner, result=fault.code)
            return False
        except Exception:  # a defect that one owner's credential brings out holds up nobody else
            _log.exception("token_quarantine_failed", owner=owner, result="failed")
            return False
        if count:
            self._moved += 1
            self._outcomes.set_aside(owner)
            _log.warning("token_quarantined", owner=owner, result=entry.reason, count=count)
        return count > 0
