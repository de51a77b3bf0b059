"""Whose upload runs next: people take turns, and each person's files go in their order.

What waits is known by its id alone, and read again from the disk when its turn comes.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any

import structlog

from bot.uploads.jobs import UploadJob
from security.credential import Owner
from upload import StopSignal


@dataclass(frozen=True, slots=True)
class Ending:
    """How a job has ended, and what is still to be done about it."""

    job: UploadJob
    """As it stands from now on."""
    tell: Coroutine[Any, Any, None]
    """Writes that down, and says it."""


Load = Callable[[str], Awaitable[UploadJob | None]]
RunJob = Callable[[UploadJob, StopSignal], Awaitable[Ending | None]]
_log = structlog.get_logger()


def _new_future() -> asyncio.Future[UploadJob | None]:
    return asyncio.get_running_loop().create_future()


@dataclass(slots=True)
class _Run:
    """One job on its way."""

    job_id: str
    stop: StopSignal = field(default_factory=StopSignal)
    over: asyncio.Future[UploadJob | None] = field(default_factory=_new_future)
    """As it has ended; None: the program stops, or there was no such job."""
    told: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once all is said."""


@dataclass(slots=True)
class _PersonalQueue:
    """One person's uploads."""

    waiting: deque[str] = field(default_factory=deque)
    running: _Run | None = None
    task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self.waiting) + (self.running is not None)


class Scheduler:
    """Whose job runs next. It is in memory alone, and what it says is so until the next await."""

    def __init__(self, load: Load, run: RunJob, ended: Callable[[str], None], at_once: int) -> None:
        """
        Args:
            load: reads a job; None: there is none any more, or it cannot be read.
            run: uploads one job, and returns how it ended, which it is told of afterwards: that
                takes nobody's slot. None: the program stops.
            ended: told of each job that has run, by its id, once all is said.
            at_once: how many run at the same time, of different people.
        """
        self._load = load
        self._run = run
        self._ended = ended
        self._slots = asyncio.Semaphore(at_once)  # first come, first served
        self._queues: dict[Owner, _PersonalQueue] = {}
        self._is_stopping = False

    async def stop(self) -> None:
        """Stop every job at its next piece, and begin nothing any more."""
        self._is_stopping = True
        tasks = [queue.task for queue in self._queues.values() if queue.task is not None]
        for queue in self._queues.values():
            if queue.running is not None:
                queue.running.stop.interrupt()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def add(self, owner: Owner, job_id: str) -> None:
        """Put a job at the end of its owner's queue, unless it waits there already.

        One that runs may be added once more: tried again while its end is still being told.
        """
        queue = self._queues.setdefault(owner, _PersonalQueue())
        if job_id not in queue.waiting:
            queue.waiting.append(job_id)
        if queue.task is None and not self._is_stopping:
            queue.task = asyncio.create_task(self._work(owner, queue))

    def remove(self, owner: Owner, job_id: str) -> bool:
        """Take a job out of its queue; whether it was there. No worker takes it after that."""
        queue = self._queues.get(owner)
        if queue is None or job_id not in queue.waiting:
            return False
        queue.waiting.remove(job_id)
        return True

    def stop_running(self, owner: Owner, job_id: str) -> bool:
        """Stop this job of the owner's, if it runs; False: it was to stop already, or has ended."""
        run = self._run_of(owner, job_id)
        if run is None or run.stop.is_set() or run.over.done():
            return False
        run.stop.set()
        return True

    async def until_over(self, owner: Owner, job_id: str) -> UploadJob | None:
        """Wait until nothing more of this job moves, and return it as it has ended.

        None: it does not run, or the program stops.
        """
        run = self._run_of(owner, job_id)
        return None if run is None else await asyncio.shield(run.over)

    async def until_told(self, owner: Owner, job_id: str) -> None:
        """Wait until it has been said how it ended, too."""
        if (run := self._run_of(owner, job_id)) is not None:
            await run.told.wait()

    def is_running(self, owner: Owner, job_id: str) -> bool:
        """Whether this job is on its way just now."""
        return self._run_of(owner, job_id) is not None

    def is_stopping(self, owner: Owner, job_id: str) -> bool:
        """Whether this job is to stop, and has not ended yet."""
        run = self._run_of(owner, job_id)
        return run is not None and run.stop.is_set() and not run.over.done()

    def has(self, owner: Owner, job_id: str) -> bool:
        """Whether this job waits, or is on its way."""
        queue = self._queues.get(owner, _PersonalQueue())
        return job_id in queue.waiting or self.is_running(owner, job_id)

    def length(self, owner: Owner) -> int:
        """How many of the owner's jobs are before the next one."""
        return len(self._queues.get(owner, _PersonalQueue()))

    def ahead(self, owner: Owner, job_id: str) -> int:
        """How many of the owner's jobs are before this one."""
        queue = self._queues.get(owner, _PersonalQueue())
        if job_id in queue.waiting:
            return queue.waiting.index(job_id) + (queue.running is not None)
        return 0 if self.is_running(owner, job_id) else len(queue)

    def counts(self) -> tuple[int, int]:
        """How many jobs wait, and how many are on their way."""
        queues = self._queues.values()
        return sum(len(queue.waiting) for queue in queues), sum(
            queue.running is not None for queue in queues
        )

    def _run_of(self, owner: Owner, job_id: str) -> _Run | None:
        run = self._queues.get(owner, _PersonalQueue()).running
        return run if run is not None and run.job_id == job_id else None

    async def _work(self, owner: Owner, queue: _PersonalQueue) -> None:
        # One slot at a time: who sent a hundred files comes round as often as who sent one.
        while queue.waiting:
            await self._run_next(owner, queue)
        del self._queues[owner]

    async def _run_next(self, owner: Owner, queue: _PersonalQueue) -> None:
        run = None
        try:
            async with self._slots:
                if not queue.waiting:  # cancelled meanwhile
                    return
                # From here on it runs, and a cancel stops it: also while it is being read.
                run = queue.running = _Run(queue.waiting.popleft())
                job = await self._load(run.job_id)
                ending = None if job is None else await self._run(job, run.stop)
                run.over.set_result(None if ending is None else ending.job)
            if ending is not None:
                await ending.tell
        except Exception:
            # The runner answers for the job; whatever it could not, the queue goes on.
            _log.exception("handler_failed", owner=owner)
        finally:
            queue.running = None
            if run is not None:
                if not run.over.done():
                    run.over.set_result(None)
                run.told.set()
                self._ended(run.job_id)
