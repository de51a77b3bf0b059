"""A few threads for blocking calls, awaited one by one.

What `ThreadPoolExecutor` does, at half its price for calls that take less time than their
administration: no second future behind each, and results that come together wake the event loop
once.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Call:
    """One call. Only the event loop's thread touches the future, but for asking it."""

    work: Callable[[], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: BaseException | None = field(default=None)

    def do(self) -> None:
        """In a thread."""
        if self.future.cancelled():
            return
        try:
            self.result = self.work()
        except BaseException as error:
            self.error = error

    def tell(self) -> None:
        """On the event loop."""
        if self.future.cancelled():
            pass
        elif self.error is None:
            self.future.set_result(self.result)
        else:
            self.future.set_exception(self.error)
        self.error = None  # its traceback knows this object: they would keep each other


class Threads:
    """Started when they are first needed, all for the calls of one event loop."""

    def __init__(self, count: int, name: str) -> None:
        self._count = count
        self._name = name
        self._calls: queue.SimpleQueue[_Call | None] = queue.SimpleQueue()
        self._done: deque[_Call] = deque()
        self._telling = False
        self._threads: list[threading.Thread] = []
        self._closed = False

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` gives or raises. Whoever is cancelled before a thread is free spares it."""
        return await self.start(work)

    def start(self, work: Callable[[], T]) -> asyncio.Future[T]:
        """Likewise, for whoever does not wait for it here."""
        if self._closed:
            raise RuntimeError("these threads have been given back")
        loop = asyncio.get_running_loop()
        call = _Call(work, loop.create_future())
        if len(self._threads) < self._count:
            name = f"{self._name}-{len(self._threads)}"
            # A process that ends without `close` waits for none of them.
            thread = threading.Thread(target=self._serve, args=(loop,), name=name, daemon=True)
            thread.start()
            self._threads.append(thread)
        self._calls.put(call)
        return call.future

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
            call.do()
            self._done.append(call)
            del call  # what it has given is the caller's alone
            if not self._telling:
                self._telling = True
                with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                    loop.call_soon_threadsafe(self._tell)

    def _tell(self) -> None:
        self._telling = False  # first: what is done from here on wakes the loop anew
        while self._done:
            self._done.popleft().tell()
