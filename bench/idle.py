"""A pass with nothing to do: its floor, and how long it keeps the event loop from others."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

_TICK: Final = 0.002


def look_bare(folder: Path) -> float:
    """Seconds that listing `folder`, and a stat of everything in it, take."""
    began = time.perf_counter()
    with os.scandir(folder) as entries:
        for entry in entries:
            entry.stat(follow_symlinks=False)
    return time.perf_counter() - began


class Ticker:
    """A task that wants the event loop every two milliseconds. A context manager."""

    def __init__(self, *, watching: bool = True) -> None:
        self._watching = watching
        self._task: asyncio.Task[None] | None = None
        self.longest = 0.0
        """By how much the latest tick was late, in seconds: somebody held the loop that long."""

    async def _tick(self) -> None:
        while True:
            due = time.perf_counter() + _TICK
            await asyncio.sleep(_TICK)
            self.longest = max(self.longest, time.perf_counter() - due)

    async def __aenter__(self) -> Self:
        if self._watching:
            self._task = asyncio.create_task(self._tick())
            await asyncio.sleep(10 * _TICK)
            self.longest = 0.0
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._task is not None:
            await asyncio.sleep(2 * _TICK)  # a hold at the very end is seen as well
            self._task.cancel()
