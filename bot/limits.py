"""Telegram's limits, kept so that what a person waits for never queues behind progress.

https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, TypeVar

from aiolimiter import AsyncLimiter
from telegram._utils.types import JSONDict
from telegram.error import RetryAfter
from telegram.ext import AIORateLimiter

BACKGROUND: Final = -1
"""`rate_limit_args` of what comes in masses and may be a little late: uploads and connecting.

Whatever else a person asks, /status first of all, has the rest of the rate for itself."""
_OVERALL_PER_SECOND: Final = 30
_BACKGROUND_PER_SECOND: Final = 20
_CHAT_BURST: Final = 20
"""Messages to one chat in a row; after that one a second."""
_GROUP_BURST: Final = 5
_GROUP_IN_A_MINUTE: Final = 20
_REMEMBERED_CHATS: Final = 10_000
_TRIES: Final = 5
L = TypeVar("L")


class RateLimiter(AIORateLimiter):
    """AIORateLimiter, with a share of the rate that masses cannot take and a limit for each chat.

    The base class has no limit for private chats, and answers one chat's 429 by halting all.
    """

    def __init__(self) -> None:
        super().__init__(
            overall_max_rate=_OVERALL_PER_SECOND,
            overall_time_period=1,
            group_max_rate=0,  # its bucket of 20 fills up while it is emptied: 40 in a minute
            max_retries=0,
        )
        self._background = AsyncLimiter(_BACKGROUND_PER_SECOND, 1)
        self._chats: OrderedDict[object, AsyncLimiter] = OrderedDict()
        self._groups: OrderedDict[object, Window] = OrderedDict()

    def has_room(self) -> bool:
        """Whether a progress edit would go out at once; else it is not worth sending."""
        return self._background.has_capacity()

    async def process_request(
        self,
        callback: Callable[..., Coroutine[Any, Any, bool | JSONDict | list[JSONDict]]],
        args: Any,
        kwargs: dict[str, Any],
        endpoint: str,
        data: dict[str, Any],
        rate_limit_args: int | None,
    ) -> bool | JSONDict | list[JSONDict]:
        """Wait for the chat's own limit, for the masses' share, and for what a 429 asks."""
        for attempt in range(_TRIES):
            if (chat := data.get("chat_id")) is not None:
                if _is_group(chat):
                    await _of(self._groups, chat, _window).acquire()
                await _of(self._chats, chat, partial(_bucket, chat)).acquire()
            if rate_limit_args == BACKGROUND:
                await self._background.acquire()
            try:
                return await super().process_request(callback, args, kwargs, endpoint, data, None)
            except RetryAfter as error:
                if attempt == _TRIES - 1:
                    raise
                pause = error._retry_after  # the public attribute warns, whatever its type
                await asyncio.sleep(pause.total_seconds() + 0.1)
        raise AssertionError("unreachable")


class Window:
    """At most `count` in any `seconds`, wherever they begin."""

    def __init__(self, count: int, seconds: float) -> None:
        self._seconds = seconds
        self._times: deque[float] = deque(maxlen=count)
        self._turn = asyncio.Lock()

    async def acquire(self) -> None:
        """Wait for one's turn."""
        async with self._turn:
            if len(self._times) == self._times.maxlen:
                await asyncio.sleep(self._times[0] + self._seconds - time.monotonic())
            self._times.append(time.monotonic())


def _is_group(chat: object) -> bool:
    return str(chat).startswith("-")


def _window() -> Window:
    return Window(_GROUP_IN_A_MINUTE, 60.5)  # it is Telegram's clock that counts


def _bucket(chat: object) -> AsyncLimiter:
    burst = _GROUP_BURST if _is_group(chat) else _CHAT_BURST
    return AsyncLimiter(burst, burst)


def _of(limits: OrderedDict[object, L], chat: object, make: Callable[[], L]) -> L:
    limit = limits.get(chat)
    if limit is None:
        limit = limits[chat] = make()
        if len(limits) > _REMEMBERED_CHATS:
            limits.popitem(last=False)
    limits.move_to_end(chat)
    return limit
