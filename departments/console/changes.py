"""What an administrator may do from the console: put back, delete for good, set aside."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import structlog

from security.credential import Owner
from security.custody.custodian import Custodian
from security.custody.deadline import Deadline
from security.custody.leases import Leases
from security.custody.rejecting import Rejecting
from security.custody.workers import Workers
from security.errors import (
    ConsentRequired,
    CorruptCredential,
    CustodyError,
    OperatorFault,
    RefusedByOrganisation,
    RestoreRefused,
)
from security.maintenance.incidents import HOLD
from security.maintenance.putting_back import note_told, put_back
from security.maintenance.state import MaintenanceState
from security.quarantine.copies import Quarantine
from security.quarantine.records import QuarantineRecord
from security.storage.events import Event
from security.storage.protocol import Storage

_PATIENCE_SECONDS: Final = 12
_AS_THEY_ARE: Final = frozenset({"gone", "no_refresh_token", "not_connected"})
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it, and to whom."""

    result: str
    """`restored`, `purged`, `held`; or why nothing was changed; or how the restored one is."""
    was_replaced: bool = False
    """Whether what lay in the restored one's place went into quarantine."""
    moved: int = 0
    """held: how many were set aside."""
    owners: Collection[Owner] = ()
    """held: who had been on hold."""


@dataclass(frozen=True, slots=True)
class Changes:
    """Each is in the audit trail, with who said so before what follows from it, and in the log."""

    workers: Workers
    leases: Leases
    storage: Storage
    copies: Quarantine
    state: MaintenanceState
    custodian: Custodian
    rejecting: Rejecting
    keeps_holds: bool
    """Whether what is on hold is this process's to set aside. Beside a bot over files it is not:
    the bot remembers it by itself."""

    async def restore(self, id: str, by: str) -> Outcome:
        """Put a copy back, and have Google say whether it still accepts it.

        Args:
            id: the copy's, as `QuarantineRecord.id`.
            by: the administrator, as in `administrators/who.py`.
        """
        record = await self._find(id)
        if record is None:
            return _refused("gone", "gone")
        try:
            await self._said(by, "restored")
            done = await put_back(self.workers, self.copies, self.state, record)
        except CustodyError as error:
            return _refused(_why_not(error), error.code, record.owner)
        _log.info("console_changed", result="restored", owner=record.owner)
        return Outcome(await self._how_is(record), done.replaced is not None)

    async def purge(self, id: str, word: str, by: str) -> Outcome:
        """Delete a copy for good, where `word` is its owner's mask: else it is "wrong"."""
        record = await self._find(id)
        if record is None:
            return _refused("gone", "gone")
        if word.strip() != record.owner_mask:
            return _refused("wrong", "declined", record.owner)
        try:
            await self._said(by, "purged")
            await self.workers.finish(self.workers.run(self.copies.purge, record.name))
        except CustodyError as error:
            return _refused(_why_not(error), error.code, record.owner)
        _log.info("console_changed", result="purged", owner=record.owner)
        return Outcome("purged")

    async def confirm_held(self, by: str) -> Outcome:
        """Set aside whoever is on hold."""
        if not self.keeps_holds:
            return _refused("failed", "not_permitted")
        await self._said(by, HOLD)
        await self.state.recall_rejected()
        owners = tuple(self.state.rejections.held())
        moved = await self.workers.finish(self.rejecting.confirm_held())
        _log.info("console_changed", result=HOLD, count=moved)
        result = "held_in_part" if self.state.rejections.held() else "held"
        return Outcome(result, moved=moved, owners=owners)

    async def _find(self, id: str) -> QuarantineRecord | None:
        found = await self.workers.read(self.copies.find, id)
        return next((record for record in found if record.id == id), None)

    async def _said(self, by: str, result: str) -> None:
        """An administrator said so; an operator at the machine is nobody's mask."""
        kind, _, _ = by.partition(":")
        who = Owner.parse(by) if kind == "user" else None
        await self.workers.run(self.storage.record, [Event("confirmed", who, result)])

    async def _how_is(self, record: QuarantineRecord) -> str:
        """It is in place; whether Google still knows it is another matter, and better known now."""
        owner = record.owner
        try:
            async with Deadline.after(_PATIENCE_SECONDS).kept():
                credential = await self.custodian.load(owner)
                spent = credential.access_token if credential else None
                await self.custodian.refresh(owner, rejected=spent)
        except ConsentRequired:
            if record.told:
                # They know already.
                await note_told(self.leases, self.copies, self.state, owner)
            return "restored_refused"
        except RefusedByOrganisation:
            return "restored_organisation"
        except OperatorFault:
            return "restored_set_up"
        except CustodyError:
            return "restored_unsure"
        return "restored"


def _refused(result: str, code: str, owner: Owner | None = None) -> Outcome:
    _log.info("console_refused", result=code, owner=owner)
    return Outcome(result)


def _why_not(error: CustodyError) -> str:
    match error:
        case RestoreRefused():
            return error.code if error.code in _AS_THEY_ARE else "superseded"
        case CorruptCredential():
            return "damaged"
        case _ if error.code in ("key_missing", "unknown_key"):
            return "no_key"
        case _:
            return "locked" if error.code == "locked" else "failed"
