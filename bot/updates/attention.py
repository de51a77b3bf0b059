"""What people have asked: they see that it goes on, and wait for Google so long only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, nullcontext
from typing import Final

from telegram import Update
from telegram.constants import ChatAction
from telegram.ext import ExtBot

from bot.core import Timing
from bot.delivery.busy import busy
from bot.delivery.conversation import asked_in
from bot.updates.inbox import Inbox
from bot.updates.ordering import brings_file
from security.credential import Owner
from security.custody.deadline import Deadline

_LEAST: Final = 1 / 8
"""Of the usual time, for what has waited in line behind other questions of the same person."""


class Attention:
    """Around the handlers of every update that somebody may wait for an answer to."""

    def __init__(self, bot: ExtBot[int], inbox: Inbox, timing: Timing) -> None:
        self._bot = bot
        self._inbox = inbox
        self._timing = timing
        self._asked: dict[Owner, dict[int, Deadline]] = {}
        """By the numbers of their updates, what is being handled."""
        self._ended: dict[Owner, float] = {}
        """Nobody wants Google's answer any more to what arrived before this moment.

        By the event loop's clock: Telegram may count its updates anew.
        """

    @asynccontextmanager
    async def paid(self, update: Update, owner: Owner) -> AsyncIterator[Deadline]:
        """Within this the person sees that it goes on, where it takes longer; until when they wait
        for Google is counted from when they asked.
        """
        number, to = update.update_id, asked_in(update)
        asked_at = self._inbox.arrived(update)
        now, seconds = asyncio.get_running_loop().time(), self._timing.answer
        deadline = Deadline(max(asked_at + seconds, now + seconds * _LEAST))
        if asked_at < self._ended.get(owner, 0):
            deadline.end()
        asked = self._asked.setdefault(owner, {})
        asked[number] = deadline
        # A file has a message of its own, and comes in masses.
        silent = to is None or (update.message is not None and brings_file(update.message))
        try:
            async with (
                nullcontext()
                if to is None or silent
                else busy(self._bot, to, ChatAction.TYPING, self._timing.busy_after)
            ):
                yield deadline
        finally:
            del asked[number]
            if not asked:
                self._asked.pop(owner, None)

    def end(self, owner: Owner, before: Update) -> int:
        """Nobody wants Google's answer any more to what came before this update.

        Returns how many questions waited for one just now; they end without a word.
        """
        self._ended[owner] = self._inbox.arrived(before)
        waiting = [
            deadline
            for number, deadline in self._asked.get(owner, {}).items()
            if number < before.update_id and deadline.is_waiting
        ]
        for deadline in waiting:
            deadline.end()
        return len(waiting)
