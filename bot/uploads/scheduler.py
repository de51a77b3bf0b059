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

Announcement = Coroutine[Any, Any, None]
Load = Callable[[str], Awaitable[UploadJob | None]]
RunJob = Callable[[UploadJob, StopSignal], Awaitable[Announcement | None]]
_log = structlog.get_logger()


@dataclass(slots=True)
class _PersonalQueue:
    """One person's uploads."""

    waiting: deque[str] = field(default_factory=deque)
    running: str | None = None
    stop: StopSignal = field(default_factory=StopSignal)
    task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self.waiting) + (self.running is not None)


class Scheduler:
    """Whose job runs next. It is in memory alone, and what it says is so until the next await."""

    def __init__(self, load: Load, run: RunJob, ended: Callable[[str], None], at_once: int) -> None:
        """
        Args:
            load: reads a job; None: there is none any more, or it cannot be read.
            run: uploads one job, and returns what says how it ended: that takes nobody's slot.
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
            queue.stop.interrupt()
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

    def stop_running(self, owner: Owner) -> None:
        """Stop the owner's job that is running, at its next piece."""
        self._queues[owner].stop.set()

    def is_running(self, owner: Owner, job_id: str) -> bool:
        """Whether this job is on its way just now."""
        return self._queues.get(owner, _PersonalQueue()).running == job_id

    def has(self, owner: Owner, job_id: str) -> bool:
        """Whether this job waits, or is on its way."""
        queue = self._queues.get(owner, _PersonalQueue())
        return job_id in (*queue.waiting, queue.running)

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

    async def _work(self, owner: Owner, queue: _PersonalQueue) -> None:
        # One slot at a time: who sent a hundred files comes round as often as who sent one.
        while queue.waiting:
            await self._run_next(owner, queue)
        del self._queues[owner]

    async def _run_next(self, owner: Owner, queue: _PersonalQueue) -> None:
        try:
            async with self._slots:
                if not queue.waiting:  # cancelled meanwhile
                    return
                # From here on it runs, and a cancel stops it: also while it is being read.
                queue.running, queue.stop = queue.waiting.popleft(), StopSignal()
                job = await self._load(queue.running)
                announcement = None if job is None else await self._run(job, queue.stop)
            if announcement is not None:
                await announcement
        except Exception:
            # The runner answers for the job; whatever it could not, the queue goes on.
            _log.exception("handler_failed", owner=owner)
        finally:
            ended, queue.running = queue.running, None
            if ended is not None:
                self._ended(ended)
