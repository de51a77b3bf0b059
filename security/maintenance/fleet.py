"""What all processes on one storage do as one: whatever is opened, ended or told of, is so once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from security.custody.leases import Leases
from security.errors import CustodyError
from security.maintenance.report import SweepReport
from security.maintenance.state import MaintenanceState
from security.storage.leases import TELL_LEASE
from security.storage.protocol import Storage


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
    async def telling(self) -> AsyncIterator[bool]:
        """Be the one that opens, ends and tells of trouble, with what all processes know of it.

        False: another one is, for long, or nobody can tell: its own next turn comes.
        """
        if not self.is_of_several:
            yield True
            return
        async with AsyncExitStack() as held:
            try:
                await held.enter_async_context(self._leases.of_fleet(TELL_LEASE))
                await self._state.recall_incidents()
                is_alone = True
            except CustodyError:
                is_alone = False
            yield is_alone
            if is_alone:
                await self._state.save(incidents=True)

    async def learn(self, report: SweepReport) -> None:
        """What a sweep of this process saw of trouble is what all of them know from then on."""
        if not self.is_of_several:
            self._state.learn(report)
        elif self._state.may_learn(report):
            async with self.telling() as is_alone:
                if is_alone:
                    self._state.learn(report)
