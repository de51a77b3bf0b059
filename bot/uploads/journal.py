"""Uploads, written down: a restart forgets nobody's file, and none is uploaded twice.

What has ended is a kind of its own, so that a start reads only what has not.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Final

from pydantic import ValidationError

from bot.kinds import FINISHED_UPLOADS, UPLOADS
from bot.uploads.jobs import State, UploadJob
from security.credential import Owner
from security.errors import CustodyError
from security.storage.documents import Documents
from security.storage.each import portions
from security.storage.protocol import DocumentStore, Drop, Found, Key, Put, Step, Stored

_AT_ONCE: Final = 100
"""Jobs that are read together."""


class UploadJournal:
    """The jobs, one document each. Every method blocks."""

    def __init__(self, storage: DocumentStore) -> None:
        self._storage = storage
        self._documents = Documents(storage, UPLOADS)
        self._lock = threading.Lock()
        self._ids: dict[str, dict[str, int]] = {}
        """By owner: each file that comes in asks for its owner's jobs, among everybody's. With how
        many files of each have not ended."""

    def prepare(self) -> None:
        """See what there is: nobody else writes there, and nothing runs yet."""
        for kind in (FINISHED_UPLOADS, UPLOADS):
            for job_id in self._storage.names(kind):
                self._of(job_id)[job_id] = 0
        for job in self._unended():
            self._of(job.id)[job.id] = job.unfinished

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

    def of(self, owner: Owner) -> list[UploadJob]:
        """The owner's jobs, in the order the files were sent."""
        with self._lock:
            ids = list(self._ids.get(owner.key, ()))
        found = self._storage.read([key for job_id in ids for key in _keys(job_id)])
        return _as_sent(filter(None, map(self._first, portions(found, 2))))

    def owners(self) -> list[Owner]:
        """Everybody of whom there are jobs."""
        with self._lock:
            keys = [key for key, ids in self._ids.items() if ids]
        found = []
        for key in keys:
            with suppress(ValueError):  # a stray document's name tells of nobody
                found.append(Owner.parse(f"user:{key}"))
        return found

    def in_state(self, state: State) -> list[UploadJob]:
        """Everybody's jobs that have not ended and are in this state, as they were sent."""
        return _as_sent(job for job in self._unended() if job.state == state)

    def unfinished(self, owner: Owner) -> int:
        """How many of the owner's files have not ended. Does not block for long."""
        with self._lock:
            return sum(self._ids.get(owner.key, {}).values())

    def delete(self, job_id: str) -> None:
        """Nothing of it is kept."""
        self._documents.change([Drop(key) for key in _keys(job_id)])
        with self._lock:
            self._of(job_id).pop(job_id, None)

    def _unended(self) -> Iterator[UploadJob]:
        for names in portions(self._storage.names(UPLOADS), _AT_ONCE):  # never all in memory
            for found in self._storage.read([Key(UPLOADS, name) for name in names]):
                job = self._first([found])
                if job is not None and job.has_ended:
                    self.save(job)  # earlier versions kept it among the others
                elif job is not None:
                    yield job

    @staticmethod
    def _first(found: Iterable[Found]) -> UploadJob | None:
        """The first one that can be read."""
        for stored in found:
            if isinstance(stored, Stored):
                with suppress(CustodyError, ValidationError):
                    return UploadJob.model_validate(stored.open())
        return None

    def _of(self, job_id: str) -> dict[str, int]:
        return self._ids.setdefault(job_id.rpartition("-")[0], {})


def _as_sent(jobs: Iterable[UploadJob]) -> list[UploadJob]:
    return sorted(jobs, key=lambda job: (job.created_at, job.reply_to))


def _keys(job_id: str) -> list[Key]:
    return [Key(UPLOADS, job_id), Key(FINISHED_UPLOADS, job_id)]
