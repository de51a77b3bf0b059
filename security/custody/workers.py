"""Threads of custody: nothing that blocks holds the event loop up, and nothing is cut short."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

from security.custody.threads import Threads
from security.errors import TransientFault

P = ParamSpec("P")
T = TypeVar("T")

_CLOSE_SECONDS: Final = 12  # Google's answers take 10 at most
_LAST_SECONDS: Final = 0.5


class Workers:
    """Run what blocks in threads of their own, and what must not be cut short to its end."""

    def __init__(self) -> None:
        self._stopped_at: float | None = None
        self._critical: set[asyncio.Task[Any]] = set()
        # Files and locks have threads of their own: the default executor is small and shared.
        # Reads wait for no fsync: whoever asks for /status does not queue behind others' saves.
        self._readers = Threads(4, "custody-read")
        self.writers: Final = Threads(16, "custody-write")

    @property
    def is_stopping(self) -> bool:
        """Whether the process ends, and nothing that takes long is to be begun."""
        return self._stopped_at is not None

    def stop(self) -> None:
        """The process ends: nobody waits for a lease any more, and nothing is asked of Google.

        What has been asked of Google already goes on to its save.
        """
        if self._stopped_at is None:
            self._stopped_at = time.monotonic()

    def refuse_if_stopping(self) -> None:
        """Raise TransientFault where the process ends: before what is not to be begun then."""
        if self.is_stopping:
            raise TransientFault("the process is stopping", code="stopped")

    async def close(self) -> None:
        """Wait for what must not be cut short, then give the threads back.

        That is for as long as Google may take to answer what was asked before `stop`, and a
        little more. Whatever then still hangs, be it a message or the disk, ends as in a crash.
        """
        self.stop()
        deadline = (self._stopped_at or 0.0) + _CLOSE_SECONDS
        while self._critical and (left := deadline - time.monotonic()) > 0:
            await asyncio.wait(self._critical, timeout=left)
        if self._critical:
            for task in self._critical:
                task.cancel()
            await asyncio.wait(self._critical, timeout=_LAST_SECONDS)
        for threads in (self._readers, self.writers):
            await threads.close(_LAST_SECONDS)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A blocking call that may write, in a thread."""
        return await self.writers.run(partial(function, *args, **kwargs))

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A blocking call that only reads, in a thread of those that never write."""
        return await self._readers.run(partial(function, *args, **kwargs))

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` to its end, whatever becomes of the caller; `close` waits for it."""
        return await asyncio.shield(self.uncancelled(work))

    def uncancelled(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """`work` as a task that `close` waits for."""
        task = asyncio.create_task(work)
        self._critical.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._critical.discard(task)
        if not task.cancelled():
            task.exception()  # not lost, though a waiter that was cancelled will not ask for it
