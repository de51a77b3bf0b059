"""What was set aside is put back, and its owner is told of it no more than once."""

from __future__ import annotations

from contextlib import suppress

from security.credential import Owner
from security.custody.leases import Leases
from security.custody.workers import Workers
from security.errors import CustodyError
from security.maintenance.state import MaintenanceState
from security.quarantine.copies import Quarantine
from security.quarantine.records import QuarantineRecord, Restoration


async def put_back(
    workers: Workers, copies: Quarantine, state: MaintenanceState, record: QuarantineRecord
) -> Restoration:
    """Restore a copy, whatever becomes of the caller; nothing remembered of its owner keeps it from
    being used.

    Raises:
        CustodyError: as `Quarantine.restore`.
    """
    return await workers.finish(_put_back(workers, copies, state, record))


async def _put_back(
    workers: Workers, copies: Quarantine, state: MaintenanceState, record: QuarantineRecord
) -> Restoration:
    done = await workers.run(copies.restore, record.name)
    await state.recall([record.owner])
    state.pauses.clear(record.owner)
    state.rejections.release(record.owner)
    state.save_soon()
    return done


async def note_told(
    leases: Leases, copies: Quarantine, state: MaintenanceState, owner: Owner
) -> None:
    """Remember that the owner was asked to connect again, so that no notice need follow."""
    await state.recall([owner])
    state.rejections.mark_told(owner)
    with suppress(CustodyError):  # at worst they hear of it twice
        await leases.under(owner, lambda lease: copies.mark_owner_told(owner, lease=lease))
