"""A process says of itself, for as long as it is there, that it is."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from importlib.metadata import version
from typing import Final

from security.errors import CustodyError
from security.maintenance.presence import BEAT_SECONDS, IDLE_BEATS, Presence, Role
from security.storage.protocol import Storage

_LAST_SECONDS: Final = 1.0


def presence_of(storage: Storage, kind: str) -> Presence:
    """This process among the others on a storage.

    Args:
        kind: `bot` or `web`.
    """
    return Presence(storage, kind, version("drivekeeper"), socket.gethostname())


@asynccontextmanager
async def present(
    presence: Presence,
    role: Role,
    has_news: Callable[[], bool] = lambda: True,
    *,
    beat_seconds: float = BEAT_SECONDS,
) -> AsyncIterator[None]:
    """Within, others see that this process is there; afterwards, that it has ended.

    Args:
        has_news: whether it was asked anything since this was asked last; where it was not, it says
            once that it is idle, and then hardly ever anything.
    """
    over = asyncio.Event()
    saying = asyncio.create_task(_say_until(over, presence, role, has_news, beat_seconds))
    try:
        yield
    finally:
        over.set()
        with suppress(CustodyError, TimeoutError):  # else it is seen that it is silent
            async with asyncio.timeout(_LAST_SECONDS):
                await saying  # what it said last is not to come after the end
                await asyncio.to_thread(presence.say, "ended")


async def _say_until(
    over: asyncio.Event,
    presence: Presence,
    role: Role,
    has_news: Callable[[], bool],
    beat_seconds: float,
) -> None:
    said: Role | None = None
    silent = 0
    while not over.is_set():
        says: Role = role if has_news() else "idle"
        silent = silent + 1 if says == said == "idle" else 0
        if silent % IDLE_BEATS == 0:
            with suppress(CustodyError):
                await asyncio.to_thread(presence.say, says)
                said = says
        with suppress(TimeoutError):
            async with asyncio.timeout(beat_seconds):
                await over.wait()
