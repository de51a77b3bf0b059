"""Uploads that are not finished, written down: a restart forgets nobody's file."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import CustodyError
from security.files import SealedFolder
from security.pending_consents import OwnerName


class UploadJob(BaseModel):
    """One file on its way. Sizes in bytes."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: str
    owner: OwnerName
    state: Literal["waiting", "queued", "failed"]
    """waiting: for the owner to connect; queued: also while it runs; failed: may be retried."""
    telegram_file_id: str
    kind: str
    name: str
    mime_type: str
    size: int | None
    created_at: datetime
    reply_to: int
    """The person's message."""
    status_message_id: int = 0
    """The bot's message that shows how it goes."""
    drive_file_id: str = ""
    """Prepared before the first byte moves, so that no retry makes a second file."""
    account_id: str = ""
    """The Google account it was begun for."""

    def __repr__(self) -> str:
        return f"UploadJob({self.state})"


def new_job_id(owner: Owner) -> str:
    """Begins with the owner, so that a button's job can be told from other people's."""
    return f"{owner.key}-{secrets.token_hex(6)}"


def belongs_to(job_id: str, owner: Owner) -> bool:
    """Whether `new_job_id(owner)` can have made `job_id`."""
    return job_id.rpartition("-")[0] == owner.key


class UploadJournal:
    """The jobs, one document each. Every method blocks on the disk."""

    def __init__(self, folder: Path, encryption: TokenEncryption) -> None:
        self._folder = SealedFolder(folder, encryption)

    def prepare(self) -> None:
        """Make the folder private."""
        self._folder.prepare()

    def save(self, job: UploadJob) -> None:
        """Write the job down as it stands."""
        self._folder.write(job.id, job.model_dump(mode="json"))

    def load(self, job_id: str) -> UploadJob | None:
        """The job; None where there is none, or it can no longer be read."""
        try:
            document: dict[str, Any] | None = self._folder.read(job_id)
            return None if document is None else UploadJob.model_validate(document)
        except (CustodyError, ValidationError, ValueError):
            return None

    def all(self) -> list[UploadJob]:
        """Every job that can be read, in the order the files were sent."""
        return self._read(self._folder.names())

    def of(self, owner: Owner) -> list[UploadJob]:
        """The owner's jobs, in the order the files were sent."""
        return self._read(name for name in self._folder.names() if belongs_to(name, owner))

    def _read(self, names: Iterable[str]) -> list[UploadJob]:
        jobs = (self.load(name) for name in names)
        return sorted((job for job in jobs if job is not None), key=lambda job: job.reply_to)

    def delete(self, job: UploadJob) -> None:
        """The job has ended."""
        self._folder.delete(job.id)
