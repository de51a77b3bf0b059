"""One pass over all owners: keep, refresh ahead of expiry, condemn; and count what was done.

Knows nothing of who starts it. An owner whose file has not changed and whose token is not due
costs one stat (`watch.py`). What is due goes through the custodian, which shares the refresh with
whoever asks at the same moment, and whose work from the request to the save nothing cancels.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Final

import structlog

from security.credential import Owner
from security.custody.batching import each
from security.custody.custodian import Custodian
from security.custody.pacing import Pace, Turn
from security.custody.refused_clients import NotAsked, RefusedClients
from security.errors import (
    ConsentRequired,
    CustodyError,
    Fault,
    GenerationConflict,
    OperatorFault,
    RefusedByOrganisation,
    TransientFault,
)
from security.maintenance.activity import IDLE_REFRESH_EVERY
from security.maintenance.records import Records
from security.maintenance.report import SweepReport, Tally
from security.storage.files.index import Scan, owners_of
from security.token_store import Reading, TokenStore

_FULL_EVERY: Final = timedelta(days=1)
_BESIDE: Final = 32
_IN_A_ROW: Final = 200
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


class Sweep:
    """Passes over all owners, never two at once."""

    def __init__(
        self,
        store: TokenStore,
        custodian: Custodian,
        records: Records,
        options: SweepOptions,
        may_use: Callable[[Owner], bool] = lambda _: True,
    ) -> None:
        """
        Args:
            may_use: of whom nothing is refreshed otherwise; damage is seen to all the same.
        """
        self._store = store
        self._custodian = custodian
        self._memory = records.memory
        self._watch = records.watch
        self._refusals = records.refusals
        self._options = options
        self._may_use = may_use
        self._pace = Pace(options.concurrency)
        # While one is read or saved, another may be asked for: Google's time is not ours to waste.
        self._at_once = options.concurrency + min(options.concurrency // 2, _BESIDE)
        self._running = asyncio.Lock()
        self._clients = RefusedClients()
        self._last_full: datetime | None = None
        self._pass_task: asyncio.Task[None] | None = None
        self._stopping = False
        self.minutes_left: list[tuple[float, int]] = []
        """Cumulative counts of credentials by minutes left, as of the last pass."""

    @property
    def is_running(self) -> bool:
        """Whether a pass is under way."""
        return self._running.locked()

    async def run(self, *, full: bool = False, dry_run: bool = False) -> SweepReport:
        """One pass; waits for one that is under way.

        Args:
            full: read every file, changed or not; so does the first pass, and one a day.
            dry_run: only say what is due and what is damaged; nothing is asked, nothing is moved.
        """
        async with self._running:
            started_at, began = datetime.now(UTC), time.monotonic()
            full = full or self._last_full is None or started_at - self._last_full >= _FULL_EVERY
            if full:
                self._watch.clear()
            tally, scan, self._clients = Tally(), Scan(), RefusedClients()
            self._custodian.court.taken()
            try:
                scan = await self._custodian.read(self._watch.scan, self._due_before(started_at))
                if self._stopping:
                    tally.ended_by = "stopped"
                elif dry_run:
                    await self._look_only(scan, tally)
                else:
                    self._pass_task = asyncio.create_task(self._pass(scan, tally))
                    await self._pass_task
            except OperatorFault as fault:
                tally.need_operator(fault.code)
                tally.ended_by = fault.code
            except asyncio.CancelledError:
                if not self._stopping:
                    raise
                tally.ended_by = "stopped"
            if tally.ended_by is not None:
                self._last_full = None  # whoever was left out is looked for by the next one
            elif full and not dry_run:
                self._last_full = started_at
                await self._custodian.departures.forget_gone()
            if not dry_run:
                tally.results += await self._custodian.read(self._refusals.standing)
            now = datetime.now(UTC).timestamp()
            fewest, self.minutes_left = await self._custodian.read(self._watch.minutes_left, now)
            moved, held = self._custodian.court.taken(), len(self._memory.verdicts.held())
            report = SweepReport(
                started_at=started_at,
                seconds=time.monotonic() - began,
                full=full,
                seen=scan.seen,
                fresh=max(scan.seen - tally.tried - tally.skipped, 0),
                refreshed=tally.refreshed,
                transient=tally.transient,
                operator=tally.operator,
                quarantined=moved,
                held=held,
                skipped=tally.skipped,
                results=dict(tally.results),
                waiting=dict(tally.waiting),
                minutes_left=fewest,
                ended_by=tally.ended_by,
            )
            if not dry_run:
                self._memory.add(report)
                await self._custodian.remember(self._memory)
        return report

    def _due_before(self, now: datetime) -> float:
        return (now + self._custodian.lead).timestamp()

    def stop(self) -> None:
        """The process ends: no further owner; refreshes under way go on to their save."""
        self._stopping = True
        if self._pass_task is not None:
            self._pass_task.cancel()

    async def _pass(self, scan: Scan, tally: Tally) -> None:
        """Read what changed, and refresh what is due, some at once."""
        due, turn = self._due(scan, tally), asyncio.Lock()
        async with self._custodian.court.deferring(), asyncio.TaskGroup() as group:
            for _ in range(min(self._at_once, len(scan.due) + len(scan.changed))):
                group.create_task(self._work(due, turn, tally))

    async def _due(self, scan: Scan, tally: Tally) -> AsyncIterator[Owner]:
        """Those whose token is due: known ones soonest first, then what turns up on reading."""
        for number, (expires, name) in enumerate(scan.due):
            if number % _IN_A_ROW == 0:  # of the idle there may be very many
                await asyncio.sleep(0)
            for owner in owners_of([name]):
                if self._is_time(owner, expires, tally):
                    yield owner
        size = self._options.batch_size
        for start in range(0, len(scan.changed), size):
            owners = owners_of(scan.changed[start : start + size])
            readings = await self._custodian.read(self._read, owners)
            for owner, reading in zip(owners, readings, strict=True):
                try:
                    is_due = await self._is_due(owner, reading, tally)
                except Exception as error:
                    self._unforeseen(owner, error, tally)
                else:
                    if is_due:
                        yield owner

    def _read(self, owners: list[Owner]) -> list[Reading | Exception]:
        return each(self._store.read, owners)

    async def _is_due(self, owner: Owner, reading: Reading | Exception, tally: Tally) -> bool:
        """Whether what was read calls for a refresh; damage and leave-taking are seen to."""
        if isinstance(reading, OperatorFault):
            tally.need_operator(reading.code)
            return False
        if isinstance(reading, Exception):
            raise reading
        if reading.damage is not None:
            tally.condemn(reading.damage.code)
            await self._custodian.court.condemn(owner, reading.damage.code, reading.stamp)
            return False
        now = datetime.now(UTC).timestamp()
        self._memory.verdicts.tried(now, grant=False)
        credential = reading.credential
        if credential is None:
            return False
        if credential.state == "leaving":
            await self._custodian.departures.finish(owner)
            return False
        granted = credential.granted_at
        self._memory.activity.assume(owner, granted.timestamp() if granted else now)
        expires = credential.serves_until(datetime.now(UTC))
        self._watch.note(owner, reading.stamp, expires, credential.client_id)
        return expires < self._due_before(datetime.now(UTC)) and self._is_time(
            owner, expires, tally
        )

    def _is_time(self, owner: Owner, expires: float, tally: Tally) -> bool:
        """Whether a token that is due is to be refreshed now: not in a pause, nor while idle, nor
        with a client that Google refuses."""
        now = datetime.now(UTC).timestamp()
        if not self._may_use(owner):
            tally.skip("not_allowed")
            return False
        if self._memory.pauses.is_paused(owner, now):
            tally.skip(self._memory.pauses.after(owner))
            return False
        idle = self._memory.activity.is_idle(owner, now)
        if idle and expires + IDLE_REFRESH_EVERY.total_seconds() >= now:
            return False
        refusal = self._clients.refusal(self._watch.client_of(owner))
        if refusal is not None:
            tally.skip(refusal)
        return refusal is None

    async def _work(self, due: AsyncIterator[Owner], turn: asyncio.Lock, tally: Tally) -> None:
        while True:
            async with turn:
                owner = await anext(due, None)
            if owner is None:
                return
            mine = await self._pace.turn()
            try:
                if tally.ended_by is None:
                    await self._keep(owner, tally, mine)
                else:
                    tally.skip()
            except Exception as error:
                self._unforeseen(owner, error, tally)
            finally:
                mine.end()

    def _unforeseen(self, owner: Owner, error: Exception, tally: Tally) -> None:
        """One owner's trouble is nobody else's, whatever it is."""
        tally.fail("failed")
        self._memory.pauses.extend(owner, datetime.now(UTC).timestamp())
        _log.error("sweep_owner_failed", owner=owner, exc_info=error)

    async def _keep(self, owner: Owner, tally: Tally, turn: Turn) -> None:
        fault: Fault | None
        try:
            # The time-out ends the waiting, never the refresh itself (`refresh_within`).
            seconds = self._options.timeout.total_seconds()
            asking = partial(_asking, self._clients, turn)
            kept = await self._custodian.refresh_within(owner, seconds, asking)
            fault = kept.fault
        except TimeoutError:
            fault = TransientFault("took too long", code="timeout")
        except Fault as error:
            fault = error
        except ConsentRequired as refusal:
            if refusal.code != "not_connected":
                tally.condemn(refusal.code)
                self._memory.pauses.extend(owner, datetime.now(UTC).timestamp())
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
        pauses, now = self._memory.pauses, datetime.now(UTC).timestamp()
        match fault:
            case NotAsked():
                tally.skip(fault.code)
            case OperatorFault():
                tally.need_operator(fault.code)
                if fault.code == "store_failed" and not await self._can_write():
                    tally.ended_by = fault.code
                else:
                    pauses.extend(owner, now, after=fault.code)
            case RefusedByOrganisation():
                tally.fail(fault.code)
                pauses.rest(owner, now, after=fault.code)
            case TransientFault():
                tally.fail(fault.code)
                pauses.extend(owner, now, at_least=fault.retry_after)

    async def _can_write(self) -> bool:
        try:
            await self._custodian.run(self._store.check_writable)
        except OperatorFault:
            return False
        return True

    async def _look_only(self, scan: Scan, tally: Tally) -> None:
        """Count what a pass would find; the refreshes it would make count as refreshed."""
        now = datetime.now(UTC).timestamp()
        for expires, name in scan.due:
            for owner in owners_of([name]):
                tally.refreshed += self._is_time(owner, expires, tally)
        size = self._options.batch_size
        for start in range(0, len(scan.changed), size):
            owners = owners_of(scan.changed[start : start + size])
            readings = await self._custodian.read(self._read, owners)
            for owner, reading in zip(owners, readings, strict=True):
                match reading:
                    case OperatorFault(code=code):
                        tally.need_operator(code)
                    case Exception():
                        tally.fail("failed")
                    case Reading(damage=CustodyError(code=code)):
                        tally.condemn(code)
                    case Reading(credential=credential) if credential is not None:
                        expires = credential.serves_until(datetime.now(UTC))
                        self._watch.note(owner, reading.stamp, expires, credential.client_id)
                        if expires - now < self._custodian.lead.total_seconds():
                            tally.refreshed += self._is_time(owner, expires, tally)


@asynccontextmanager
async def _asking(clients: RefusedClients, turn: Turn, client_id: str) -> AsyncIterator[None]:
    """What is held while Google is asked with a client. Looked at twice: it is waited for."""
    clients.check(client_id)
    async with turn:
        clients.check(client_id)
        with clients.asking(client_id):
            yield
