"""Telegram's limits, kept so that what a person waits for never queues behind progress; and the one
place where what Telegram did not take is said again.

https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Coroutine
from functools import lru_cache
from typing import Any, Final

from telegram._utils.types import JSONDict
from telegram.error import BadRequest, NetworkError, RetryAfter
from telegram.ext import BaseRateLimiter

from bot.core import Timing
from bot.delivery.telegram_request import surely_not_done
from security.google.jitter import jittered

BACKGROUND: Final = -1
"""`rate_limit_args` of what comes in masses and may be a little late: uploads and connecting.

Whatever else a person asks, /status first of all, has the rest of the rate for itself."""
RESULT: Final = -2
"""For how an upload ended: it comes in masses, and in its chat before what was just taken in."""
COURTESY: Final = -3
"""For what nobody waits for: a 429 ends it, however long it asks to wait."""
PROGRESS: Final = -4
"""For how far an upload is: it comes in masses, and is never said again, as the next says more."""
_MASSES: Final = (BACKGROUND, RESULT, PROGRESS)
_SECOND: Final = 1.1  # it is Telegram's clock that counts, and not all are as long on their way
_CHAT_SPARE: Final = 1
"""How many of those messages masses leave to whatever else a person asks."""
_IN_A_GROUP: Final = 20
"""Messages in a minute."""
_NO_MESSAGES: Final = frozenset({"sendChatAction", "deleteMessage"})
"""What nobody is notified of: no limit on messages counts it."""
_AGAIN: Final = frozenset(
    {"editMessageText", "editMessageReplyMarkup", "answerCallbackQuery", "deleteMessage"}
)
"""Done twice, they are as done once: asked again also where no answer came."""
_SAID: Final = _AGAIN | {"sendMessage"}
"""What is said again at all. Files and settings are their callers' affair."""
_REMEMBERED_CHATS: Final = 10_000
_TRIES: Final = 8  # of all kinds together


class RateLimiter(BaseRateLimiter[int]):
    """A share of the rate that masses cannot take, and a limit for each chat.

    The library's AIORateLimiter has no limit for private chats, answers one chat's 429 by halting
    all, logs an obeyed one as an error, and its buckets fill up while they are emptied: they let
    60 messages through in their first second.
    """

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._overall = Window(timing.messages_per_second, _SECOND)
        # Evenly, a quarter at a time: there is always some room for what is no mass.
        self._background = Window(max(timing.background_per_second // 4, 1), _SECOND / 4)
        self._bucket_of = lru_cache(_REMEMBERED_CHATS)(lambda chat: Bucket(timing.chat_burst))
        self._window_of = lru_cache(_REMEMBERED_CHATS)(lambda group: Window(_IN_A_GROUP, 60.5))

    def has_room(self) -> bool:
        """Whether a progress edit would go out at once; else it is not worth sending."""
        return self._background.has_room()

    async def initialize(self) -> None:
        """Nothing to prepare."""

    async def shutdown(self) -> None:
        """Nothing to give back."""

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, bool | JSONDict | list[JSONDict]]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: int | None,
    ) -> bool | JSONDict | list[JSONDict]:
        """Wait for the chat's own limit, for the masses' share, and for what a 429 asks.

        An answer that Telegram did not take for a passing reason (5xx, the network) is given again,
        but never where a message might stand there twice.
        """
        pauses = iter(self._timing.send_pauses)
        for attempt in range(_TRIES):
            if (chat := data.get("chat_id")) is not None and endpoint not in _NO_MESSAGES:
                if str(chat).startswith("-"):
                    await self._window_of(chat).acquire()
                spare = _CHAT_SPARE if rate_limit_args in (BACKGROUND, PROGRESS) else 0
                await self._bucket_of(chat).acquire(spare)
                if rate_limit_args in _MASSES:
                    await self._background.acquire()
                await self._overall.acquire()
            try:
                return await callback(*args, **kwargs)
            except RetryAfter as error:
                if attempt == _TRIES - 1 or rate_limit_args == COURTESY:
                    raise
                pause = error._retry_after  # the public attribute warns, whatever its type
                await asyncio.sleep(pause.total_seconds() + 0.1)
            except NetworkError as error:
                seconds = next(pauses, None)
                is_over = attempt == _TRIES - 1 or rate_limit_args == PROGRESS
                if seconds is None or is_over or not _is_to_be_repeated(error, endpoint):
                    raise
                await asyncio.sleep(jittered(seconds))
        raise AssertionError("unreachable")


class Window:
    """At most `count` in any `seconds`, wherever they begin."""

    def __init__(self, count: int, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=count)
        self._turn = asyncio.Lock()

    def has_room(self) -> bool:
        """Whether nobody would wait just now."""
        return not self._turn.locked() and self._wait() <= 0

    async def acquire(self) -> None:
        """Wait for one's turn."""
        async with self._turn:
            if (wait := self._wait()) > 0:
                await asyncio.sleep(wait)
            self._times.append(time.monotonic())

    def _wait(self) -> float:
        is_full = len(self._times) == self._times.maxlen
        return self._times[0] + self._seconds - time.monotonic() if is_full else 0.0


class Bucket:
    """One chat's messages: a few in a row, then one a second, each kind in its order."""

    def __init__(self, burst: float) -> None:
        self._burst = burst
        self._left, self._at = burst, time.monotonic()
        self._turns: dict[int, asyncio.Lock] = {}

    async def acquire(self, spare: int) -> None:
        """Wait until there is one more than `spare`, and take it."""
        async with self._turns.setdefault(spare, asyncio.Lock()):
            while (missing := 1 + spare - self._refilled()) > 0:  # noqa: ASYNC110 - time is all
                await asyncio.sleep(missing)
            self._left -= 1

    def _refilled(self) -> float:
        now = time.monotonic()
        self._left, self._at = min(self._burst, self._left + now - self._at), now
        return self._left


def _is_to_be_repeated(error: NetworkError, endpoint: str) -> bool:
    """Whether it may pass by itself, and does no harm when it is asked once more."""
    may_be_said = endpoint in _SAID and not isinstance(error, BadRequest)
    return may_be_said and (endpoint in _AGAIN or surely_not_done(error))
