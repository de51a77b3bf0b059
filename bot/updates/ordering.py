"""How python-telegram-bot handles what the inbox hands out."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final

from telegram import Message, Update
from telegram.ext import BaseUpdateProcessor

from bot.updates.inbox import Inbox

_UNLIMITED: Final = 1_000_000
_BREATH_SECONDS: Final = 0.01
"""Between two files: a hundred at once are a second's work, and nobody else is to wait for it."""


class PerUserOrder(BaseUpdateProcessor):
    """Python-telegram-bot handles one update after another, or all at once; neither will do.

    A person who taps "Connect" and sends a file means it in this order; a person waiting for
    Google must not keep anybody else waiting, nor themselves with what needs no Google. The inbox
    hands out what may be handled (`fair_queue.py`): here nothing waits for its turn.
    """

    def __init__(self, inbox: Inbox) -> None:
        super().__init__(_UNLIMITED)
        self._inbox = inbox
        self._files = asyncio.Lock()

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:
        """Handle it, and note that it has been handled."""
        try:
            async with self._inbox.handling(update):
                if isinstance(update, Update) and update.message and brings_file(update.message):
                    async with self._files:
                        await asyncio.sleep(_BREATH_SECONDS)
                await coroutine
        finally:
            if asyncio.iscoroutine(coroutine):
                coroutine.close()  # where a stop came before its turn; else it has ended anyway
        await self._inbox.settle()

    async def initialize(self) -> None:
        """Nothing to prepare."""

    async def shutdown(self) -> None:
        """Nothing to give back."""


def brings_file(message: Message) -> bool:
    """Whether it is a file, or several."""
    return message.text is None and message.effective_attachment is not None
