"""Refreshes under way: all who ask for the same owner's meanwhile share one."""

from __future__ import annotations

import asyncio
from typing import Generic, TypeVar

from security.errors import OperatorFault

T = TypeVar("T")


class Flight(Generic[T]):
    """One refresh, which nobody's cancellation reaches."""

    def __init__(self) -> None:
        self._task: asyncio.Task[T] | None = None
        self._stuck: asyncio.Future[T | OperatorFault] = asyncio.Future()

    def begin(self, task: asyncio.Task[T]) -> None:
        """`task` is what brings it to its end."""
        self._task = task

    def stick(self, instead: T | OperatorFault) -> bool:
        """Its end cannot be saved just now. It is tried on; nobody has to wait for that.

        False: it was stuck already.

        Args:
            instead: what those who wait are given, or whoever comes by meanwhile.
        """
        if self._stuck.done():
            return False
        self._stuck.set_result(instead)
        return True

    async def landing(self, seconds: float | None = None) -> T:
        """What it gives or raises; or what stands for that while it is stuck.

        Raises:
            TimeoutError: neither within `seconds`; it goes on.
        """
        if self._task is None:
            raise RuntimeError("it has not begun")
        ends = (self._task, self._stuck)
        await asyncio.wait(ends, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            return self._task.result()
        if not self._stuck.done():
            raise TimeoutError
        instead = self._stuck.result()
        if isinstance(instead, OperatorFault):
            raise OperatorFault(str(instead), code=instead.code)
        return instead
