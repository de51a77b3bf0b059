"""Whose upload runs next: people take turns, and each person's files go in their order."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Literal

import structlog

from bot.upload_jobs import UploadJob, UploadJournal
from security.credential import Owner
from security.custodian import Custodian

_log = structlog.get_logger()
WORKERS: Final = 8
"""Uploads at once; each holds a thread and about four chunks of memory."""


@dataclass(slots=True)
class _Line:
    """One person's uploads: the first may be running, the others wait."""

    waiting: deque[UploadJob] = field(default_factory=deque)
    running: UploadJob | None = None
    cancelled: threading.Event = field(default_factory=threading.Event)


class UploadQueue:
    """Runs jobs as they come; what it holds is in the journal as well."""

    def __init__(
        self,
        journal: UploadJournal,
        custodian: Custodian,
        run: Callable[[UploadJob, threading.Event], Awaitable[None]],
    ) -> None:
        self._journal = journal
        self._custodian = custodian
        self._run = run
        self._lines: dict[Owner, _Line] = {}
        self._turns: asyncio.Queue[Owner] = asyncio.Queue()
        self._workers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Begin to work, with what an earlier run left."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(WORKERS)]
        for job in await self._custodian.run(self._journal.all):
            if job.state == "queued":
                self._enqueue(job)

    async def stop(self) -> None:
        """Stop at the next piece. The journal has it, and the next start goes on."""
        for line in self._lines.values():
            line.cancelled.set()
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    async def note(self, job: UploadJob) -> None:
        """Write `job` down; it runs once it is added, or at the next start."""
        await self._custodian.run(self._journal.save, job)

    async def add(self, job: UploadJob) -> None:
        """Write `job` down and, unless it waits for a connection, queue it."""
        await self.note(job)
        if job.state == "queued":
            self._enqueue(job)

    def position(self, owner: Owner) -> int:
        """How many of the owner's files are before the next one."""
        line = self._lines.get(owner)
        return 0 if line is None else len(line.waiting) + (line.running is not None)

    def counts(self) -> tuple[int, int]:
        """How many files are in line, and how many are on their way."""
        lines = self._lines.values()
        return sum(len(line.waiting) for line in lines), sum(
            line.running is not None for line in lines
        )

    async def waiting_owners(self) -> set[Owner]:
        """Whose files wait for a connection."""
        jobs = await self._custodian.run(self._journal.all)
        return {job.owner for job in jobs if job.state == "waiting"}

    async def release(self, owner: Owner) -> int:
        """The owner has connected: queue what waited for that. Returns how many."""
        jobs = [j for j in await self._jobs(owner) if j.state == "waiting"]
        for job in jobs:
            await self.add(job.model_copy(update={"state": "queued"}))
        return len(jobs)

    async def retry(self, owner: Owner, job_id: str) -> UploadJob | None:
        """Queue a failed job anew; None where it is gone or not failed."""
        job = await self._custodian.run(self._journal.load, job_id)
        if job is None or job.owner != owner or job.state != "failed":
            return None
        job = job.model_copy(update={"state": "queued"})
        await self.add(job)
        return job

    async def cancel(self, owner: Owner, job_id: str) -> UploadJob | Literal["running"] | None:
        """End one job; None: there is none. A running one ends soon, and says so itself."""
        line = self._lines.get(owner)
        if line and line.running and line.running.id == job_id:
            line.cancelled.set()
            return "running"
        job = await self._custodian.run(self._journal.load, job_id)
        if job is None or job.owner != owner:
            return None
        if line:
            line.waiting = deque(other for other in line.waiting if other.id != job_id)
        await self._custodian.run(self._journal.delete, job)
        return job

    async def cancel_all(
        self, owner: Owner, *, unless_account: str | None = None
    ) -> list[UploadJob]:
        """End the owner's jobs, those begun for another account if one is given.

        Returns those that were not running; a running one says itself that it has ended.
        """
        ended = []
        for job in await self._jobs(owner):
            if unless_account is not None and job.account_id in ("", unless_account):
                continue
            done = await self.cancel(owner, job.id)
            if isinstance(done, UploadJob):
                ended.append(done)
        return ended

    async def forget(self, before: datetime) -> list[UploadJob]:
        """Drop what has waited, or failed, since before this moment; returns the jobs."""
        old = [
            job
            for job in await self._custodian.run(self._journal.all)
            if job.state != "queued" and job.created_at < before
        ]
        for job in old:
            await self._custodian.run(self._journal.delete, job)
        return old

    async def _jobs(self, owner: Owner) -> list[UploadJob]:
        return await self._custodian.run(self._journal.of, owner)

    def _enqueue(self, job: UploadJob) -> None:
        line = self._lines.setdefault(job.owner, _Line())
        line.waiting.append(job)
        self._turns.put_nowait(job.owner)

    async def _work(self) -> None:
        while True:
            owner = await self._turns.get()
            line = self._lines.get(owner)
            if line is None or line.running is not None or not line.waiting:
                continue  # this person's next turn comes when the running one has ended
            line.running = line.waiting.popleft()
            line.cancelled = threading.Event()
            try:
                await self._run(line.running, line.cancelled)
            except Exception:
                # The runner answers for the job; whatever it could not, the worker lives on.
                _log.exception("handler_failed", owner=owner)
            finally:
                line.running = None
                if line.waiting:
                    self._turns.put_nowait(owner)
                else:
                    self._lines.pop(owner, None)
