"""The queue between Telegram and the handlers: what is in it is written down, and handled once.

Only what is handled just now is in memory: all else is read again when its turn comes.

Polling acknowledges as `polled_queue.py` says, a webhook by its answer: both after the writing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from functools import partial
from typing import Any, Final

import structlog
from telegram import Bot, Update

from bot.access.policy import Access, Verdict
from bot.kinds import UPDATE_SET_ASIDE
from bot.updates.capacity import Capacity, Overflow
from bot.updates.fair_queue import FairQueue
from bot.updates.incoming import read_update, written
from bot.updates.journal import UpdateJournal
from bot.updates.polled_queue import LONGEST_PAUSE_SECONDS, PolledQueue
from bot.updates.queued_update import Needs, QueuedUpdate
from bot.updates.trouble import SavingTrouble
from bot.updates.writing import Writing
from security.credential import Owner
from security.custody.workers import Workers
from security.errors import OperatorFault, TransientFault
from security.google.jitter import doubling
from security.maintenance.incidents import Incidents
from security.storage.holding.held_lease import HeldLease

_FIRST_PAUSE_SECONDS: Final = 0.5
LOOK_SECONDS: Final = 30
"""How often `look_after` is to be called."""
_STARTS: Final = 3
"""So many may begin with an update that kills the process each time."""
_ASIDE_SECONDS: Final = 24 * 3600
_log = structlog.get_logger()


class Inbox(PolledQueue):
    """For `ApplicationBuilder.update_queue`."""

    def __init__(
        self,
        journal: UpdateJournal,
        workers: Workers,
        incidents: Incidents,
        access: Access,
        pause_seconds: float = _FIRST_PAUSE_SECONDS,
    ) -> None:
        """
        Args:
            access: whom it turns away is not written down.
            pause_seconds: before the disk is tried again; doubles each time.
        """
        super().__init__(pause_seconds)
        self._journal = journal
        self._workers = workers
        self._incidents = incidents
        self._access = access
        self.on_overflow: Callable[[Update], None] = lambda _: None
        """Told, once, the first of somebody's updates that there is no room for."""
        self.on_wait: Callable[[Update], None] = lambda _: None
        """Told each update that has to wait for Google's answer to another one."""
        self.needs: Callable[[Update], Needs] = lambda _: Needs.NOTHING
        """What handling an update takes; any thread may ask."""
        self.on_trouble: Callable[[], None] = lambda: None
        """Called where administrators are to be told that trouble has begun, or is over."""
        self.lease = HeldLease()
        """Without it nothing is taken in, and nothing is handled."""
        self.is_open = False
        """Whether updates are taken in."""
        self.waiting = FairQueue()
        self._capacity = Capacity(self.waiting)
        self._kept: dict[int, QueuedUpdate] = {}
        """What is written down and not handled, but for what was set aside."""
        self._trouble = SavingTrouble(incidents)
        self._trouble.on_change = lambda: self.on_trouble()  # noqa: PLW0108 - set later
        self._writing = Writing(journal, workers, self._trouble.note)
        self._arriving: dict[int, tuple[QueuedUpdate, asyncio.Future[int]]] = {}
        """What is being written down."""
        self._fetching: set[asyncio.Task[None]] = set()
        self._in_turn = asyncio.Lock()
        self._one_by_one = asyncio.Lock()

    @property
    def is_failing(self) -> bool:
        """Whether updates could not be written down when last tried."""
        return self._trouble.is_there

    async def resume(self, bot: Bot) -> None:
        """Queue what an earlier run has left, in its order; then take in what is new.

        Raises:
            OperatorFault: the disk failed.
        """
        self.bot = bot
        ledger, left = await self._workers.run(self._journal.load, self._needs_of)
        self._writing.ledger = ledger
        for queued in left:
            if ledger.begun.get(queued.number, 0) < _STARTS:
                queued.is_left = True
                self._keep(queued)
            elif queued.number not in ledger.aside:
                ledger.aside[queued.number] = time.time()
                _log.error("update_set_aside", result="failed")
        ledger.keep_only({queued.number for queued in left})
        if self._kept:
            _log.info("updates_resumed", count=len(self._kept))
        self._writing.changed = True
        await self.settle()
        await self.look_after()
        self.is_open = True
        self.release()

    def close(self) -> None:
        """Take nothing in any more, and hand nothing out: the next run gets it."""
        self.is_open = False
        for task in self._fetching:
            task.cancel()

    async def accept(self, update: Update) -> None:
        """Write an update down and queue it; one that is known already is neither.

        Nor is what there is no room for. Who may not pass is let through to the gate, which says
        so, but nothing of theirs is kept.

        Raises:
            OperatorFault: it cannot be written down.
            TransientFault: the bot is starting or stopping, or another process may be it.
        """
        number = update.update_id
        async with self._in_turn:  # the queue's order is that of arrival
            if not (self.is_open and self.lease.may_begin()):
                raise TransientFault("the bot takes no updates just now", code="stopped")
            document = written(update)
            is_known = number in self._kept or self._writing.ledger.knows(number, time.time())
            if is_known or len(document) < 2:
                return
            if number not in self._arriving:
                queued, verdict = QueuedUpdate.of(number, document), await self._access.of(update)
                if verdict not in ("pass", "leave"):
                    self._turn_away(queued, verdict, update)
                    return
                others = [other for other, _ in self._arriving.values()]
                if (why := self._capacity.reason_to_refuse(queued, others)) is not None:
                    self._refuse(queued, why, update)
                    return
                writing = self._writing.arrive(number, document)
                self._arriving[number] = queued, writing
                writing.add_done_callback(partial(self._is_written, queued, update))
            _, writing = self._arriving[number]
        # What comes meanwhile goes into the next write. Whoever gives up spoils nobody else's.
        await asyncio.shield(writing)

    def _is_written(
        self, queued: QueuedUpdate, update: Update, writing: asyncio.Future[int]
    ) -> None:
        del self._arriving[queued.number]
        if writing.cancelled():  # the process ends, and Telegram brings it again
            return
        fault = writing.exception()
        if fault is not None:
            if isinstance(fault, OperatorFault):
                self._trouble.note(fault)
            return
        self._trouble.note(None)
        queued.size, queued.update, queued.needs = writing.result(), update, self.needs(update)
        self._keep(queued)
        self.release()
        if queued.update is not None:
            queued.update = None  # it has to wait, and is read again then
            if queued.needs is not Needs.NOTHING:
                self.on_wait(update)

    @asynccontextmanager
    async def handling(self, update: object) -> AsyncIterator[None]:
        """Around an update's handlers. Only a kill, or a stop in their midst, leaves it unhandled.

        What an earlier run left is counted before it begins, and from the second time on goes
        alone: the one that kills the process is found, and its neighbours are let off.
        """
        number = update.update_id if isinstance(update, Update) else -1
        begun = self._writing.ledger.begun
        try:
            await self.lease.until_allowed()
            if (queued := self._kept.get(number)) is None:
                yield
                return
            if goes_alone := bool(begun.get(number)):
                self.waiting.yield_place(number)
                self.release()
            async with self._one_by_one if goes_alone else nullcontext():
                if queued.is_left:
                    queued.is_counted = True
                    begun[number] = begun.get(number, 0) + 1
                    self._writing.changed = True
                    await self.settle()
                try:
                    yield
                except Exception:  # its handler has told the person
                    await self.lease.until_allowed()
                    self._end(number)
                    raise
                # Where the process has stood still meanwhile, nobody knows what came of it: the
                # next one to be the bot handles it again.
                await self.lease.until_allowed()
                self._end(number)
        finally:
            self.waiting.done(number)
            self.release()

    def arrived(self, update: Update) -> float:
        """When this run came to know of an update, by the event loop's clock."""
        queued = self._kept.get(update.update_id)
        return asyncio.get_running_loop().time() if queued is None else queued.since

    def ask_google(self, number: int, needs: Needs) -> None:
        """What is being handled needs Google after all: its sender's texts need not wait for it."""
        if self.waiting.ask_google(number, needs):
            self.release()

    async def settle(self) -> None:
        """Write down what has ended. What the disk does not take now goes with the next."""
        await self._writing.settle()

    async def look_after(self) -> None:
        """Now and then: whether the disk works again; what was set aside is kept for a day."""
        if not self.is_putting:  # which tries for itself, and the real thing
            try:
                if self.is_failing:
                    await self._workers.run(self._journal.probe)
            except OperatorFault:
                return
            self._trouble.note(None)
        aside, now = self._writing.ledger.aside, time.time()
        for number in [number for number, since in aside.items() if now - since > _ASIDE_SECONDS]:
            self._end(number)
        await self.settle()
        if self._incidents.note(UPDATE_SET_ASIDE, now, is_there=bool(aside)):
            self.on_trouble()

    async def forget(self, owner: Owner) -> None:
        """Delete what was set aside of this person's."""
        for number in list(self._writing.ledger.aside):
            document = await self._workers.run(self._journal.read, number)
            update = read_update(document, None) if document else None
            user = update.effective_user if update else None
            if user is not None and user.id == owner.telegram_id:
                self._end(number)
        await self.settle()

    def release(self) -> None:
        """Hand out those whose turn it is; also once files (`FairQueue.is_full`) may go on."""
        while self.is_open and (queued := self.waiting.take()) is not None:
            if queued.update is not None:
                self.put_nowait(queued.update)
                queued.update = None
                continue
            task = asyncio.create_task(self._fetch(queued.number))
            self._fetching.add(task)
            task.add_done_callback(self._fetching.discard)

    async def drop_files(self, owner: Owner, before: int) -> list[Update | None]:
        """Handle none of the owner's files and questions to Google that came before this update,
        and wait still. Returns them; None: one that can be read no more.
        """
        dropped = self.waiting.drop(owner.telegram_id or 0, before)
        documents = await self._workers.read(self._journal.read_all, dropped)
        for number in dropped:
            self._end(number)
        await self.settle()
        return [read_update(document, self.bot) if document else None for document in documents]

    async def uncount_interrupted(self) -> None:
        """The run stops in order: what it interrupts has killed nobody, and is not counted."""
        for number, queued in self._kept.items():
            if queued.is_counted:
                self._writing.ledger.begun[number] -= 1
                self._writing.changed = True
        await self.settle()

    def _needs_of(self, document: dict[str, Any]) -> Needs | None:
        update = read_update(document, self.bot)
        return None if update is None else self.needs(update)

    def _keep(self, queued: QueuedUpdate) -> None:
        queued.since = asyncio.get_running_loop().time()
        self._kept[queued.number] = queued
        self._capacity.bytes += queued.size
        self.waiting.add(queued)

    def _refuse(self, queued: QueuedUpdate, why: Overflow, update: Update) -> None:
        """Acknowledged unhandled: kept, it would grow without end; left, it would block others."""
        self._writing.ledger.handled.add(queued.number, time.time())
        self._writing.changed = True
        _log.warning("update_refused", owner=Owner.user(queued.person), result=why)
        if self._capacity.is_first_refused(queued):
            self.on_overflow(update)

    def _turn_away(self, queued: QueuedUpdate, verdict: Verdict, update: Update) -> None:
        if queued.person and self.waiting.has_waiting(queued.person):
            # The gate answers once a minute, and is about to: a flood is not kept waiting for it.
            _log.warning("access_denied", owner=Owner.user(queued.person), result=verdict)
            return
        queued.update = update
        self.waiting.add(queued)
        self.release()

    async def _fetch(self, number: int) -> None:
        """Hand out an update that has waited on the disk, once that gives it."""
        for pause in doubling(self.pause_seconds, LONGEST_PAUSE_SECONDS):
            try:
                document = await self._workers.read(self._journal.read, number)
                break
            except OperatorFault as fault:
                self._trouble.note(fault)
                await asyncio.sleep(pause)
        update = read_update(document, self.bot) if document is not None else None
        if update is not None:
            self.put_nowait(update)
            return
        if document is not None:  # no update: it will not be one another time
            self._end(number)
            await self.settle()
        else:  # damaged, or handled meanwhile, or its key is missing: then the next start tries
            self._forget(number)
        self.waiting.done(number)
        self.release()

    def _end(self, number: int) -> None:
        """It is not to be handled any more; the next `settle` writes that down."""
        self._writing.end(number)
        self._forget(number)

    def _forget(self, number: int) -> None:
        if (queued := self._kept.pop(number, None)) is not None:
            self._capacity.bytes -= queued.size
