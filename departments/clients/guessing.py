"""Secrets that are none: whoever tries one after the other is held up, and found out.

Whoever has a good one is not held up with them: an office stands behind one address, and so do many
people's calendars, which their providers ask for.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, NoReturn, TypeVar
from weakref import WeakValueDictionary

import structlog

from departments.clients.refusals import Refused, TooOften, WrongKey
from departments.limits import Limits

T = TypeVar("T")
_PROVEN_SECONDS: Final = 3600.0
_AT_ONCE: Final = 10
"""Secrets that nobody knows yet, from one address: no more than may be wrong in a minute."""
_log = structlog.get_logger()


class Guessing:
    """One for a process, on its event loop."""

    def __init__(self, limits: Limits, tell: Callable[[], Awaitable[None]]) -> None:
        """
        Args:
            tell: raises the alarm that somebody guesses.
        """
        self._limits = limits
        self._tell = tell
        self._gates: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._proven: dict[str, float] = {}
        """When a secret was last found good, by what tells it from others."""

    async def find(
        self, name: str, ask: Callable[[], Awaitable[T | None]], place: str, refusal: WrongKey
    ) -> T:
        """What a secret leads to.

        Args:
            name: tells it from others; empty: it cannot be one, and nothing is asked.
            ask: None: to nothing.
            place: where it comes from, as `place_of`.

        Raises:
            Refused: it leads to nothing, or too many from there have; that is in the log.
        """
        if name and time.monotonic() - self._proven.get(name, -_PROVEN_SECONDS) < _PROVEN_SECONDS:
            found = await ask()
        else:
            async with self.gate(place):
                found = await ask() if name else None
        if found is None:
            self.disprove(name)
            await self.fail(place, refusal)
        return found

    def prove(self, name: str) -> None:
        """It is good: for an hour it is not held up."""
        self._proven[name] = time.monotonic()

    def disprove(self, name: str) -> None:
        """It is no more."""
        self._proven.pop(name, None)

    @asynccontextmanager
    async def gate(self, place: str) -> AsyncIterator[None]:
        """Where secrets wait that may be none: whoever sends many at once learns nothing more than
        who sends them one by one."""
        gate = self._gates.setdefault(place, asyncio.Semaphore(_AT_ONCE))
        async with gate:
            if (wait := self._limits.failures.wait(place)) is not None:
                refuse(TooOften(wait))
            yield

    async def fail(self, place: str, refusal: WrongKey) -> NoReturn:
        """One that was none."""
        self._limits.failures.count(place)
        if self._limits.guesses.count(place) is not None:
            await self._tell()
        refuse(refusal)


def refuse(refusal: Refused) -> NoReturn:
    """Raise it, once it is in the log."""
    client = refusal.client
    about = {} if client is None else {"owner": client.owner, "client": client.id}
    _log.warning("access_denied", result=refusal.code, **about)
    raise refusal
