"""The journal's one writer: what comes to it during a write goes in the next, as one call."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from bot.updates.journal import Arrived, Ledger, UpdateJournal
from security.custody.workers import Workers
from security.errors import OperatorFault, TransientFault

_log = structlog.get_logger()


class Writing:
    """What has arrived, and the ledger as it stands in memory: their way into the journal."""

    def __init__(
        self, journal: UpdateJournal, workers: Workers, on_fault: Callable[[OperatorFault], None]
    ) -> None:
        """
        Args:
            on_fault: told where the ledger is not taken; it goes with the next.
        """
        self._journal = journal
        self._workers = workers
        self._on_fault = on_fault
        self.ledger = Ledger(bot=0)
        self.changed = False
        """Whether there is something in the ledger that is not written down."""
        self._ended: set[int] = set()
        """Numbers of documents that are to be removed, once the ledger has them."""
        self._arrived: list[tuple[Arrived, asyncio.Future[int]]] = []
        self._settled: asyncio.Future[None] | None = None
        """Whoever waits for the next write of the ledger."""
        self._writing: asyncio.Task[None] | None = None

    def arrive(self, number: int, document: dict[str, Any]) -> asyncio.Future[int]:
        """Write an update down: its bytes there. Those of one write are told in their order.

        It raises OperatorFault: it cannot be written down.
        """
        written: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._arrived.append(((number, document), written))
        self._begin()
        return written

    def end(self, number: int) -> None:
        """It is not to be handled any more; the next write has it."""
        self.ledger.end(number, time.time())
        self._ended.add(number)
        self.changed = True

    async def settle(self) -> None:
        """Write down what has ended. What is not taken now goes with the next."""
        if self.changed:
            if self._settled is None:
                self._settled = asyncio.get_running_loop().create_future()
            settled = self._settled
            self._begin()
            await asyncio.shield(settled)
        elif self._writing is not None:  # it went with another's
            await asyncio.wait((self._writing,))

    def _begin(self) -> None:
        if self._writing is None:
            self._writing = self._workers.uncancelled(self._write_all())

    async def _write_all(self) -> None:
        try:
            while self._arrived or self._settled is not None:
                await self._write()
        finally:
            self._writing = None

    async def _write(self) -> None:
        arrived, self._arrived = self._arrived, []
        settled, self._settled = self._settled, None
        ended, self._ended = self._ended, set()
        has_changed, self.changed = self.changed, False
        ledger = self.ledger.model_dump(mode="json") if has_changed else None  # as it stands now
        updates = [update for update, _ in arrived]
        sizes: Sequence[int | Exception]
        try:
            sizes, fault = await self._workers.run(self._journal.change, updates, ledger, ended)
        except RuntimeError:  # the process has stopped around a late handler
            _log.warning("update_not_saved", result="stopped")
            fault = TransientFault("the bot has stopped", code="stopped")
            sizes = [fault] * len(updates)
        except BaseException as defect:  # whoever waits meets it
            self._ended |= ended
            self.changed |= has_changed
            for waiting in (settled, *(written for _, written in arrived)):
                if waiting is None or waiting.done():
                    continue
                if isinstance(defect, asyncio.CancelledError):
                    waiting.cancel()
                else:
                    waiting.set_exception(defect)
            return
        if fault is not None:
            self._ended |= ended
            self.changed |= has_changed
        if isinstance(fault, OperatorFault):
            self._on_fault(fault)
        for (_, written), size in zip(arrived, sizes, strict=True):
            _give(written, size)
        if settled is not None:
            settled.set_result(None)


def _give(written: asyncio.Future[int], size: int | Exception) -> None:
    if written.done():  # nobody waits any more
        return
    if isinstance(size, Exception):
        written.set_exception(size)
    else:
        written.set_result(size)
