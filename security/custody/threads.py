"""A few threads for blocking calls, awaited one by one.

What `ThreadPoolExecutor` does, but no exit waits for a thread that hangs.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

T = TypeVar("T")
_Call = tuple[Callable[[], Any], asyncio.Future[Any]]


class Threads:
    """Started when they are first needed, all for the calls of one event loop."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._closed = False

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` gives or raises. Whoever is cancelled before a thread is free spares it."""
        return await self.start(work)

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """As `run`, for whoever does not wait for it here."""
        if self._closed:
            raise RuntimeError("these threads have been given back")
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if len(self._threads) < self._count:
            name = f"{self._name}-{len(self._threads)}"
            # A process that ends without `close` waits for none of them.
            thread = threading.Thread(target=self._serve, args=(loop,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        self._calls.put((work, future))
        return future

    async def close(self, seconds: float) -> None:
        """Begin nothing more, and wait that long for what is under way.

        A thread that hangs, on a disk or in the network, cannot be ended: it is left behind.
        """
        self._closed = True
        for _ in self._threads:
            self._calls.put(None)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if not any(thread.is_alive() for thread in self._threads):
                return
            await asyncio.sleep(0.005)

    def _serve(self, loop: asyncio.AbstractEventLoop) -> None:
        while (call := self._calls.get()) is not None:
            _do(*call, loop)
            del call  # what it has given is the caller's alone


def _do(
    work: Callable[[], Any], future: asyncio.Future[Any], loop: asyncio.AbstractEventLoop
) -> None:
    """In a thread, which touches the future only for asking it."""
    if future.cancelled():
        return
    try:
        tell = partial(future.set_result, work())
    except BaseException as error:
        tell = partial(future.set_exception, error)
    with suppress(RuntimeError):  # the loop is closed: nobody waits any more
        loop.call_soon_threadsafe(_tell, future, tell)
    del future, tell  # an error's traceback knows this frame: they would keep each other


def _tell(future: asyncio.Future[Any], tell: Callable[[], None]) -> None:
    """On the event loop."""
    if not future.cancelled():
        tell()
