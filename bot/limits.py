"""Telegram's limits, kept so that what a person waits for never queues behind progress.

https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Final

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
_GROUP_SECONDS: Final = 4.2
"""Messages to one group in a row; after that one in so many seconds.

Telegram allows 20 in any minute; a bucket of 20 that refills in one would let 40 through."""
_REMEMBERED_CHATS: Final = 10_000
_TRIES: Final = 5


class RateLimiter(AIORateLimiter):
    """AIORateLimiter, with a share of the rate that masses cannot take and a limit for each chat.

    The base class has no limit for private chats, and answers one chat's 429 by halting all.
    """

    def __init__(self) -> None:
        super().__init__(
            overall_max_rate=_OVERALL_PER_SECOND,
            overall_time_period=1,
            group_max_rate=_GROUP_BURST,
            group_time_period=_GROUP_BURST * _GROUP_SECONDS,
            max_retries=0,
        )
        self._background = AsyncLimiter(_BACKGROUND_PER_SECOND, 1)
        self._chats: OrderedDict[object, AsyncLimiter] = OrderedDict()

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
                await self._limit_of(chat).acquire()
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

    def _limit_of(self, chat: object) -> AsyncLimiter:
        limit = self._chats.get(chat)
        if limit is None:
            limit = self._chats[chat] = AsyncLimiter(_CHAT_BURST, _CHAT_BURST)
            if len(self._chats) > _REMEMBERED_CHATS:
                self._chats.popitem(last=False)
        self._chats.move_to_end(chat)
        return limit
