"""Uploads, written down: a restart forgets nobody's file, and none is uploaded twice."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2s
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from bot.delivery.conversation import Conversation
from bot.texts.patterns import ALBUM
from security.consent.pending import OwnerName, Secret
from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import CustodyError
from security.storage.catalogue import UPLOADS
from security.storage.files.private_files import SealedFolder
from security.storage.sealing import Sealer

State = Literal["waiting", "asking", "queued", "failed", "done", "cancelled"]
"""waiting: for the owner to connect; asking: for the owner's answer; queued: also while it runs;
failed: may be tried again; done and cancelled: kept for a while, for whoever looks back."""
ENDED: Final = frozenset({"done", "cancelled"})


class JobFile(BaseModel):
    """One file of a job. Sizes in bytes."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    telegram_file_id: str
    kind: str
    name: str
    mime_type: str
    size: int | None
    description: str = ""
    """The caption."""
    state: Literal["waiting", "done", "failed"] = "waiting"
    result: str = ""
    """How it ended: "ok", "duplicate" (it was in Drive before), or the code of a fault."""
    drive_file_id: str = ""
    """Prepared before the first byte moves, so that no retry makes a second file."""
    session: Secret | None = None
    """The address of Drive's upload session: whoever knows it may write."""
    link: str = ""
    """Of the finished file."""
    again: bool = False
    """To be uploaded although Drive has the same content."""

    def __repr__(self) -> str:
        return f"JobFile({self.state})"


class UploadJob(BaseModel):
    """What one person sent at once: a file, or the files of an album."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    id: str
    owner: OwnerName
    chat_id: int
    """Where it was sent, and is answered: the owner's private chat, or a group."""
    topic_id: int | None = None
    """In which topic of that chat."""
    state: State
    files: tuple[JobFile, ...] = Field(min_length=1)
    created_at: datetime
    finished_at: datetime | None = None
    reply_to: int
    """The person's message."""
    status_message_id: int = 0
    """The bot's message that shows how it goes."""
    account_id: str = ""
    """The Google account it was begun for."""
    folder_id: str = ""
    """Where it goes in Drive, fixed when it begins."""
    folder_name: str = ""
    folder_was_made_again: bool = False
    """It had been deleted in Drive."""
    asked_at: datetime | None = None
    """Since when it waits for its owner's answer."""
    person: str = ""
    """The owner's first name, where others read the answer: in a group."""

    def __repr__(self) -> str:
        return f"UploadJob({self.state})"

    @model_validator(mode="before")
    @classmethod
    def _of_one_file(cls, document: Any) -> Any:
        """Jobs of earlier versions were one file each, in a private chat."""
        if isinstance(document, dict) and "telegram_file_id" in document:
            names = (*("telegram_file_id", "kind", "name", "mime_type", "size"), "drive_file_id")
            file = {name: document[name] for name in names if name in document}
            chat_id = int(str(document["owner"]).rpartition(":")[2])
            return {"chat_id": chat_id, "files": [file], **document}
        return document

    @property
    def is_private(self) -> bool:
        """Whether it was sent in the owner's private chat."""
        return self.chat_id == self.owner.telegram_id

    @property
    def conversation(self) -> Conversation:
        """Where it was sent, and is answered."""
        return Conversation(self.chat_id, self.topic_id)

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens to it by itself, and nothing can be tried again."""
        return self.state in ENDED

    @property
    def arrived(self) -> list[JobFile]:
        """The files that are in Drive."""
        return [file for file in self.files if file.state == "done"]

    @property
    def unfinished(self) -> int:
        """How many of its files may still have to be uploaded."""
        return 0 if self.has_ended else sum(file.state != "done" for file in self.files)

    @property
    def is_untold(self) -> bool:
        """Whether it waits for its owner, who has not been told so."""
        return self.state == "waiting" and not self.status_message_id

    @property
    def name(self) -> str:
        """Of the file that is next, or of the first one."""
        return self.next_file.name if self.next_file else self.files[0].name

    @property
    def kind(self) -> str:
        """Of the first file, for the log."""
        return self.files[0].kind if len(self.files) == 1 else "album"

    @property
    def size(self) -> int | None:
        """Bytes in all; None: some of it is not known."""
        sizes = [file.size for file in self.files]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    @property
    def next_number(self) -> int | None:
        """The number of the file that is to be uploaded next, from 0; None: all have ended."""
        waiting = (number for number, file in enumerate(self.files) if file.state == "waiting")
        return next(waiting, None)

    @property
    def next_file(self) -> JobFile | None:
        """The file that is to be uploaded next."""
        return None if self.next_number is None else self.files[self.next_number]

    def with_file(self, number: int, **changes: Any) -> UploadJob:
        """A copy in which this file is changed."""
        files = list(self.files)
        files[number] = files[number].model_copy(update=changes)
        return self.model_copy(update={"files": tuple(files)})

    def shown_in(self, to: Conversation, message_id: int) -> UploadJob:
        """A copy whose progress stands in this message of the bot's.

        In another chat, which the group has become, the person's message has another number.
        """
        where: dict[str, Any] = {"status_message_id": message_id}
        if to.chat_id != self.chat_id:
            where |= {"chat_id": to.chat_id, "topic_id": to.topic_id, "reply_to": 0}
        return self.model_copy(update=where)

    def anew(self) -> UploadJob:
        """A copy that is queued once more, with what failed."""
        files = tuple(
            file.model_copy(update={"state": "waiting", "result": ""})
            if file.state == "failed"
            else file
            for file in self.files
        )
        return self.model_copy(update={"state": "queued", "files": files})

    def unplaced(self) -> UploadJob:
        """A copy that knows nothing of the Drive it was begun in: another one may follow."""
        files = tuple(
            file
            if file.state == "done"
            else file.model_copy(update={"drive_file_id": "", "session": None})
            for file in self.files
        )
        nowhere: dict[str, Any] = {"account_id": "", "folder_id": "", "folder_name": ""}
        nowhere |= {"folder_was_made_again": False}
        return self.model_copy(update={**nowhere, "files": files})


def job_id_of(owner: Owner, update_id: int, album: str | None = None) -> str:
    """The same for the same update, or album: handled twice, it makes one job.

    Begins with the owner, so that a button's job can be told from other people's.
    """
    if album is None:
        return f"{owner.key}-{update_id}"
    if not ALBUM.fullmatch(album):  # it becomes part of a document's name and of buttons
        album = f"x{blake2s(album.encode(errors='replace'), digest_size=8).hexdigest()}"
    return f"{owner.key}-g{album}"


def belongs_to(job_id: str, owner: Owner) -> bool:
    """Whether `job_id_of(owner, …)` can have made `job_id`."""
    return job_id.rpartition("-")[0] == owner.key


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
    """The jobs, one document each. Every method blocks on the disk."""

    def __init__(self, folder: Path, sealer: Sealer | TokenEncryption) -> None:
        self._folder = SealedFolder(folder, sealer, UPLOADS)
        self._lock = threading.Lock()
        self._ids: dict[str, dict[str, int | None]] = {}
        """By owner: each file that comes in asks for its owner's jobs, among everybody's. With how
        many files of each have not ended; None: not known yet."""

    def prepare(self) -> None:
        """Make the folder private, and see what is in it: nobody else writes there."""
        self._folder.prepare()
        for job_id in self._folder.names():
            self._of(job_id)[job_id] = None

    def save(self, job: UploadJob) -> None:
        """Write the job down as it stands."""
        self._folder.write(job.id, job.model_dump(mode="json"))
        with self._lock:
            self._of(job.id)[job.id] = job.unfinished

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
        with self._lock:
            ids = list(self._ids.get(owner.key, ()))
        return self._read(ids)

    def facts(self) -> list[JobFacts]:
        """Of every job that can be read, in the order the files were sent."""
        found = []
        for name in self._folder.names():  # never all of them in memory
            if (job := self.load(name)) is not None:
                found.append(JobFacts.of(job))
                self._count(job)
        return sorted(found)

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
        """How many of the owner's files have not ended, as far as is known without the disk."""
        with self._lock:
            return sum(count or 0 for count in self._ids.get(owner.key, {}).values())

    def _count(self, job: UploadJob) -> None:
        with self._lock:
            theirs = self._of(job.id)
            if job.id in theirs and theirs[job.id] is None:  # else it was saved meanwhile
                theirs[job.id] = job.unfinished

    def _read(self, names: Iterable[str]) -> list[UploadJob]:
        jobs = (self.load(name) for name in names)
        found = [job for job in jobs if job is not None]
        return sorted(found, key=lambda job: (job.created_at, job.reply_to))

    def delete(self, job_id: str) -> None:
        """Nothing of it is kept."""
        self._folder.delete(job_id)
        with self._lock:
            self._of(job_id).pop(job_id, None)

    def _of(self, job_id: str) -> dict[str, int | None]:
        return self._ids.setdefault(job_id.rpartition("-")[0], {})
