"""Blocking calls of one kind: those that come together are done together, in one thread.

A step done for one owner after the other finds its code and its data in the processor's cache, and
hands the interpreter over less often, than a thread that does the whole of a refresh for one owner
and then sleeps over an fsync. And what is done once for all of them, like the fsync of their
folder, need not be done for each.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from security.custody.threads import Threads

T = TypeVar("T")
R = TypeVar("R")

MOST: Final = 32
_PATIENCE_SECONDS: Final = 0.01


class BatchScheduler:
    """Where batches of several kinds are done one after the other.

    Threads side by side would only take the interpreter from each other, and from whoever waits for
    an answer. But where the disk is slow several may wait for it, and a batch that hangs shall hold
    nobody else up: the next one waits for an end no longer than ten milliseconds.
    """

    def __init__(self, threads: Threads, gathers_seconds: float = 0.0) -> None:
        """
        Args:
            gathers_seconds: how long each batch waits for others to come, unless it is full. Where
                it costs trips over a network, however few are in it, that is soon made up for.
        """
        self.threads: Final = threads
        self._gathers_seconds = gathers_seconds
        self._asking: deque[Batches[Any, Any]] = deque()
        self._turns: asyncio.Task[None] | None = None

    def ask(self, batches: Batches[Any, Any]) -> None:
        """Have `batches` begin one when it is their turn."""
        if batches not in self._asking:
            self._asking.append(batches)
        if self._turns is None or self._turns.done():  # done also where the loop ended amid it
            self._turns = asyncio.create_task(self._take_turns())

    async def _take_turns(self) -> None:
        while self._asking:
            if self._gathers_seconds and not self._asking[0].is_full:
                await asyncio.sleep(self._gathers_seconds)
            batches = self._asking.popleft()
            done = batches.begin()
            if batches.is_asked:
                self._asking.append(batches)
            if done is not None:
                await asyncio.wait((done,), timeout=_PATIENCE_SECONDS)
                await asyncio.sleep(0)  # all have their turn who are about to ask as well


@dataclass(frozen=True, slots=True)
class _Asked(Generic[T, R]):
    item: T
    answer: asyncio.Future[R]


class Batches(Generic[T, R]):
    """Hands calls of one kind to a thread, several at once where several wait."""

    def __init__(
        self, scheduler: BatchScheduler, work: Callable[[Sequence[T]], Sequence[R | Exception]]
    ) -> None:
        """
        Args:
            work: blocks; gives for each item its result, or what shall be raised.
        """
        self._scheduler = scheduler
        self._work = work
        self._waiting: list[_Asked[T, R]] = []

    @property
    def is_asked(self) -> bool:
        """Whether somebody waits for the next batch."""
        return bool(self._waiting)

    @property
    def is_full(self) -> bool:
        """Whether as many wait as one batch takes."""
        return len(self._waiting) >= MOST

    async def run(self, item: T) -> R:
        """What `work` gives for `item`, or raises. Whoever is cancelled before it begins spares it;
        what is given to one who is cancelled later is dropped."""
        asked: _Asked[T, R] = _Asked(item, asyncio.get_running_loop().create_future())
        self._waiting.append(asked)
        self._scheduler.ask(self)
        return await asked.answer

    def begin(self) -> asyncio.Future[Sequence[R | Exception]] | None:
        """Have a thread work for `MOST` of those who wait; None: nobody does any more."""
        waiting = [asked for asked in self._waiting if not asked.answer.done()]
        batch, self._waiting = waiting[:MOST], waiting[MOST:]
        if not batch:
            return None
        try:
            work = partial(self._work, [asked.item for asked in batch])
            done = self._scheduler.threads.start(work)
        except RuntimeError as closed:
            for asked in batch:
                asked.answer.set_exception(closed)
            return None
        done.add_done_callback(partial(self._give, batch))
        return done

    @staticmethod
    def _give(batch: Sequence[_Asked[T, R]], done: asyncio.Future[Sequence[R | Exception]]) -> None:
        fault = done.exception()
        outcomes = [fault] * len(batch) if fault else done.result()
        for asked, outcome in zip(batch, outcomes, strict=True):
            if asked.answer.done():
                continue
            if isinstance(outcome, BaseException):
                asked.answer.set_exception(outcome)
            else:
                asked.answer.set_result(outcome)
