"""All sheets, looked at by themselves: by one process each, at an interval; and when asked."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import Final

import structlog

from security.custody.leases import Leases
from security.custody.threads import Threads
from security.errors import CustodyError, HeldElsewhere
from security.storage.protocol import Storage
from sheets.keeping.kinds import EVERY_SECONDS, SHEETS
from sheets.keeping.looking import INTERVAL, Looking, Read, States
from sheets.keeping.sources import Source, sources_of
from sheets.keeping.versions import Version, Versions
from sheets.shapes.file import Sheet

_SWEPT_EVERY: Final = 6 * 3600.0
_THREADS: Final = 2
_LAST_SECONDS: Final = 2.0
_log = structlog.get_logger()


class Mirror:
    """One for a process. Made for the event loop."""

    def __init__(
        self,
        storage: Storage,
        leases: Leases,
        read: Read,
        sheets: Mapping[str, Sheet],
        interval: float = INTERVAL,
    ) -> None:
        """
        Args:
            read: asks Google.
            sheets: by their ids.
            interval: seconds from one look to the next.
        """
        self.sheets: Final = dict(sheets)
        self.looking: Final = Looking(storage, read, interval)
        self.every_seconds: Final = min(EVERY_SECONDS, interval)
        """How often a process sees whether a look is due."""
        self._storage = storage
        self._leases = leases
        self.interval: Final = interval
        self._versions = Versions(storage)
        self._sources = sources_of(sheets.values())
        self._threads = Threads(_THREADS, "sheets")
        self._running: dict[str, asyncio.Task[States | None]] = {}
        self._swept_at: float | None = None
        self.stopped = 0
        """How many sheets are not taken over as they stand, at the last look of any process."""
        self._hindered: dict[str, str] = {}
        """What keeps each source, and the rest (""), from being done: said in the log once."""

    def is_any_stopped(self) -> bool:
        """Whether administrators are to see to any of them."""
        return self.stopped > 0

    async def look(self) -> None:
        """Look at what is due, and forget what is old. Never raises."""
        await asyncio.gather(*map(self._quietly, self._sources))
        try:
            await self._threads.run(self._count)
            await self._sweep()
            self._hindered.pop("", None)
        except CustodyError as fault:
            self._say("", fault)
        except Exception:
            _log.exception("background_failed")

    async def catch_up(self, department: str | None = None) -> None:
        """Look now at what was not looked at for longer than the interval, as on a host that has
        slept. Whoever asks meanwhile waits for the same look. Never raises: what there is stays.

        Args:
            department: only this one's, by its slug.
        """
        mine = [one for one in self._sources if department in (None, one.department)]
        await asyncio.gather(*map(self._quietly, mine))

    async def sync(self, ids: Collection[str]) -> States:
        """Look now, whenever the last look was; how these sheets stand then.

        Raises:
            CustodyError: another process is at it for too long, or the storage does not answer.
        """
        asked_at = self._storage.now()
        mine = [one for one in self._sources if any(each.id in ids for each in one.sheets)]
        await asyncio.gather(*(self._once(source, asked_at) for source in mine))
        return await self._threads.run(partial(self.looking.states, self._those(ids)))

    async def close(self) -> None:
        """End what is under way."""
        for task in self._running.values():
            task.cancel()
        await self._threads.close(_LAST_SECONDS)

    def _those(self, ids: Collection[str]) -> Sequence[Sheet]:
        return [sheet for sheet in self.sheets.values() if sheet.id in ids]

    async def _quietly(self, source: Source) -> None:
        """Look if it is due; what goes wrong with one keeps none of the others from being read."""
        try:
            await self._once(source)
            self._hindered.pop(source.lease, None)
        except CustodyError as fault:
            self._say(source.lease, fault)
        except Exception:
            _log.exception("background_failed")

    def _say(self, of: str, fault: CustodyError) -> None:
        if self._hindered.get(of) != fault.code:
            self._hindered[of] = fault.code
            _log.info("sheet_not_read", result=fault.code)

    async def _once(self, source: Source, asked_at: float | None = None) -> States | None:
        """Join the look that is under way, or begin one; one that began before it was asked for
        does not do."""
        task = self._running.get(source.lease)
        while task is not None and asked_at is not None:
            await asyncio.wait((task,))
            task = self._running.get(source.lease)
        if task is None:
            task = asyncio.create_task(self._held(source, asked_at))
            self._running[source.lease] = task
            task.add_done_callback(partial(self._ended, source.lease))
        return await asyncio.shield(task)

    def _ended(self, lease: str, task: asyncio.Task[States | None]) -> None:
        self._running.pop(lease, None)
        if not task.cancelled():
            task.exception()

    async def _held(self, source: Source, asked_at: float | None) -> States | None:
        if not await self._threads.run(partial(self.looking.is_due, source, asked_at)):
            return None
        try:
            async with self._leases.of_fleet(source.lease, waits=asked_at is not None):
                return await self._threads.run(partial(self.looking.look, source, asked_at))
        except HeldElsewhere:  # whose look counts for all
            return None

    def _count(self) -> None:
        found = self.looking.states(list(self.sheets.values()))
        self.stopped = sum(state.is_stopped for state in found.values())

    async def _sweep(self) -> None:
        now = self._storage.now()
        if self._swept_at is None or now - self._swept_at > _SWEPT_EVERY:
            self._swept_at = now
            await self._threads.run(self._sweep_now)

    def _sweep_now(self) -> None:
        current = set[str]()
        names = self._storage.names(SHEETS)
        for name, state in self.looking.some(names).items():
            for period, one in state.periods.items():
                current |= {Version(name, period, id).name for id in (one.current, one.held) if id}
        self._versions.sweep(self._storage.now(), current)
        for sheet in self.sheets.values():
            self.looking.mend(sheet)
