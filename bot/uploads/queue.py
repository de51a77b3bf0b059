"""Everybody's uploads: written down, in line, and changed by one hand at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from weakref import WeakValueDictionary

from bot.delivery.conversation import Conversation
from bot.uploads.ends import CANCELLED, EXPIRED, UploadEnds
from bot.uploads.jobs import State, Stopping, UploadJob
from bot.uploads.journal import UploadJournal
from bot.uploads.scheduler import RunJob, Scheduler
from security.credential import Owner
from security.custody.workers import Workers

KEPT: Final = timedelta(days=7)
"""For how long one can look back at what has ended, and come back for what has not."""
_KEPT_EACH: Final = 50
_TAKING_SECONDS: Final = 600
"""A file is taken in long before that, however long Telegram makes its message wait."""


class UploadQueue:
    """Runs jobs as they come; what it holds is in the journal as well."""

    def __init__(
        self,
        journal: UploadJournal,
        workers: Workers,
        run: RunJob,
        discard: Callable[[UploadJob], Coroutine[Any, Any, None]],
        ends: UploadEnds,
        *,
        at_once: int = 8,
        limit: int = 200,
        may_use: Callable[[Owner], bool] = lambda _: True,
    ) -> None:
        """
        Args:
            run: uploads one job, and returns how it ended.
            discard: takes back what has been begun in Drive for one that does not run.
            ends: told of each file that ends here without having run.
            at_once: how many run at the same time, of different people.
            limit: how many unfinished files one person may have.
            may_use: whose jobs run; those of others wait, as if for a connection.
        """
        self._journal = journal
        self._workers = workers
        self._discard = discard
        self.ends = ends
        self._limit = limit
        self._may_use = may_use
        self.on_end: Callable[[], None] = lambda: None
        """Called when a job has ended: there may be room for more."""
        self.on_stopping: Callable[[str, str], Awaitable[None]] = _nothing
        """Called with the id of a job that runs and is to end, and the code of why."""
        self._scheduler = Scheduler(self._read, run, self._end, at_once)
        self._forgotten: set[str] = set()
        self._over_before: dict[Owner, tuple[int, float]] = {}
        self._changing: WeakValueDictionary[Owner, asyncio.Lock] = WeakValueDictionary()

    async def start(self) -> dict[Owner, int]:
        """Begin with what an earlier run left.

        Returns who may no longer use the bot, with how many files that have been in line until
        now: they wait, and nobody has told their owners yet.
        """
        withdrawn = dict[Owner, int]()
        for job in await self.in_state("queued"):
            if self._may_use(job.owner):
                self._scheduler.add(job.owner, job.id)
            else:
                await self._add(job)
                withdrawn[job.owner] = withdrawn.get(job.owner, 0) + job.unfinished
        return withdrawn

    async def stop(self) -> None:
        """Stop at the next piece. The journal has it, and the next start goes on."""
        await self._scheduler.stop()

    async def save(self, job: UploadJob) -> None:
        """Write `job` down; it runs once it is added, or at the next start."""
        await self._workers.run(self._journal.save, job)

    async def enqueue(
        self, job: UploadJob, status_message_id: int, told_in: Conversation | None = None
    ) -> UploadJob | None:
        """Queue what was saved, if it waits for nothing else, now that its owner has been told.

        `told_in`: where, if that is another chat by now.

        Returns it as it stands by now; None: it was cancelled or deleted meanwhile.
        """
        async with self.changing(job.owner):
            current = await self.find(job.owner, job.id)
            if current is None or current.has_ended:
                return None
            if self._is_over(current):  # nobody saw it when everything was ended
                await self._workers.run(self._journal.delete, current.id)
                self.ends.of_job(current, CANCELLED)
                return None
            if not self.is_running(current):  # else it goes on with what it knows
                current = current.shown_in(told_in or current.conversation, status_message_id)
                await self._add(current)
            return current

    async def again(self, owner: Owner, job_id: str) -> UploadJob | None:
        """Queue a file all the same that was in Drive before; None: it is gone, or was not."""
        job = await self.find(owner, job_id)
        if job is not None and job.was_there:  # its end is written down once that is told
            await self._scheduler.until_told(owner, job_id)
        async with self.changing(owner):
            job = await self.find(owner, job_id)
            if job is None or not job.was_there:
                return None
            await self._add(job := job.all_the_same())
            return job

    async def find(self, owner: Owner, job_id: str) -> UploadJob | None:
        """The owner's job of this id, whatever its state, unless it is about to be deleted."""
        is_over, job = job_id in self._forgotten, await self._read(job_id)
        return None if is_over or job is None or job.owner != owner else job

    async def jobs(self, owner: Owner) -> list[UploadJob]:
        """All of the owner's jobs that are kept, in the order they were sent."""
        return await self._workers.read(self._journal.of, owner)

    def is_running(self, job: UploadJob) -> bool:
        """Whether it is on its way just now."""
        return self._scheduler.is_running(job.owner, job.id)

    def is_stopping(self, job: UploadJob) -> bool:
        """Whether it was told to stop, and has not ended yet."""
        return self._scheduler.is_stopping(job.owner, job.id)

    def position(self, owner: Owner) -> int:
        """How many of the owner's jobs are before the next one."""
        return self._scheduler.length(owner)

    def ahead(self, job: UploadJob) -> int:
        """How many of the owner's jobs are before this one."""
        return self._scheduler.ahead(job.owner, job.id)

    def remaining(self, owner: Owner) -> int:
        """How many more files the owner may send before some of them have ended."""
        return max(self._limit - self._journal.unfinished(owner), 0)

    def is_full(self, owner: Owner) -> bool:
        """Whether there will be room for the owner's files once some that are in line have ended.

        Of what waits for its owner, or has failed, nothing ends by itself.
        """
        return self._scheduler.length(owner) > 0 and not self.remaining(owner)

    def counts(self) -> tuple[int, int]:
        """How many jobs are in line, and how many are on their way."""
        return self._scheduler.counts()

    async def waiting_owners(self) -> set[Owner]:
        """Whose files wait for a connection alone."""
        waiting = await self.in_state("waiting")
        return {job.owner for job in waiting if self._may_use(job.owner)}

    async def release(self, owner: Owner) -> int:
        """The owner has connected: queue what waited for that. Returns how many."""
        async with self.changing(owner):
            jobs = [job for job in await self.jobs(owner) if job.state == "waiting"]
            for job in jobs:
                await self._add(job.model_copy(update={"state": "queued"}))
            return len(jobs)

    async def move_chat(self, chat_id: int, moved_to: int) -> None:
        """A group has become a supergroup: its jobs are told of there from now on.

        What runs, or is in line, finds out by itself, when Telegram refuses its message.
        """
        for owner in await self._workers.read(self._journal.owners):
            async with self.changing(owner):
                for job in await self.jobs(owner):
                    if job.chat_id != chat_id or self.is_running(job):
                        continue
                    # Read anew: no lock holds up one that runs, and it may have ended by now.
                    current = await self.find(owner, job.id)
                    if current is None or current.chat_id != chat_id or self.is_running(current):
                        continue
                    await self.save(current.shown_in(Conversation(moved_to), 0))

    async def retry(self, owner: Owner, job_id: str) -> UploadJob | None:
        """Queue a failed job anew; None where it is gone or not failed."""
        async with self.changing(owner):
            job = await self.find(owner, job_id)
            # Also what is in no line though it should be: its end could not be written down.
            stranded = "failed" if self._scheduler.has(owner, job_id) else "queued"
            if job is None or job.state not in ("failed", stranded):
                return None
            await self._add(job := job.anew())
            return job

    async def pause(self, owner: Owner, job_id: str) -> UploadJob | None:
        """Take a job out of the line while its owner is asked; None: it runs, or has ended."""
        async with self.changing(owner):
            runs = self._runs_already(owner, job_id)
            job = None if runs else await self.find(owner, job_id)
            if job is None or job.has_ended:
                return None
            job = job.model_copy(update={"state": "asking", "asked_at": datetime.now(UTC)})
            await self.save(job)
            return job

    async def resume(self, job: UploadJob, state: State) -> bool:
        """Go on with a job that was held; False: what was asked has been answered meanwhile."""
        async with self.changing(job.owner):
            current = await self.find(job.owner, job.id)
            asked = ("asking", job.asked_at)
            if current is None or (current.state, current.asked_at) != asked:
                return False
            await self._add(job.model_copy(update={"state": state, "asked_at": None}))
            return True

    async def in_state(self, state: State) -> list[UploadJob]:
        """Everybody's jobs that have not ended and are in this state, as they were sent."""
        return await self._workers.read(self._journal.in_state, state)

    async def cancel(
        self, owner: Owner, job_id: str, code: str = CANCELLED
    ) -> UploadJob | Stopping | None:
        """Cancel one job, because of `code`; returns it as it has ended. None: there is none."""
        async with self.changing(owner):
            runs = self._runs_already(owner, job_id)
            stops = runs and self._scheduler.stop_running(owner, job_id)
            if stops:
                await self.on_stopping(job_id, code)
            job = await self.find(owner, job_id)
            if job is not None and runs:
                return Stopping(job, again=not stops)
            if job is None or job.has_ended:
                return None
            ended = {"state": "cancelled", "finished_at": datetime.now(UTC)}
            cancelled = job.model_copy(update=ended)
            await self.save(cancelled)
            self.ends.of_job(job, code)
            self._workers.uncancelled(self._discard(job))
            self.on_end()
            return cancelled

    async def cancel_all(
        self, owner: Owner, code: str = CANCELLED, *, unless_account: str | None = None
    ) -> list[UploadJob | Stopping]:
        """End the owner's jobs, those begun for another account if one is given."""
        jobs = [
            job
            for job in await self.jobs(owner)
            if unless_account is None or job.account_id not in ("", unless_account)
        ]
        for job in jobs:  # none of them begins while the one before it ends
            self._scheduler.remove(owner, job.id)
        ended = [await self.cancel(owner, job.id, code) for job in jobs]
        return [job for job in ended if job is not None]

    async def until_over(self, job: UploadJob) -> UploadJob | None:
        """Wait until nothing more of a job moves, and return it as it has ended; None: it is gone.

        Where the program stops, it has not ended.
        """
        over = await self._scheduler.until_over(job.owner, job.id)
        return over or await self.find(job.owner, job.id)

    async def until_told(self, job: UploadJob) -> None:
        """Wait until it has been said, too, how a job that runs has ended."""
        await self._scheduler.until_told(job.owner, job.id)

    async def forget(self, owner: Owner) -> None:
        """Delete the owner's jobs; a running one once it has ended."""
        async with self.changing(owner):
            for job in await self.jobs(owner):
                self._scheduler.remove(owner, job.id)
                if self.is_running(job):
                    self._forgotten.add(job.id)
                # Read anew: no lock holds up one that runs, and it may have ended by now.
                elif (current := await self.find(owner, job.id)) is not None:
                    await self._workers.run(self._journal.delete, job.id)
                    self.ends.of_job(current, CANCELLED)
            self.on_end()

    async def forget_old(self, now: datetime) -> list[UploadJob]:
        """Drop what is older than KEPT and not in line; returns what had not ended."""
        dropped = []
        for owner in await self._workers.read(self._journal.owners):  # never everybody's in memory
            async with self.changing(owner):
                kept = 0
                for job in reversed(await self.jobs(owner)):
                    kept += job.has_ended
                    is_old = (job.finished_at or job.created_at) < now - KEPT
                    if job.state != "queued" and (is_old or (job.has_ended and kept > _KEPT_EACH)):
                        await self._workers.run(self._journal.delete, job.id)
                        if not job.has_ended:
                            self.ends.of_job(job, EXPIRED)
                            dropped.append(job)
        return dropped

    def end_before(self, owner: Owner, update_id: int) -> None:
        """What is being taken in just now, and came before this update, ends once it has been."""
        self._over_before[owner] = update_id, time.monotonic()

    def _is_over(self, job: UploadJob) -> bool:
        # Not for ever: after a week of silence Telegram counts from anywhere.
        update_id, since = self._over_before.get(job.owner, (0, 0.0))
        return 0 < job.update_id < update_id and time.monotonic() < since + _TAKING_SECONDS

    def changing(self, owner: Owner) -> asyncio.Lock:
        """One change of a person's jobs at a time: each reads what the one before has written."""
        return self._changing.setdefault(owner, asyncio.Lock())

    async def _add(self, job: UploadJob) -> None:
        job = job.model_copy(update={"cancel_code": ""})  # of an earlier try
        if job.state == "queued" and not self._may_use(job.owner):
            job = job.model_copy(update={"state": "waiting"})
        await self.save(job)
        if job.state == "queued":
            self._scheduler.add(job.owner, job.id)

    def _runs_already(self, owner: Owner, job_id: str) -> bool:
        # Out of the line before anything is awaited: from here on no worker takes it.
        was_waiting = self._scheduler.remove(owner, job_id)
        return not was_waiting and self._scheduler.is_running(owner, job_id)

    async def _read(self, job_id: str) -> UploadJob | None:
        return await self._workers.read(self._journal.load, job_id)

    def _end(self, job_id: str) -> None:
        self.on_end()
        if job_id in self._forgotten:
            self._workers.uncancelled(self._delete(job_id))

    async def _delete(self, job_id: str) -> None:
        await self._workers.run(self._journal.delete, job_id)
        self._forgotten.discard(job_id)


async def _nothing(job_id: str, code: str) -> None:
    """Nobody wants to know."""
