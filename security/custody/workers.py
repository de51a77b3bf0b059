"""Threads and locks of custody: nothing here blocks the event loop, and nothing is cut short."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, ParamSpec, Protocol, TypeVar

import structlog

from security.credential import Owner
from security.custody.threads import Threads
from security.errors import OperatorFault, TransientFault
from security.maintenance.state import Memory
from security.storage.files.locks import PrivateLock
from security.token_store import TokenStore


class Holding(Protocol):
    """What was found under an owner's lock, and the lock itself."""

    @property
    def lock(self) -> PrivateLock:
        """Held; may be given back early."""


P = ParamSpec("P")
T = TypeVar("T")
H = TypeVar("H", bound=Holding)

_LOCK_SECONDS: Final = 30
_CLOSE_SECONDS: Final = 12  # Google's answers take 10 at most
_LAST_SECONDS: Final = 0.5
_log = structlog.get_logger()


class Locked(Exception):
    """Another process, or another task of this one, holds the owner's lock."""


@dataclass(frozen=True, slots=True)
class _Taken(Generic[T]):
    lock: PrivateLock
    result: T


class Guard:
    """Runs what blocks in threads of its own, and what must not be cut short to its end."""

    def __init__(self, store: TokenStore) -> None:
        self._store = store
        self._stopped_at: float | None = None
        self._critical: set[asyncio.Task[Any]] = set()
        self._remembering = asyncio.Lock()
        # Files and locks have threads of their own: the default executor is small and shared.
        # Reads wait for no fsync: whoever asks for /status does not queue behind others' saves.
        self._readers = Threads(4, "custody-read")
        self._writers = Threads(16, "custody-write")

    @property
    def is_stopping(self) -> bool:
        """Whether the process ends, and nothing that takes long is to be begun."""
        return self._stopped_at is not None

    def stop(self) -> None:
        """The process ends: nobody waits for a lock any more, and nothing is asked of Google.

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
        for threads in (self._readers, self._writers):
            await threads.close(_LAST_SECONDS)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A blocking call that may write, in a thread."""
        return await self._writers.run(partial(function, *args, **kwargs))

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

    async def remember(self, memory: Memory) -> None:
        """Write down what maintenance remembers, if it has changed."""
        async with self._remembering:  # no older state is written over a newer one
            if documents := memory.changes():
                try:
                    await self.run(memory.write, documents)
                except OperatorFault as fault:  # it is in memory all the same
                    memory.not_saved(documents)
                    _log.warning("memory_not_saved", result=fault.code)

    async def under_lock(
        self, owner: Owner, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """A blocking call that wants the owner's lock held; no thread waits for that.

        Raises:
            TransientFault: another process held it for too long.
        """
        async with self.locked_first(owner, partial(function, *args, **kwargs)) as result:
            return result

    @asynccontextmanager
    async def locked(self, owner: Owner) -> AsyncIterator[None]:
        """Hold the owner's file lock without blocking the event loop."""
        async with self.locked_first(owner, lambda: None):
            yield

    @asynccontextmanager
    async def locked_first(self, owner: Owner, first: Callable[[], T]) -> AsyncIterator[T]:
        """Likewise, with the result of `first`, done under the lock in the thread that took it.

        Raises:
            TransientFault: another process held it for too long.
        """

        def take() -> _Taken[T]:
            lock = self._store.try_lock(owner)
            if lock is None:
                raise Locked
            try:
                return _Taken(lock, first())
            except BaseException:
                lock.release()
                raise

        async with self.holding(partial(self.run, take)) as taken:
            yield taken.result

    @asynccontextmanager
    async def holding(self, take: Callable[[], Awaitable[H]]) -> AsyncIterator[H]:
        """Hold what `take` takes; it raises `Locked` until the lock is free.

        Raises:
            TransientFault: another process held it for too long.
        """
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + _LOCK_SECONDS, 0.005
        while True:
            # A stop ends the waiting, but not without a last look: the lock may be free by now.
            is_last = self.is_stopping or loop.time() > deadline
            try:
                taken = await take()
                break
            except Locked:
                if is_last:
                    raise TransientFault(
                        "another process holds this credential", code="locked"
                    ) from None
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            pause = min(pause * 2, 0.1)
        try:
            yield taken
        finally:
            taken.lock.release()
