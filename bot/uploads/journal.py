"""Uploads, written down: a restart forgets nobody's file, and none is uploaded twice.

What has ended is a kind of its own, so that a start reads only what has not.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from typing import NamedTuple

from pydantic import ValidationError

from bot.kinds import FINISHED_UPLOADS, UPLOADS
from bot.uploads.jobs import ENDED, State, UploadJob
from security.credential import Owner
from security.errors import CustodyError
from security.storage.catalogue import Kind
from security.storage.documents import Documents
from security.storage.protocol import Drop, Found, Key, Put, Step, Storage, Stored


class JobFacts(NamedTuple):
    """What of a job it takes to find it, or to let it go: of all of them at once."""

    created_at: datetime
    reply_to: int
    id: str
    owner: Owner
    state: State
    finished_at: datetime | None

    @classmethod
    def of(cls, job: UploadJob) -> JobFacts:
        """Of this job."""
        return cls(job.created_at, job.reply_to, job.id, job.owner, job.state, job.finished_at)


class UploadJournal:
    """The jobs, one document each. Every method blocks."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._documents = Documents(storage, UPLOADS)
        self._lock = threading.Lock()
        self._ids: dict[str, dict[str, int | None]] = {}
        """By owner: each file that comes in asks for its owner's jobs, among everybody's. With how
        many files of each have not ended; None: not known yet."""

    def prepare(self) -> None:
        """See what there is: nobody else writes there."""
        for kind, unfinished in ((FINISHED_UPLOADS, 0), (UPLOADS, None)):
            for job_id in self._storage.names(kind):
                self._of(job_id)[job_id] = unfinished

    def save(self, job: UploadJob) -> None:
        """Write the job down as it stands."""
        kinds = (FINISHED_UPLOADS, UPLOADS) if job.has_ended else (UPLOADS, FINISHED_UPLOADS)
        here, there = (Key(kind, job.id) for kind in kinds)
        with self._lock:
            had_ended = self._of(job.id).get(job.id) == 0
        # Put first: a crash in between leaves it in both, and it is gone through once more.
        steps: list[Step] = [Put(here, job.model_dump(mode="json"))]
        if job.has_ended or had_ended:
            steps.append(Drop(there))
        self._documents.change(steps)
        with self._lock:
            self._of(job.id)[job.id] = job.unfinished

    def load(self, job_id: str) -> UploadJob | None:
        """The job; None where there is none, or it can no longer be read."""
        try:
            return self._first(self._storage.read(_keys(job_id)))
        except ValueError:  # no name of a document
            return None

    def all(self) -> list[UploadJob]:
        """Every job that can be read, in the order the files were sent."""
        names = {name for kind in (UPLOADS, FINISHED_UPLOADS) for name in self._storage.names(kind)}
        return self._load_all(names)

    def of(self, owner: Owner) -> list[UploadJob]:
        """The owner's jobs, in the order the files were sent."""
        with self._lock:
            ids = list(self._ids.get(owner.key, ()))
        return self._load_all(ids)

    def unfinished_facts(self) -> list[JobFacts]:
        """Of every job that has not ended and can be read, in the order the files were sent."""
        facts = self._facts(UPLOADS)
        return [job for job in facts if job.state not in ENDED]

    def facts(self) -> list[JobFacts]:
        """Of every job that can be read, in the order the files were sent."""
        return sorted({*self._facts(UPLOADS), *self._facts(FINISHED_UPLOADS)})

    def unfinished(self, owner: Owner) -> int:
        """How many of the owner's files have not ended."""
        with self._lock:
            counts = dict(self._ids.get(owner.key, {}))
        for job_id in [job_id for job_id, count in counts.items() if count is None]:
            if (job := self.load(job_id)) is not None:
                counts[job_id] = job.unfinished
                self._count(job)
        return sum(count or 0 for count in counts.values())

    def known_unfinished(self, owner: Owner) -> int:
        """How many of the owner's files have not ended, as far as is known without a look."""
        with self._lock:
            return sum(count or 0 for count in self._ids.get(owner.key, {}).values())

    def delete(self, job_id: str) -> None:
        """Nothing of it is kept."""
        self._documents.change([Drop(key) for key in _keys(job_id)])
        with self._lock:
            self._of(job_id).pop(job_id, None)

    def _facts(self, kind: Kind) -> list[JobFacts]:
        found = []
        for name in self._storage.names(kind):  # never all of them in memory
            if (job := self._first(self._storage.read([Key(kind, name)]))) is None:
                continue
            if kind is UPLOADS and job.has_ended:
                self.save(job)  # earlier versions kept it among the others
            found.append(JobFacts.of(job))
            self._count(job)
        return sorted(found)

    def _count(self, job: UploadJob) -> None:
        with self._lock:
            theirs = self._of(job.id)
            if job.id in theirs and theirs[job.id] is None:  # else it was saved meanwhile
                theirs[job.id] = job.unfinished

    def _load_all(self, ids: Iterable[str]) -> list[UploadJob]:
        jobs = (self.load(job_id) for job_id in ids)
        found = [job for job in jobs if job is not None]
        return sorted(found, key=lambda job: (job.created_at, job.reply_to))

    @staticmethod
    def _first(found: Iterable[Found]) -> UploadJob | None:
        """The first one that can be read."""
        for stored in found:
            if isinstance(stored, Stored):
                with suppress(CustodyError, ValidationError):
                    return UploadJob.model_validate(stored.open())
        return None

    def _of(self, job_id: str) -> dict[str, int | None]:
        return self._ids.setdefault(job_id.rpartition("-")[0], {})


def _keys(job_id: str) -> list[Key]:
    return [Key(UPLOADS, job_id), Key(FINISHED_UPLOADS, job_id)]
