"""How many refreshes are in our own hands at once: few, however many Google has in its.

One that waits for Google costs nobody anything, and as many may wait as the settings allow. One
that is looked at, sent or saved stands between the event loop and whoever has asked something; and
more of these than fill the batches (`batching.py`) are little faster.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

IN_HAND: Final = 20


class RefreshLimiter:
    """Gives refreshes their slots."""

    def __init__(self, asking: int) -> None:
        """
        Args:
            asking: how many requests Google may have at once.
        """
        self.asking = asyncio.Semaphore(asking)
        self._in_hand = 0
        self._free = asyncio.Event()

    async def slot(self) -> RefreshSlot:
        """A slot, as soon as one more may be in hand. `RefreshSlot.end` it."""
        while self._in_hand >= IN_HAND:
            self._free.clear()
            await self._free.wait()
        self.take_up()
        return RefreshSlot(self)

    def take_up(self) -> None:
        """One more is in hand, be there too many or not: Google has answered."""
        self._in_hand += 1

    def put_down(self) -> None:
        """One less, and somebody else's slot."""
        self._in_hand -= 1
        if self._in_hand < IN_HAND:
            self._free.set()


class RefreshSlot:
    """One refresh's slot; as a context manager, to be held while Google is asked."""

    def __init__(self, limiter: RefreshLimiter) -> None:
        self._limiter = limiter
        self._in_hand = True
        self._ended = False

    async def __aenter__(self) -> None:
        self._put_down()
        await self._limiter.asking.acquire()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._limiter.asking.release()
        if not self._ended:
            self._limiter.take_up()
            self._in_hand = True

    def end(self) -> None:
        """Nobody waits for this refresh any more, whether it has ended or takes too long."""
        self._ended = True
        self._put_down()

    def _put_down(self) -> None:
        if self._in_hand:
            self._in_hand = False
            self._limiter.put_down()
