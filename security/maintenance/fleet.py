"""What all processes on one storage do as one: whatever is opened, ended or told of, is so once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TypeVar

from security.custody.leases import Leases
from security.errors import CustodyError, OperatorFault
from security.maintenance.report import SweepReport
from security.maintenance.state import MaintenanceState
from security.storage.leases import TELL_LEASE
from security.storage.protocol import Storage

T = TypeVar("T")
MayTell = Callable[[], bool]
"""Asked before each thing that is told."""


class Fleet:
    """This process among the others; on files it is the only one."""

    def __init__(self, storage: Storage, leases: Leases, state: MaintenanceState) -> None:
        self._storage = storage
        self._leases = leases
        self._state = state

    @property
    def is_of_several(self) -> bool:
        """Whether other processes may do the same on the same storage."""
        return self._storage.is_shared

    @asynccontextmanager
    async def telling(self) -> AsyncIterator[MayTell]:
        """Be the one that opens, ends and tells of trouble, with what all processes know of it.

        Gives whether this one may: not while another does, whose part it is then. Where the storage
        is away, nobody can be asked: better told by two than by none.
        """
        if not self.is_of_several:
            yield lambda: True
            return
        async with AsyncExitStack() as held:
            may_tell: MayTell
            try:
                lease = await held.enter_async_context(self._leases.of_fleet(TELL_LEASE))
                await self._state.recall_incidents()
                may_tell = lease.may_begin
            except OperatorFault:
                may_tell = lambda: True  # noqa: E731
            except CustodyError:
                may_tell = lambda: False  # noqa: E731
            yield may_tell
            if may_tell():
                await self._state.save(incidents=True)

    async def tell_once(
        self,
        mark: Callable[[bool], Awaitable[None]],
        send: Callable[[], Awaitable[T]],
        was_put_off: Callable[[T], bool],
    ) -> T:
        """Tell something, and remember that it was told.

        Where nobody takes over from this process, it is marked first: a crash in between costs one
        message rather than sending two. Where another does, it is marked once it is sent: whoever
        takes over tells what this one has not.

        Args:
            mark: keeps whether it was told.
            was_put_off: whether nobody could be reached, and it is to be tried again.
        """
        if self.is_of_several:
            outcome = await send()
            if not was_put_off(outcome):
                await mark(True)
            return outcome
        await mark(True)
        outcome = await send()
        if was_put_off(outcome):
            await mark(False)
        return outcome

    async def note_watched(self) -> bool:
        """What is watched besides sweeps has begun, or is over: noted at once, for a sweep may be
        minutes away. Whether it was."""
        watched, incidents = self._state.watched, self._state.incidents
        if not watched.is_news(incidents):
            return False
        async with self.telling() as may_tell:
            if may_tell():
                watched.note(incidents)
        return True

    async def learn(self, report: SweepReport) -> None:
        """What a sweep of this process saw of trouble is what all of them know from then on."""
        if not self.is_of_several:
            self._state.learn(report)
        elif self._state.may_learn(report):
            async with self.telling() as may_tell:
                if may_tell():
                    self._state.learn(report)
