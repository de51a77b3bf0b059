"""Whether the bot is alive: has Telegram answered it lately?"""

from __future__ import annotations

import asyncio
import time
from typing import Any

from telegram.error import NetworkError

from bot.delivery.telegram_answers import DecidedAnswers
from bot.delivery.telegram_request import TelegramRequest
from bot.updates.incoming import readable


class Pulse(DecidedAnswers, TelegramRequest):
    """The connection for getUpdates, which remembers when Telegram last answered."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._last_answer = 0.0
        self.refused = asyncio.Event()
        """Telegram no longer accepts the bot's token."""

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """As the base class."""
        answer = await super().do_request(*args, **kwargs)
        if answer[0] == 401:
            # python-telegram-bot ends its polling then, without a word to anybody.
            self.refused.set()
        return answer

    async def post(self, *args: Any, **options: Any) -> Any:  # type: ignore[misc]
        """As the base class; updates that cannot be read are empty, instead of asked for again.

        Raises:
            telegram.error.NetworkError: also for no list, or one of things without a number, which
                nobody can acknowledge.
        """
        updates = await super().post(*args, **options)
        if not isinstance(updates, list) or (updates and not (updates := readable(updates))):
            raise NetworkError("Telegram's answer is no list of updates")
        self.beat()
        return updates

    def beat(self) -> None:
        """Telegram has just answered."""
        self._last_answer = time.monotonic()

    def is_alive(self, within_seconds: float = 90) -> bool:
        """Whether Telegram has answered lately: what a health check wants to know."""
        return self._last_answer > 0 and time.monotonic() - self._last_answer < within_seconds
