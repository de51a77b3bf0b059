"""What was set aside is put back, and nothing remembered of its owner keeps it from being used."""

from __future__ import annotations

from security.custody.workers import Workers
from security.maintenance.state import MaintenanceState
from security.quarantine.copies import Quarantine
from security.quarantine.records import QuarantineRecord, Restoration


async def put_back(
    workers: Workers, copies: Quarantine, state: MaintenanceState, record: QuarantineRecord
) -> Restoration:
    """Restore a copy, whatever becomes of the caller.

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
