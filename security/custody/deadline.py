"""Until when somebody waits for Google: one deadline for all that is asked on their behalf."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from security.errors import TransientFault


class NotWanted(Exception):
    """Whoever has asked has said meanwhile that they do not want it any more."""


class Deadline:
    """A moment of the event loop's clock. It ends the waiting: what custody has begun goes on."""

    def __init__(self, at: float) -> None:
        """
        Args:
            at: in seconds, as the event loop's `time` counts.
        """
        self._at = at
        self._waits: set[asyncio.Timeout] = set()
        self._is_wanted = True

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        """So many seconds from now."""
        return cls(asyncio.get_running_loop().time() + seconds)

    @asynccontextmanager
    async def kept(self) -> AsyncIterator[None]:
        """Within this nobody waits for longer.

        Raises:
            TransientFault: it is over.
            NotWanted: it was ended.
        """
        try:
            async with asyncio.timeout_at(self._at) as wait:
                self._waits.add(wait)
                try:
                    yield
                finally:
                    self._waits.discard(wait)
        except TimeoutError as error:
            if not self._is_wanted:
                raise NotWanted from error
            raise TransientFault("Google did not answer in time", code="timeout") from error

    @property
    def left(self) -> float:
        """Seconds until it is over, for whoever waits for what nobody can end."""
        return max(self._at - asyncio.get_running_loop().time(), 0)

    @property
    def is_waiting(self) -> bool:
        """Whether somebody waits just now."""
        return bool(self._waits)

    def end(self) -> None:
        """Nobody wants it any more: whoever waits goes on with NotWanted."""
        self._is_wanted = False
        self._at = asyncio.get_running_loop().time()
        for wait in self._waits:
            if not wait.expired():  # else it is over anyway, and takes no other moment
                wait.reschedule(self._at)
