"""One pass over all owners: keep, refresh ahead of expiry, reject; and count what was done.

Knows nothing of who starts it. An owner whose credential has not changed and whose token is not due
costs next to nothing (`Storage.due`). What is due goes through the custodian, which shares the
refresh with whoever asks at the same moment, and whose work from the request to the save nothing
cancels.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from security.credential import Owner
from security.custody.custodian import Custodian
from security.custody.disconnect import Disconnecting
from security.custody.leases import Leases
from security.custody.limiter import IN_HAND, IN_HAND_OF_DATABASE, RefreshLimiter, RefreshSlot
from security.custody.refused_clients import NotAsked, RefusedClients
from security.custody.rejecting import Rejecting
from security.custody.workers import Workers
from security.errors import (
    ConsentRequired,
    CustodyError,
    Fault,
    GenerationConflict,
    HeldElsewhere,
    LeftAlone,
    OperatorFault,
    RefusedByOrganisation,
    TransientFault,
)
from security.maintenance.candidates import Candidate, Candidates
from security.maintenance.figures import Figures
from security.maintenance.report import SweepReport, Tally
from security.maintenance.state import MaintenanceState
from security.storage.leases import FULL_LEASE
from security.storage.refusals import Refusals
from security.token_store import TokenStore

_FULL_EVERY: Final = timedelta(days=1)
_BESIDE: Final = 32
_NOTHING_KEPT: Final = frozenset({"store_failed", "database_unreachable"})
"""Where nothing at all can be saved, nobody else has to be tried."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class SweepOptions:
    """The settings a sweep follows."""

    batch_size: int = 500
    """Owners read at a time."""
    concurrency: int = 32
    """Requests to Google at once."""
    timeout: timedelta = timedelta(seconds=30)
    """The longest one owner may take."""
    may_use: Callable[[Owner], bool] = lambda _: True
    """Of whom nothing is refreshed otherwise; damage is seen to all the same."""


class Sweep:
    """Passes over all owners, never two at once."""

    def __init__(
        self,
        workers: Workers,
        leases: Leases,
        store: TokenStore,
        custodian: Custodian,
        rejecting: Rejecting,
        disconnecting: Disconnecting,
        state: MaintenanceState,
        refusals: Refusals,
        options: SweepOptions,
    ) -> None:
        self._workers = workers
        self._leases = leases
        self._store = store
        self._clock = store.clock
        self._custodian = custodian
        self._rejecting = rejecting
        self._disconnecting = disconnecting
        self._state = state
        self._refusals = refusals
        self._options = options
        is_shared = store.storage.is_shared
        in_hand = IN_HAND_OF_DATABASE if is_shared else IN_HAND
        self._limiter = RefreshLimiter(options.concurrency, in_hand)
        # While one is read or saved (in a database, one read and another saved), others may be
        # asked for: Google's time is not ours to waste.
        beside = options.concurrency // 2 * (2 if is_shared else 1)
        self._at_once = options.concurrency + min(beside, _BESIDE)
        self._running = asyncio.Lock()
        self._clients = RefusedClients(self._workers, self._store.storage)
        self._last_full: datetime | None = None
        self._idle: dict[str, float] = {}
        self._pass_task: asyncio.Task[None] | None = None
        self._stopping = False
        self.figures = Figures(store.storage)
        """How the fleet stands, as of the last pass."""

    @property
    def is_running(self) -> bool:
        """Whether a pass is under way."""
        return self._running.locked()

    async def run(self, *, full: bool = False, dry_run: bool = False) -> SweepReport:
        """One pass; waits for one that is under way.

        Args:
            full: read every credential, changed or not; so does the first pass, and one a day.
            dry_run: only say what is due and what is damaged; nothing is asked, nothing is moved.
        """
        started_at, began = self._clock.now(), time.monotonic()
        everything = self._reading_everything(started_at, asked=full)
        async with self._running, everything as full:
            tally, self._clients = Tally(), RefusedClients(self._workers, self._store.storage)
            self._rejecting.take_count()
            try:
                looking = self._looking(tally, dry_run)
                next_page = looking.pages(self._options.batch_size, full=full)
                page = await self._workers.read(next_page)
                if self._stopping:
                    tally.ended_by = "stopped"
                else:
                    due = looking.all(page, next_page)
                    self._pass_task = asyncio.create_task(self._pass(looking, due))
                    await self._pass_task
            except OperatorFault as fault:
                tally.end(fault.code)
            except asyncio.CancelledError:
                if not self._stopping:
                    raise
                tally.ended_by = "stopped"
            if tally.ended_by is not None:
                self._last_full = None  # whoever was left out is looked for by the next one
            elif full and not dry_run:
                self._last_full = started_at
                await self._forget_gone()
            if not dry_run:
                tally.results += await self._workers.read(self._refusals.standing)
            with suppress(OperatorFault):  # they stay as they were
                await self._workers.read(self.figures.count)
            await self._state.recall_held()
            report = SweepReport(
                started_at=started_at,
                seconds=time.monotonic() - began,
                full=full,
                seen=tally.seen,
                fresh=max(tally.seen - tally.tried - tally.skipped, 0),
                refreshed=tally.refreshed,
                transient=tally.transient,
                operator=tally.operator,
                quarantined=self._rejecting.take_count(),
                held=len(self._state.rejections.held()),
                skipped=tally.skipped,
                results=dict(tally.results),
                waiting=dict(tally.waiting),
                minutes_left=self.figures.minutes_left(),
                ended_by=tally.ended_by,
            )
            if not dry_run:
                self._state.add(report)
                await self._state.save()
        return report

    def stop(self) -> None:
        """The process ends: no further owner; refreshes under way go on to their save."""
        self._stopping = True
        if self._pass_task is not None:
            self._pass_task.cancel()

    @asynccontextmanager
    async def _reading_everything(self, now: datetime, *, asked: bool) -> AsyncIterator[bool]:
        """Whether this pass reads everything: where that is asked for, or a day has passed.

        What a process knows of files is gone with it. A database goes by its own index: there one
        of all processes does it.
        """
        is_time = self._last_full is None or now - self._last_full >= _FULL_EVERY
        if asked or not is_time or not self._store.storage.is_shared:
            yield asked or is_time
            return
        async with AsyncExitStack() as held:
            try:
                await held.enter_async_context(self._leases.of_fleet(FULL_LEASE, waits=False))
                self._last_full = await self._state.last_full()
                is_time = self._last_full is None or now - self._last_full >= _FULL_EVERY
            except CustodyError:
                is_time = False
            yield is_time

    def _looking(self, tally: Tally, dry_run: bool) -> Candidates:
        return Candidates(
            self._workers,
            self._store,
            self._rejecting,
            self._disconnecting,
            self._state,
            self._clients,
            tally,
            self._custodian.lead,
            self._options.may_use,
            self._unforeseen,
            self._idle,
            dry_run,
        )

    async def _pass(self, looking: Candidates, due: AsyncIterator[Candidate]) -> None:
        """Read what changed, and refresh what is due, some at once."""
        if looking.dry_run:
            async for _ in due:
                looking.tally.refreshed += 1
            return
        places = asyncio.Semaphore(self._at_once)
        # Reading finds the damaged as well: they are deferred from the first one on.
        async with self._rejecting.deferring(), asyncio.TaskGroup() as group:
            async for one in due:
                await places.acquire()
                task = group.create_task(self._take_turn(looking, one))
                task.add_done_callback(lambda _: places.release())

    async def _take_turn(self, looking: Candidates, one: Candidate) -> None:
        slot = await self._limiter.slot()
        try:
            if looking.tally.ended_by is None:
                await self._keep(looking, one, slot)
            else:
                looking.tally.skip()
        except Exception as error:
            self._unforeseen(one.owner, error, looking.tally)
        finally:
            slot.end()

    def _unforeseen(self, owner: Owner, error: Exception, tally: Tally) -> None:
        """One owner's trouble is nobody else's, whatever it is."""
        tally.fail("failed")
        self._state.pauses.extend(owner, self._clock.seconds())
        _log.error("sweep_owner_failed", owner=owner, exc_info=error)

    async def _keep(self, looking: Candidates, one: Candidate, slot: RefreshSlot) -> None:
        fault: Fault | None
        owner, tally = one.owner, looking.tally
        try:
            # The time-out ends the waiting, never the refresh itself (`refresh_within`).
            seconds = self._options.timeout.total_seconds()
            asking = partial(self._clients.asking, slot)
            is_still_due = partial(looking.is_still_due, one)
            kept = await self._custodian.refresh_within(owner, seconds, asking, is_still_due)
            fault = kept.fault
        except TimeoutError:
            fault = TransientFault("took too long", code="timeout")
        except Fault as error:
            fault = error
        except ConsentRequired as refusal:
            if refusal.code != "not_connected":
                tally.reject(refusal.code)
                self._state.pauses.extend(owner, self._clock.seconds())
                self._state.save_soon()
            return
        except GenerationConflict:
            return  # somebody else saved a newer one
        if fault is None:
            tally.refreshed += kept.asked
        else:
            await self._weigh(owner, fault, tally)

    async def _weigh(self, owner: Owner, fault: Fault, tally: Tally) -> None:
        """Count it, and leave the owner alone for a while. It says nothing about anybody else, but
        where nothing at all can be saved: then the pass ends, and everybody keeps their place."""
        pauses, now = self._state.pauses, self._clock.seconds()
        match fault:
            case LeftAlone():
                pass  # it is counted as what it was found to be
            case NotAsked() | HeldElsewhere():
                tally.skip(fault.code)
            case OperatorFault():
                tally.need_operator(fault.code)
                if fault.code in _NOTHING_KEPT and not await self._can_write():
                    tally.ended_by = fault.code
                else:
                    pauses.extend(owner, now, after=fault.code)
            case RefusedByOrganisation():
                tally.fail(fault.code)
                pauses.rest(owner, now, after=fault.code)
            case TransientFault():
                tally.fail(fault.code)
                pauses.extend(owner, now, at_least=fault.retry_after)
        self._state.save_soon()

    async def _can_write(self) -> bool:
        with suppress(OperatorFault):
            await self._workers.run(self._store.storage.check_writable)
            return True
        return False

    async def _forget_gone(self) -> None:
        """Nothing is remembered of those of whom no credential, nor a copy of one, is there."""
        remembered = self._state.owners()  # before the look: who connects beside it is there
        with suppress(CustodyError):  # the storage fails just now: another day
            there = await self._workers.read(self._store.owners)
            copied = await self._workers.read(self._store.copies.owners)
            for owner in remembered.difference(there, copied):
                self._state.left(owner)
