"""Sets aside the credentials that cannot be used, one by one or all of a sweep together."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import structlog

from security.credential import Owner
from security.custody.workers import Guard
from security.errors import CustodyError
from security.maintenance.records import Records
from security.storage.files.index import Stamp
from security.token_store import TokenStore

_log = structlog.get_logger()


class Court:
    """Condemns, and carries out what `Verdicts` decide."""

    def __init__(self, guard: Guard, store: TokenStore, records: Records) -> None:
        self._guard = guard
        self._store = store
        self._memory = records.memory
        self._watch = records.watch
        self._audit = records.audit
        self._deferring = 0
        self._moved = 0

    async def condemn(self, owner: Owner, reason: str, stamp: Stamp | None) -> None:
        """Note that the file `stamp` tells of cannot be used; set it aside, or defer that."""
        if stamp is None:
            return
        now = datetime.now(UTC).timestamp()
        self._watch.forget(owner)
        if self._memory.verdicts.condemn(owner, reason, stamp, now) and not self._deferring:
            await self._guard.finish(self._settle())

    @asynccontextmanager
    async def deferring(self) -> AsyncIterator[None]:
        """Within it the condemned stay where they are; at its end they are settled together."""
        self._deferring += 1
        try:
            yield
        finally:
            self._deferring -= 1
            if not self._deferring:
                await self._guard.finish(self._settle())

    async def confirm_held(self) -> int:
        """An administrator's word: those on hold are set aside after all; how many were."""
        moved = 0
        for owner in self._memory.verdicts.held():
            if self._guard.is_stopping:
                break
            moved += await self._set_aside(owner)
        await self._guard.remember(self._memory)
        return moved

    def taken(self) -> int:
        """How many have been set aside since this was last asked."""
        moved, self._moved = self._moved, 0
        return moved

    async def _settle(self) -> None:
        move, hold = self._memory.verdicts.settle(datetime.now(UTC).timestamp())
        for owner in hold:
            verdict = self._memory.verdicts.get(owner)
            _log.warning("token_held", owner=owner, result=verdict.reason if verdict else "failed")
        for owner in move:
            if self._guard.is_stopping:  # the rest is settled after the next start
                break
            await self._set_aside(owner)
        await self._guard.remember(self._memory)

    async def _set_aside(self, owner: Owner) -> bool:
        """Move what was condemned into quarantine, unless another file is in its place by now."""
        verdict = self._memory.verdicts.get(owner)
        if verdict is None:
            return False

        def move() -> bool:
            if self._store.stamp(owner) != verdict.stamp:
                return False
            self._store.quarantine(owner, verdict.reason, told=verdict.told)
            self._audit.record("quarantined", owner, verdict.reason)
            self._watch.forget(owner)
            return True

        try:
            async with self._guard.locked_first(owner, move) as moved:
                self._memory.verdicts.release(owner)
        except CustodyError as fault:  # locked, or a full disk: another time
            _log.warning("token_quarantine_failed", owner=owner, result=fault.code)
            return False
        except Exception:  # a defect that one owner's file brings out keeps nobody else waiting
            _log.exception("token_quarantine_failed", owner=owner, result="failed")
            return False
        if moved:
            self._moved += 1
            self._memory.pauses.clear(owner)
            self._memory.organisations.clear(owner)
            _log.warning("token_quarantined", owner=owner, result=verdict.reason)
        return moved
