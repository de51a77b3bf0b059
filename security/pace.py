"""How many refreshes at once: as many as the settings allow, and the event loop bears.

Google's answers take a tenth of a second and more, and many fit into that. Where they come as fast
as they can be worked on, more of them at once are no faster; but everyone else who wants the event
loop, a person who has asked something first of all, waits behind each of them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from types import TracebackType
from typing import Final

_FEWEST: Final = 4
_LOOK_SECONDS: Final = 0.005
_LOOKS: Final = 8
_LATE_SECONDS: Final = 0.003
"""Later than this at every one of `_LOOKS` looks: the loop has too much to do. One look alone may
come after many answers at once, which are no trouble if there is time behind them."""
_FEWER: Final = 0.8
_MORE: Final = 1.25


class Pace:
    """A context manager around each refresh; `watch` is a task beside them."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(most)
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def limit(self) -> int:
        """How many there may be just now."""
        return int(self._limit)

    async def __aenter__(self) -> None:
        while self._running >= self.limit:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self._running += 1

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._running -= 1
        self._wake(1)

    async def watch(self) -> None:
        """See how late the event loop is, until this is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            least = float("inf")
            for _ in range(_LOOKS):
                due = loop.time() + _LOOK_SECONDS
                await asyncio.sleep(_LOOK_SECONDS)
                least = min(least, loop.time() - due)
            self.learn(least)

    def learn(self, late: float) -> None:
        """The least lateness of several looks, in seconds."""
        if late > _LATE_SECONDS:
            self._limit = max(self._limit * _FEWER, min(_FEWEST, self._most))
        else:
            before = self.limit
            self._limit = min(self._limit * _MORE, self._most)
            self._wake(self.limit - before)

    def _wake(self, count: int) -> None:
        while self._waiting and count > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                count -= 1
