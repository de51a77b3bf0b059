"""How many refreshes are in our own hands at once: few, however many Google has in its.

One that waits for Google costs nobody anything, and as many may wait as the settings allow. One
that is looked at, sent or saved stands between the event loop and whoever has asked something; and
more of these than fill the batches (`batching.py`) are little faster. Where storage is a database,
a thread waits for it, and nobody for that thread: there more are in hand, and batches are full.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final

from security.custody.batching import MOST

IN_HAND: Final = 20
IN_HAND_OF_DATABASE: Final = 2 * MOST


class RefreshLimiter:
    """Gives refreshes their slots."""

    def __init__(self, asking: int, in_hand: int = IN_HAND) -> None:
        """
        Args:
            asking: how many requests Google may have at once.
            in_hand: how many more may be in our own hands.
        """
        self.asking = asyncio.Semaphore(asking)
        self._free = asyncio.Semaphore(in_hand)
        self._beyond = 0

    async def slot(self) -> RefreshSlot:
        """A slot, as soon as one more may be in hand. `RefreshSlot.end` it."""
        await self._free.acquire()
        return RefreshSlot(self)

    async def take_up(self) -> None:
        """One more is in hand, be there too many or not: Google has answered. Never waits."""
        if self._free.locked():
            self._beyond += 1
        else:
            await self._free.acquire()

    def put_down(self) -> None:
        """One less, and somebody else's slot."""
        if self._beyond:
            self._beyond -= 1
        else:
            self._free.release()


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
            await self._limiter.take_up()
            self._in_hand = True

    def end(self) -> None:
        """Nobody waits for this refresh any more, whether it has ended or takes too long."""
        self._ended = True
        self._put_down()

    def _put_down(self) -> None:
        if self._in_hand:
            self._in_hand = False
            self._limiter.put_down()
