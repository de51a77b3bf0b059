"""What python-telegram-bot's polling puts its updates into: a queue that writes them down first.

It acknowledges what it has polled by asking for more, which it does when every `put` has returned.
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import structlog
from telegram import Bot, Update

from bot.updates.incoming import read_update
from security.errors import OperatorFault, TransientFault
from security.google.jitter import doubling

LONGEST_PAUSE_SECONDS: Final = 30
_log = structlog.get_logger()


class PolledQueue(asyncio.Queue[object]):
    """Whoever makes one says how an update is taken in."""

    def __init__(self, pause_seconds: float) -> None:
        """
        Args:
            pause_seconds: before the disk is tried again; doubles each time.
        """
        super().__init__()
        self.pause_seconds = pause_seconds
        self.bot: Bot | None = None
        """Whom the updates are for."""
        self._taken: set[int] = set()
        """Numbers of those that `take_in` has dealt with, and that are about to be put."""
        self.is_putting = False
        """Whether an update is tried again and again, for as long as it takes."""

    async def accept(self, update: Update) -> None:
        """Write an update down and queue it, if it is new.

        Raises:
            OperatorFault, TransientFault: not now.
        """
        raise NotImplementedError

    async def put(self, item: object) -> None:
        """Write an update down and queue it; for as long as the disk fails, try again.

        An exception would end python-telegram-bot's polling without a word to anybody.
        """
        if not isinstance(item, Update):
            return await super().put(item)
        if item.update_id in self._taken:
            self._taken.discard(item.update_id)
            return None
        pauses = doubling(self.pause_seconds, LONGEST_PAUSE_SECONDS)
        self.is_putting = True
        try:
            while True:
                try:
                    return await self.accept(item)
                except (OperatorFault, TransientFault):
                    await asyncio.sleep(next(pauses))
        except Exception:  # a defect: better handled without a note than never, for ever
            _log.exception("handler_failed")
            await super().put(item)
        finally:
            self.is_putting = False

    async def take_in(self, documents: list[dict[str, Any]]) -> None:
        """Write down together what one answer of Telegram's brings.

        The library puts each of them after that, which is done with then.
        """
        read = (read_update(document, self.bot) for document in documents)
        updates = [update for update in read if update is not None]
        outcomes = await asyncio.gather(*map(self.accept, updates), return_exceptions=True)
        taken = zip(updates, outcomes, strict=True)
        self._taken = {update.update_id for update, fault in taken if fault is None}
