"""Whether the bot is alive: has Telegram answered it lately?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from telegram.error import NetworkError

from bot.delivery.telegram_answers import DecidedAnswers
from bot.delivery.telegram_request import TelegramRequest
from bot.updates.incoming import readable


class TelegramHealth(DecidedAnswers, TelegramRequest):
    """The connection for getUpdates, which remembers when Telegram last answered."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._last_answer = 0.0
        self.token_refused = asyncio.Event()
        """Telegram no longer accepts the bot's token."""
        self.on_several: Callable[[list[dict[str, Any]]], Awaitable[None]] = _nothing
        """Given updates that have come together; the library puts them one by one after that."""

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """Send a request, and notice an answer that no longer accepts the token."""
        answer = await super().do_request(*args, **kwargs)
        if answer[0] == 401:
            # python-telegram-bot ends its polling then, without a word to anybody.
            self.token_refused.set()
        return answer

    async def post(self, *args: Any, **options: Any) -> Any:  # type: ignore[misc]
        """Ask for updates; those that cannot be read are emptied, instead of asked for for ever.

        Raises:
            telegram.error.NetworkError: also for no list, or one of things without a number, which
                nobody can acknowledge.
        """
        updates = await super().post(*args, **options)
        if not isinstance(updates, list) or (updates and not (updates := readable(updates))):
            raise NetworkError("Telegram's answer is no list of updates")
        self.note_answer()
        if len(updates) > 1:
            await self.on_several(updates)
        return updates

    def note_answer(self) -> None:
        """Telegram has just answered."""
        self._last_answer = time.monotonic()

    def is_alive(self, within_seconds: float = 90) -> bool:
        """Whether Telegram has answered lately: what a health check wants to know."""
        return self._last_answer > 0 and time.monotonic() - self._last_answer < within_seconds


async def _nothing(updates: list[dict[str, Any]]) -> None:
    """Nobody wants to know."""
