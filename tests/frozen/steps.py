"""A coroutine struck at its k-th moment: as it begins to wait, and as it goes on again.

The moments are those of everything it has started as well: what it shields is at some step of its
own when whoever waits for it is cancelled.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Final

_PATIENCE: Final = 20  # seconds, for what goes on after the strike
_watch: ContextVar[Watch | None] = ContextVar("watch", default=None)


@dataclass
class Watch:
    """Counts moments, and strikes at one of them."""

    at: int
    strike: Callable[[], None]
    moments: int = 0
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)

    @property
    def has_struck(self) -> bool:
        """Whether there were so many moments."""
        return self.moments >= self.at

    def moment(self) -> None:
        """One more."""
        self.moments += 1
        if self.moments == self.at:
            self.strike()


class _Watched(Coroutine[Any, Any, Any]):
    """A coroutine whose every step is two moments."""

    def __init__(self, work: Coroutine[Any, Any, Any], watch: Watch) -> None:
        self._work, self._watch = work, watch

    def send(self, value: Any) -> Any:
        """It goes on, and waits again."""
        self._watch.moment()
        waited_for = self._work.send(value)
        self._watch.moment()
        return waited_for

    def throw(self, *raised: Any) -> Any:
        """It is interrupted, and may wait again."""
        waited_for = self._work.throw(*raised)
        self._watch.moment()
        return waited_for

    def close(self) -> None:
        """It ends unfinished."""
        self._work.close()

    def __await__(self) -> Generator[Any, Any, Any]:
        """Only tasks run it."""
        raise NotImplementedError


def _factory(loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
    context = options.get("context")
    watch = _watch.get() if context is None else context.get(_watch)
    if watch is None:
        return asyncio.Task(work, loop=loop, **options)
    task = asyncio.Task(_Watched(work, watch), loop=loop, **options)
    watch.tasks.append(task)
    return task


async def struck(
    work: Coroutine[Any, Any, Any], at: int, strike: Callable[[asyncio.Task[Any]], None]
) -> tuple[bool, BaseException | None]:
    """Do `work`, strike at its moment `at`, and wait for all that it has started.

    Returns:
        Whether there was such a moment, and what was raised.
    """
    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    watch = Watch(at, lambda: strike(watch.tasks[0]))
    token = _watch.set(watch)
    loop.set_task_factory(_factory)
    try:
        first = loop.create_task(work)
    finally:
        _watch.reset(token)
    try:
        while left := [task for task in watch.tasks if not task.done()]:
            done, _ = await asyncio.wait(left, timeout=_PATIENCE)
            assert done, "something that was begun does not end"
    finally:
        loop.set_task_factory(before)
    if first.cancelled():
        return watch.has_struck, asyncio.CancelledError()
    return watch.has_struck, first.exception()
