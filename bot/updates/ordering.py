"""Updates of one person in their order, of different people at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Any, Final
from weakref import WeakValueDictionary

from telegram import Message, Update
from telegram.ext import BaseUpdateProcessor

from bot.updates.inbox import Inbox

_UNLIMITED: Final = 1_000_000
_BREATH_SECONDS: Final = 0.01
"""Between two files: a hundred at once are a second's work, and nobody else is to wait for it."""


class PerUserOrder(BaseUpdateProcessor):
    """Python-telegram-bot handles one update after another, or all at once; neither will do.

    A person who taps "Connect" and sends a file means it in this order; a person waiting for
    Google must not keep anybody else waiting.
    """

    def __init__(self, inbox: Inbox, max_concurrent_updates: int = 256) -> None:
        # The base class would take one of its places for an update that only waits for the same
        # person's earlier ones: a flood from one person would keep everybody waiting.
        super().__init__(_UNLIMITED)
        self._inbox = inbox
        self._files = asyncio.Lock()
        self._places = asyncio.Semaphore(max_concurrent_updates)
        self._locks: WeakValueDictionary[int, asyncio.Lock] = WeakValueDictionary()

    async def do_process_update(self, update: object, coroutine: Awaitable[Any]) -> None:
        """Wait for this person's earlier updates, then handle this one."""
        user = update.effective_user if isinstance(update, Update) else None
        key = user.id if user else 0
        lock = self._locks.get(key)
        if lock is None:
            lock = self._locks[key] = asyncio.Lock()
        try:
            # Those that an earlier run left may go one by one, and take no places meanwhile.
            async with lock, self._inbox.handling(update), self._places:
                if isinstance(update, Update) and update.message and _is_file(update.message):
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


def _is_file(message: Message) -> bool:
    return message.text is None and message.effective_attachment is not None
