"""Telegram's limits, kept so that what a person waits for never queues behind progress.

https://core.telegram.org/bots/faq#my-bot-is-hitting-limits-how-do-i-avoid-this
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Final

from aiolimiter import AsyncLimiter
from telegram._utils.types import JSONDict
from telegram.ext import AIORateLimiter

BACKGROUND: Final = -1
"""`rate_limit_args` of what comes in masses and may be a little late: uploads and connecting.

Whatever else a person asks, /status first of all, has the rest of the rate for itself."""
_OVERALL_PER_SECOND: Final = 30
_BACKGROUND_PER_SECOND: Final = 20


class RateLimiter(AIORateLimiter):
    """AIORateLimiter with a share of the overall rate that background messages cannot take."""

    def __init__(self) -> None:
        super().__init__(overall_max_rate=_OVERALL_PER_SECOND, overall_time_period=1, max_retries=5)
        self._background = AsyncLimiter(_BACKGROUND_PER_SECOND, 1)

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
        """As the base class; background messages wait for their own share first."""
        if rate_limit_args == BACKGROUND:
            await self._background.acquire()
            rate_limit_args = None
        return await super().process_request(
            callback, args, kwargs, endpoint, data, rate_limit_args
        )
