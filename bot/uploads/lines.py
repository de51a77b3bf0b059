"""Whose upload runs next: people take turns, and each person's files go in their order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

from bot.uploads.jobs import UploadJob
from security.credential import Owner
from upload import Halt

Run = Callable[[UploadJob, Halt], Awaitable[None]]
_log = structlog.get_logger()


@dataclass(slots=True)
class _Line:
    """One person's uploads."""

    waiting: deque[UploadJob] = field(default_factory=deque)
    running: UploadJob | None = None
    halt: Halt = field(default_factory=Halt)
    has_turn: bool = False
    """One is out, and no worker has taken it yet."""

    def __len__(self) -> int:
        return len(self.waiting) + (self.running is not None)

    def place_of(self, job_id: str) -> int | None:
        """Its place among those that wait, from 0."""
        ids = [job.id for job in self.waiting]
        return ids.index(job_id) if job_id in ids else None


class Lines:
    """In memory alone, and nothing in it is awaited: what it says is so until the next await."""

    def __init__(self, run: Run, at_once: int) -> None:
        """
        Args:
            run: uploads one job, and says how it ended.
            at_once: how many run at the same time, of different people.
        """
        self._run = run
        self._at_once = at_once
        self._lines: dict[Owner, _Line] = {}
        self._turns: asyncio.Queue[Owner] = asyncio.Queue()
        self._workers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to work."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._at_once)]

    async def stop(self) -> None:
        """Stop at the next piece."""
        for line in self._lines.values():
            line.halt.interrupt()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def add(self, job: UploadJob) -> None:
        """Put it at the end of its owner's line, or in its own place, if it waits there already.

        One that runs may be added once more: tried again while its end is still being told.
        """
        line = self._lines.setdefault(job.owner, _Line())
        if (place := line.place_of(job.id)) is not None:
            line.waiting[place] = job
        else:
            line.waiting.append(job)
        self._give_turn(job.owner, line)

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
        return line is not None and line.running is not None and line.running.id == job_id

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

    def _give_turn(self, owner: Owner, line: _Line) -> None:
        """One a person: who has sent a hundred files comes round as often as who has sent one."""
        if line.waiting and line.running is None and not line.has_turn:
            line.has_turn = True
            self._turns.put_nowait(owner)

    async def _work(self) -> None:
        while True:
            owner = await self._turns.get()
            line = self._lines[owner]
            line.has_turn = False
            if line.waiting:  # else it was cancelled meanwhile
                await self._run_next(owner, line)
            self._give_turn(owner, line)
            if not line.waiting:
                del self._lines[owner]

    async def _run_next(self, owner: Owner, line: _Line) -> None:
        line.running, line.halt = line.waiting.popleft(), Halt()
        try:
            await self._run(line.running, line.halt)
        except Exception:
            # The runner answers for the job; whatever it could not, the worker lives on.
            _log.exception("handler_failed", owner=owner)
        finally:
            line.running = None
