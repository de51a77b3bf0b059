"""Which updates have ended: known at once, and written down by the next `settle`."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import structlog

from bot.updates.journal import Ledger, UpdateJournal
from security.custody.workers import Workers
from security.errors import OperatorFault

_log = structlog.get_logger()


class Settling:
    """The ledger as it stands in memory, and its way onto the disk."""

    def __init__(
        self, journal: UpdateJournal, workers: Workers, on_fault: Callable[[OperatorFault], None]
    ) -> None:
        """
        Args:
            on_fault: told where the disk does not take it; it goes with the next.
        """
        self._journal = journal
        self._workers = workers
        self._on_fault = on_fault
        self.ledger = Ledger(bot=0)
        self.changed = False
        """Whether there is something that is not written down."""
        self._ended: set[int] = set()
        """Numbers of documents that are to be removed, once the ledger has them."""
        self._writing = asyncio.Lock()

    def end(self, number: int) -> None:
        """It is not to be handled any more."""
        self.ledger.end(number, time.time())
        self._ended.add(number)
        self.changed = True

    async def settle(self) -> None:
        """Write down what has ended. What the disk does not take now goes with the next."""
        async with self._writing:
            if not self.changed:
                return  # it went with another's
            ended, self._ended, self.changed = self._ended, set(), False
            settled = False
            try:
                ledger = self.ledger.model_dump(mode="json")  # as it stands now
                await self._workers.run(self._journal.settle, ledger, ended)
                settled = True
            except OperatorFault as fault:
                self._on_fault(fault)
            except RuntimeError:  # the process has stopped around a late handler
                _log.warning("update_not_saved", result="stopped")
            finally:
                if not settled:
                    self._ended |= ended
                    self.changed = True
