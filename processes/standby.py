"""One process at a time is the bot; on a storage that several reach, the others stand by."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Final

import structlog

from processes.ending import StartupError, StoppedInTime
from processes.outage import Outage, paused, say, stop_signal
from security.errors import CustodyError
from security.storage.holding.held_lease import HeldLease
from security.storage.leases import BOT_LEASE, Lease
from security.storage.protocol import Storage

_OVERLAP_SECONDS: Final = 20
"""Of a restart with what it replaces."""
_LOOK_SECONDS: Final = 0.05
_SILENT_SECONDS: Final = 1
_SAID_EVERY_SECONDS: Final = 10
_STANDBY_LOOK_SECONDS: Final = 1.0
"""Of a standby at the lease: a statement of the database each time."""
_LOOKS: Final = 10
"""In the time a lease lasts, at least."""
_log = structlog.get_logger()


@asynccontextmanager
async def only_bot_on(
    storage: Storage,
    patience_seconds: float = _OVERLAP_SECONDS,
    meanwhile: Callable[[], AbstractAsyncContextManager[object]] = nullcontext,
    is_anothers: Callable[[], bool] = lambda: False,
    outage: Outage | None = None,
) -> AsyncIterator[HeldLease]:
    """The only bot on this storage: two would both upload what is in its journal.

    Where a lease lapses with its process this one waits for as long as it takes, as a standby.

    Args:
        patience_seconds: how long it waits for a process on this machine.
        meanwhile: around the standby's waiting.
        is_anothers: whether what is kept is another bot's, for which this one cannot stand by.
            Blocks; raises CustodyError.
        outage: what this one has met before.

    Raises:
        StartupError: another one is running on this machine; or another bot is, on this storage.
        StoppedInTime: the standby was stopped.
        CustodyError: the storage does not say.
    """
    outage, took_over = outage or Outage(), True
    if storage.lease_seconds is not None:
        await asyncio.to_thread(storage.prepare)  # a lease needs a table; and none is ahead of us
    lease = await asyncio.to_thread(_try_alone, storage)
    if lease is None and storage.lease_seconds is None:
        lease = await _wait_for_predecessor(storage, patience_seconds)
    elif lease is None:
        await asyncio.to_thread(_refuse_another, storage, is_anothers)
        async with meanwhile():
            lease = await _stand_by(storage, storage.lease_seconds or 0, outage)
        took_over = lease.taken_over_at is not None  # else the one before has told what was over
        try:  # a new one may have had nothing to write down before
            await asyncio.to_thread(_refuse_another, storage, is_anothers)
        except (CustodyError, StartupError):
            await asyncio.to_thread(lease.release)
            raise
    held = HeldLease(lease, storage.lease_seconds)
    if took_over:
        now, ago = storage.now(), outage.seconds_ago(storage.lease_seconds or 0)
        held.outage = {code: now - seconds for code, seconds in ago.items()}
    held.start()
    try:
        yield held
    finally:
        await asyncio.to_thread(held.release)


def _try_alone(storage: Storage) -> Lease | None:
    [lease] = storage.lease([BOT_LEASE])
    if isinstance(lease, CustodyError):
        raise lease
    return lease


def _refuse_another(storage: Storage, is_anothers: Callable[[], bool]) -> None:
    """A standby finds out now that it could not be the bot, and not when it has to be."""
    storage.check_keys()
    if is_anothers():
        raise StartupError(
            "another bot (of another TELEGRAM_BOT_TOKEN) is at work on this database "
            "(DATABASE_URL), and its updates and uploads are none of this one's: stop it, or give "
            "this one a database of its own",
            code="second_instance",
        )


async def _wait_for_predecessor(storage: Storage, patience_seconds: float) -> Lease:
    began = time.monotonic()
    deadline, says_at = began + patience_seconds, began + _SILENT_SECONDS
    while not (lease := await asyncio.to_thread(_try_alone, storage)):
        now = time.monotonic()
        if now > deadline:
            raise StartupError(
                "another Drivekeeper is running on this data folder (USER_DATA_DIR)",
                code="second_instance",
            )
        if now > says_at:
            says_at = now + _SAID_EVERY_SECONDS
            left = round(deadline - now)
            _log.warning("start_waits", result="second_instance", seconds=left)
            say(
                "Another Drivekeeper holds this data folder (USER_DATA_DIR): waiting up to "
                f"{left} s more for it to end. Stop it, or give this one a folder of its own."
            )
        await asyncio.sleep(_LOOK_SECONDS)
    return lease


async def _stand_by(storage: Storage, lease_seconds: float, outage: Outage) -> Lease:
    _log.info("standby_waits", result="second_instance")
    say(
        "Another Drivekeeper is the bot on this database (DATABASE_URL): standing by, and taking "
        "over when it ends."
    )
    every = min(_STANDBY_LOOK_SECONDS, lease_seconds / _LOOKS)
    with stop_signal() as stop:
        while True:
            try:
                lease = await asyncio.to_thread(_try_alone, storage)
            except CustodyError as fault:  # the bot has the same trouble, or is about to
                if outage.meet(fault.code):
                    _log.warning("standby_waits", result=fault.code)
                lease = None
            else:
                outage.end()
            if lease is not None and stop.is_set():
                await asyncio.to_thread(lease.release)
                raise StoppedInTime
            if lease is not None:
                _log.info("standby_took_over", result=_how(lease))
                return lease
            await paused(every, stop)


def _how(lease: Lease) -> str:
    """Whether the one before has given it back, or is perhaps still there."""
    return "ok" if lease.taken_over_at is None else "expired"
