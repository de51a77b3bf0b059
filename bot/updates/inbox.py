"""The queue between Telegram and the handlers: what is in it is written down, and handled once.

python-telegram-bot acknowledges what it has polled by asking for more, which it does when every
`put` has returned; a webhook acknowledges by its answer. Both come after the writing.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import Final

import structlog
from telegram import Bot, Update

from bot.updates.incoming import read_update, written
from bot.updates.journal import Found, UpdateJournal
from security.credential import Owner
from security.errors import OperatorFault, TransientFault
from security.guard import Guard
from security.incidents import UPDATE_SET_ASIDE, UPDATES_NOT_SAVED, Incidents

_FIRST_PAUSE_SECONDS: Final = 0.5
_LONGEST_PAUSE_SECONDS: Final = 30
LOOK_SECONDS: Final = 30
"""How often `look_after` is to be called."""
_STARTS: Final = 3
"""So many may begin with an update that kills the process each time."""
_ASIDE_SECONDS: Final = 24 * 3600
_log = structlog.get_logger()


class Inbox(asyncio.Queue[object]):
    """For `ApplicationBuilder.update_queue`."""

    def __init__(self, journal: UpdateJournal, custodian: Guard, incidents: Incidents) -> None:
        super().__init__()
        self._journal = journal
        self._custodian = custodian
        self._incidents = incidents
        self.on_trouble: Callable[[], None] = lambda: None
        """Called where administrators are to be told that trouble has begun, or is over."""
        self.is_open = False
        """Whether updates are taken in."""
        self.is_failing = False
        """Whether updates could not be written down when last tried."""
        self._standing = Found()
        self._pending: set[int] = set()
        self._replayed: set[int] = set()
        self._running: set[int] = set()
        self._ended: set[int] = set()
        self._unsettled = False
        self._is_putting = False
        self._arriving = asyncio.Lock()
        self._settling = asyncio.Lock()
        self._alone = asyncio.Lock()

    async def resume(self, bot: Bot) -> None:
        """Queue what an earlier run has left, in its order; then take in what is new.

        Raises:
            OperatorFault: the disk failed.
        """
        found = self._standing = await self._custodian.run(self._journal.load)
        for number, document in found.waiting.items():
            if found.begun.get(number, 0) >= _STARTS:
                if number not in found.aside:
                    found.aside[number] = time.time()
                    _log.error("update_set_aside", result="failed")
                continue
            update = read_update(document, bot)
            if update is None:
                self._end(number)
                continue
            self._pending.add(number)
            self._replayed.add(number)
            self.put_nowait(update)
        for numbers in (found.begun, found.aside):
            for number in numbers.keys() - found.waiting.keys():
                del numbers[number]
        found.waiting = {}
        if self._pending:
            _log.info("updates_resumed", count=len(self._pending))
        self._incidents.end(UPDATES_NOT_SAVED, time.time())
        self._unsettled = True
        await self.settle()
        await self.look_after()
        self.is_open = True

    def close(self) -> None:
        """Take nothing in any more: Telegram keeps it, and sends it to the next run."""
        self.is_open = False

    async def put(self, item: object) -> None:
        """Write an update down and queue it; for as long as the disk fails, try again.

        An exception would end python-telegram-bot's polling without a word to anybody.
        """
        if not isinstance(item, Update):
            return await super().put(item)
        pause = _FIRST_PAUSE_SECONDS
        self._is_putting = True
        try:
            while True:
                try:
                    return await self.accept(item)
                except (OperatorFault, TransientFault):
                    await asyncio.sleep(pause)
                    pause = min(2 * pause, _LONGEST_PAUSE_SECONDS)
        except Exception:  # a defect: better handled without a note than never, for ever
            _log.exception("handler_failed")
            await super().put(item)
        finally:
            self._is_putting = False

    async def accept(self, update: Update) -> None:
        """Write an update down and queue it; one that is known already is neither.

        Raises:
            OperatorFault: it cannot be written down.
            TransientFault: the bot is starting or stopping.
        """
        number = update.update_id
        async with self._arriving:  # the queue's order is that of arrival
            if not self.is_open:
                raise TransientFault("the bot takes no updates just now", code="stopped")
            standing, document = self._standing, written(update)
            is_known = number in self._pending or number in standing.aside
            if is_known or number in standing.handled or len(document) < 2:
                return
            try:
                await self._custodian.run(self._journal.write, number, document)
            except OperatorFault as fault:
                self._fails(fault)
                raise
            self._works()
            self._pending.add(number)
            self.put_nowait(update)

    @asynccontextmanager
    async def handling(self, update: object) -> AsyncIterator[None]:
        """Around an update's handlers. Only a kill, or a stop in their midst, leaves it unhandled.

        What an earlier run left is counted before it begins, and from the second time on goes
        alone: the one that kills the process is found, and its neighbours are let off.
        """
        number = update.update_id if isinstance(update, Update) else -1
        if number not in self._pending:
            yield
            return
        begun = self._standing.begun
        async with self._alone if begun.get(number) else nullcontext():
            self._running.add(number)
            if number in self._replayed:
                begun[number] = begun.get(number, 0) + 1
                self._unsettled = True
                await self.settle()
            try:
                yield
            except Exception:  # its handler has told the person
                self._end(number)
                raise
            self._end(number)

    async def settle(self) -> None:
        """Write down what has ended. What the disk does not take now goes with the next."""
        async with self._settling:
            if not self._unsettled:
                return  # it went with another's
            ended, self._ended, self._unsettled = self._ended, set(), False
            settled = False
            try:
                await self._custodian.run(self._journal.settle, self._standing.ledger(), ended)
                settled = True
            except OperatorFault as fault:
                self._fails(fault)
            except RuntimeError:  # the process has stopped around a late handler
                _log.warning("update_not_saved", result="stopped")
            finally:
                if not settled:
                    self._ended |= ended
                    self._unsettled = True

    async def look_after(self) -> None:
        """Now and then: whether the disk works again; what was set aside is kept for a day."""
        if self.is_failing and not self._is_putting:  # which tries for itself, and the real thing
            try:
                await self._custodian.run(self._journal.probe)
            except OperatorFault:
                return
            self._works()
        aside, now = self._standing.aside, time.time()
        for number in [number for number, since in aside.items() if now - since > _ASIDE_SECONDS]:
            self._end(number)
        await self.settle()
        known = {incident.code for incident in self._incidents.open()}
        if aside and UPDATE_SET_ASIDE not in known:
            self._incidents.see(UPDATE_SET_ASIDE, now, 0)
            self.on_trouble()
        elif not aside and UPDATE_SET_ASIDE in known:
            self._incidents.end(UPDATE_SET_ASIDE, now)
            self.on_trouble()

    async def forget(self, owner: Owner) -> None:
        """Delete what was set aside of this person's."""
        for number in list(self._standing.aside):
            document = await self._custodian.run(self._journal.read, number)
            update = read_update(document, None) if document else None
            user = update.effective_user if update else None
            if user is not None and user.id == owner.telegram_id:
                self._end(number)
        await self.settle()

    async def rest(self) -> None:
        """The run stops in order: what it interrupts has killed nobody, and is not counted."""
        for number in self._running & self._replayed:
            self._standing.begun[number] -= 1
            self._unsettled = True
        await self.settle()

    def _end(self, number: int) -> None:
        standing = self._standing
        standing.handled.add(number, time.time())
        standing.handled.forget_old(time.time())
        for numbers in (standing.begun, standing.aside):
            numbers.pop(number, None)
        for names in (self._pending, self._replayed, self._running):
            names.discard(number)
        self._ended.add(number)
        self._unsettled = True

    def _fails(self, fault: OperatorFault) -> None:
        if not self.is_failing:
            self.is_failing = True
            _log.error("update_not_saved", result=fault.code)
            self._incidents.see(UPDATES_NOT_SAVED, time.time(), 0)
            self.on_trouble()

    def _works(self) -> None:
        if self.is_failing:
            self.is_failing = False
            self._incidents.end(UPDATES_NOT_SAVED, time.time())
            self.on_trouble()
