"""What keeps credentials, for the commands that ask Google: as in the bot's process.

Apart from `runtime.py`, because most commands ask nobody over the network.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from commands.runtime import Custody
from processes import wiring
from processes.storage import storage_of
from security.credential import Owner
from security.storage.leases import BOT_LEASE

if TYPE_CHECKING:
    from departments.clients.stopping import KeyStops
    from sheets.keeping.mirror import Mirror


@asynccontextmanager
async def at_work(custody: Custody, *, looks_only: bool = False) -> AsyncIterator[wiring.Custody]:
    """Custody that reads, asks and saves; a running bot remembers for itself.

    Args:
        looks_only: nothing is made, mended or written: for a dry run.
    """
    alone = custody.storage.is_shared or custody.storage.is_leased(BOT_LEASE) is False
    remembers = not looks_only and alone
    storage = storage_of(custody.settings, custody.mask, tells=not looks_only)
    options = wiring.CustodyOptions.of(custody.settings, remembers=remembers)
    made = wiring.custody(custody.settings, storage, custody.mask, options, looks_only=looks_only)
    async with made as parts:
        parts.store.on_wait = custody.store.on_wait
        yield parts


@asynccontextmanager
async def stopping_keys(custody: Custody, parts: wiring.Custody) -> AsyncIterator[KeyStops]:
    """What ends the keys of departments' computers."""
    async with wiring.drives_of(custody.settings, parts) as drives:
        yield wiring.key_stops(parts, drives)


@asynccontextmanager
async def mirroring_sheets(custody: Custody, parts: wiring.Custody) -> AsyncIterator[Mirror | None]:
    """What looks at departments' sheets; None: no file names any."""
    async with wiring.sheets_of(custody.settings, parts) as sheets:
        yield None if sheets is None else sheets.mirror


async def withdraw(custody: Custody, parts: wiring.Custody, owner: Owner) -> None:
    """Give up what a department's computers were handed: its grant is to end."""
    from departments.uploads.withdrawing import Withdrawing

    async with wiring.drives_of(custody.settings, parts) as drives:
        withdrawing = Withdrawing(parts.storage, parts.workers, drives)
        await withdrawing.of_department(owner)
