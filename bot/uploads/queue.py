"""Whose upload runs next: people take turns, and each person's files go in their order."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

import structlog

from bot.uploads.jobs import State, UploadJob, UploadJournal
from security.credential import Owner
from security.custodian import Custodian
from upload import Halt

KEPT: Final = timedelta(days=7)
"""For how long one can look back at what has ended, and come back for what has not."""
_KEPT_EACH: Final = 50
_log = structlog.get_logger()


@dataclass(slots=True)
class _Line:
    """One person's uploads: the first may be running, the others wait."""

    waiting: deque[UploadJob] = field(default_factory=deque)
    running: UploadJob | None = None
    halt: Halt = field(default_factory=Halt)
    forgotten: bool = False
    """Nothing is to be kept of what is running."""

    def __len__(self) -> int:
        return len(self.waiting) + (self.running is not None)


class UploadQueue:
    """Runs jobs as they come; what it holds is in the journal as well."""

    def __init__(
        self,
        journal: UploadJournal,
        custodian: Custodian,
        run: Callable[[UploadJob, Halt], Awaitable[None]],
        discard: Callable[[UploadJob], Coroutine[Any, Any, None]],
        *,
        at_once: int = 8,
        limit: int = 200,
    ) -> None:
        """
        Args:
            run: uploads one job, and says how it ended.
            discard: takes back what has been begun in Drive for one that does not run.
            at_once: how many run at the same time, of different people.
            limit: how many unfinished files one person may have.
        """
        self._journal = journal
        self._custodian = custodian
        self._run = run
        self._discard = discard
        self._at_once = at_once
        self._limit = limit
        self._lines: dict[Owner, _Line] = {}
        self._turns: asyncio.Queue[Owner] = asyncio.Queue()
        self._workers: list[asyncio.Task[None]] = []
        self._answering = asyncio.Lock()

    async def start(self) -> None:
        """Begin to work, with what an earlier run left."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._at_once)]
        for job in await self._custodian.read(self._journal.all):
            if job.state == "queued":
                self._enqueue(job)

    async def stop(self) -> None:
        """Stop at the next piece. The journal has it, and the next start goes on."""
        for line in self._lines.values():
            line.halt.interrupt()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def note(self, job: UploadJob) -> None:
        """Write `job` down; it runs once it is added, or at the next start."""
        await self._custodian.run(self._journal.save, job)

    async def add(self, job: UploadJob) -> None:
        """Write `job` down and, if it waits for nothing else, queue it."""
        await self.note(job)
        if job.state == "queued":
            self._enqueue(job)

    async def find(self, owner: Owner, job_id: str) -> UploadJob | None:
        """The owner's job of this id, whatever its state."""
        job = await self._custodian.read(self._journal.load, job_id)
        return job if job is not None and job.owner == owner else None

    async def jobs(self, owner: Owner) -> list[UploadJob]:
        """All of the owner's jobs that are kept, in the order they were sent."""
        return await self._custodian.read(self._journal.of, owner)

    def is_running(self, job: UploadJob) -> bool:
        """Whether it is on its way just now."""
        line = self._lines.get(job.owner)
        return line is not None and line.running is not None and line.running.id == job.id

    def position(self, owner: Owner) -> int:
        """How many of the owner's jobs are before the next one."""
        line = self._lines.get(owner)
        return 0 if line is None else len(line)

    def ahead(self, job: UploadJob) -> int:
        """How many of the owner's jobs are before this one."""
        line = self._lines.get(job.owner)
        if line is None or self.is_running(job):
            return 0
        ids = [other.id for other in line.waiting]
        before = ids.index(job.id) if job.id in ids else len(ids)
        return before + (line.running is not None)

    async def room(self, owner: Owner) -> int:
        """How many more files the owner may send before some of them have ended."""
        unfinished = [job for job in await self.jobs(owner) if not job.has_ended]
        files = sum(file.state != "done" for job in unfinished for file in job.files)
        return max(self._limit - files, 0)

    def counts(self) -> tuple[int, int]:
        """How many jobs are in line, and how many are on their way."""
        lines = self._lines.values()
        return sum(len(line.waiting) for line in lines), sum(
            line.running is not None for line in lines
        )

    async def waiting_owners(self) -> set[Owner]:
        """Whose files wait for a connection."""
        jobs = await self._custodian.read(self._journal.all)
        return {job.owner for job in jobs if job.state == "waiting"}

    async def release(self, owner: Owner) -> int:
        """The owner has connected: queue what waited for that. Returns how many."""
        jobs = [job for job in await self.jobs(owner) if job.state == "waiting"]
        for job in jobs:
            await self.add(job.model_copy(update={"state": "queued"}))
        return len(jobs)

    async def retry(self, owner: Owner, job_id: str) -> UploadJob | None:
        """Queue a failed job anew; None where it is gone or not failed."""
        job = await self.find(owner, job_id)
        if job is None or job.state != "failed":
            return None
        job = job.anew()
        await self.add(job)
        return job

    async def hold(self, owner: Owner, job_id: str) -> UploadJob | None:
        """Take a job out of the line while its owner is asked; None: it runs, or has ended."""
        job = await self.find(owner, job_id)
        if job is None or job.has_ended or self.is_running(job):
            return None
        self._unqueue(job)
        job = job.model_copy(update={"state": "asking", "asked_at": datetime.now(UTC)})
        await self.note(job)
        return job

    async def proceed(self, job: UploadJob, state: State) -> bool:
        """Go on with a job that was held; False: what was asked has been answered meanwhile."""
        async with self._answering:
            known = await self.find(job.owner, job.id)
            asked = ("asking", job.asked_at)
            if known is None or (known.state, known.asked_at) != asked:
                return False
            await self.add(job.model_copy(update={"state": state, "asked_at": None}))
            return True

    async def asking(self) -> list[UploadJob]:
        """Everybody's jobs that wait for an answer."""
        jobs = await self._custodian.read(self._journal.all)
        return [job for job in jobs if job.state == "asking"]

    async def cancel(self, owner: Owner, job_id: str) -> UploadJob | Literal["running"] | None:
        """End one job; None: there is none. A running one ends soon, and says so itself."""
        line = self._lines.get(owner)
        if line and line.running and line.running.id == job_id:
            line.halt.set()
            return "running"
        job = await self.find(owner, job_id)
        if job is None or job.has_ended:
            return None
        self._unqueue(job)
        ended = {"state": "cancelled", "finished_at": datetime.now(UTC)}
        begun, job = job, job.model_copy(update=ended)
        await self.note(job)
        self._custodian.uncancelled(self._discard(begun))
        return job

    async def cancel_all(
        self, owner: Owner, *, unless_account: str | None = None
    ) -> list[UploadJob]:
        """End the owner's jobs, those begun for another account if one is given.

        Returns those that were not running; a running one says itself that it has ended.
        """
        cancelled = []
        for job in await self.jobs(owner):
            if unless_account is not None and job.account_id in ("", unless_account):
                continue
            done = await self.cancel(owner, job.id)
            if isinstance(done, UploadJob):
                cancelled.append(done)
        return cancelled

    async def forget(self, owner: Owner) -> None:
        """Nothing is kept of the owner's jobs; of a running one, once it has ended."""
        for job in await self.jobs(owner):
            if self.is_running(job):
                self._lines[owner].forgotten = True
            else:
                await self._custodian.run(self._journal.delete, job)

    async def forget_old(self, now: datetime) -> list[UploadJob]:
        """Drop what is older than KEPT and not in line; returns what had not ended."""
        dropped, kept = [], dict[Owner, int]()
        for job in reversed(await self._custodian.read(self._journal.all)):
            if job.state == "queued":
                continue
            is_old = (job.finished_at or job.created_at) < now - KEPT
            if job.has_ended:
                kept[job.owner] = kept.get(job.owner, 0) + 1
                is_old = is_old or kept[job.owner] > _KEPT_EACH
            if is_old:
                await self._custodian.run(self._journal.delete, job)
                if not job.has_ended:
                    dropped.append(job)
        return dropped

    def _enqueue(self, job: UploadJob) -> None:
        line = self._lines.setdefault(job.owner, _Line())
        if any(other.id == job.id for other in (*line.waiting, line.running) if other):
            return
        line.waiting.append(job)
        self._turns.put_nowait(job.owner)

    def _unqueue(self, job: UploadJob) -> None:
        if (line := self._lines.get(job.owner)) is not None:
            line.waiting = deque(other for other in line.waiting if other.id != job.id)

    async def _work(self) -> None:
        while True:
            owner = await self._turns.get()
            line = self._lines.get(owner)
            if line is None or line.running is not None or not line.waiting:
                continue  # this person's next turn comes when the running one has ended
            line.running = line.waiting.popleft()
            line.halt = Halt()
            try:
                await self._run(line.running, line.halt)
            except Exception:
                # The runner answers for the job; whatever it could not, the worker lives on.
                _log.exception("handler_failed", owner=owner)
            finally:
                if line.forgotten:
                    ended = self._custodian.run(self._journal.delete, line.running)
                    self._custodian.uncancelled(ended)
                line.running, line.forgotten = None, False
                if line.waiting:
                    self._turns.put_nowait(owner)
                else:
                    self._lines.pop(owner, None)
