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

Telling = Coroutine[Any, Any, None]
Load = Callable[[str], Awaitable[UploadJob | None]]
Run = Callable[[UploadJob, StopSignal], Awaitable[Telling | None]]
_log = structlog.get_logger()


@dataclass(slots=True)
class _Line:
    """One person's uploads."""

    waiting: deque[str] = field(default_factory=deque)
    running: str | None = None
    halt: StopSignal = field(default_factory=StopSignal)
    task: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        return len(self.waiting) + (self.running is not None)

    def place_of(self, job_id: str) -> int | None:
        """Its place among those that wait, from 0."""
        return self.waiting.index(job_id) if job_id in self.waiting else None


class Lines:
    """In memory alone, and nothing in it is awaited: what it says is so until the next await."""

    def __init__(self, load: Load, run: Run, ended: Callable[[str], None], at_once: int) -> None:
        """
        Args:
            load: reads a job; None: there is none any more, or it cannot be read.
            run: uploads one job, and returns what says how it ended: that takes nobody's place.
            ended: told of each job that has run, by its id, once all is said.
            at_once: how many run at the same time, of different people.
        """
        self._load = load
        self._run = run
        self._ended = ended
        self._places = asyncio.Semaphore(at_once)  # first come, first served
        self._lines: dict[Owner, _Line] = {}
        self._is_stopping = False

    async def stop(self) -> None:
        """Stop at the next piece, and begin nothing any more."""
        self._is_stopping = True
        tasks = [line.task for line in self._lines.values() if line.task is not None]
        for line in self._lines.values():
            line.halt.interrupt()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def add(self, owner: Owner, job_id: str) -> None:
        """Put it at the end of its owner's line, unless it waits there already.

        One that runs may be added once more: tried again while its end is still being told.
        """
        line = self._lines.setdefault(owner, _Line())
        if job_id not in line.waiting:
            line.waiting.append(job_id)
        if line.task is None and not self._is_stopping:
            line.task = asyncio.create_task(self._work(owner, line))

    def remove(self, owner: Owner, job_id: str) -> bool:
        """Take it out of the line; whether it was there. No worker takes it after that."""
        line = self._lines.get(owner)
        if line is None or (place := line.place_of(job_id)) is None:
            return False
        del line.waiting[place]
        return True

    def halt(self, owner: Owner) -> None:
        """End what is running, at its next piece."""
        self._lines[owner].halt.set()

    def runs(self, owner: Owner, job_id: str) -> bool:
        """Whether it is on its way just now."""
        line = self._lines.get(owner)
        return line is not None and line.running == job_id

    def has(self, owner: Owner, job_id: str) -> bool:
        """Whether it is in line, or on its way."""
        line = self._lines.get(owner, _Line())
        return line.place_of(job_id) is not None or self.runs(owner, job_id)

    def length(self, owner: Owner) -> int:
        """How many of the owner's jobs are before the next one."""
        return len(self._lines.get(owner, _Line()))

    def ahead(self, owner: Owner, job_id: str) -> int:
        """How many of the owner's jobs are before this one."""
        line = self._lines.get(owner, _Line())
        place = line.place_of(job_id)
        if place is None:
            return 0 if self.runs(owner, job_id) else len(line)
        return place + (line.running is not None)

    def counts(self) -> tuple[int, int]:
        """How many jobs are in line, and how many are on their way."""
        lines = self._lines.values()
        return sum(len(line.waiting) for line in lines), sum(
            line.running is not None for line in lines
        )

    async def _work(self, owner: Owner, line: _Line) -> None:
        # One place at a time: who sent a hundred files comes round as often as who sent one.
        while line.waiting:
            await self._run_next(owner, line)
        del self._lines[owner]

    async def _run_next(self, owner: Owner, line: _Line) -> None:
        try:
            async with self._places:
                if not line.waiting:  # cancelled meanwhile
                    return
                # From here on it runs, and a cancel halts it: also while it is being read.
                line.running, line.halt = line.waiting.popleft(), StopSignal()
                job = await self._load(line.running)
                telling = None if job is None else await self._run(job, line.halt)
            if telling is not None:
                await telling
        except Exception:
            # The runner answers for the job; whatever it could not, the line goes on.
            _log.exception("handler_failed", owner=owner)
        finally:
            ended, line.running = line.running, None
            if ended is not None:
                self._ended(ended)
