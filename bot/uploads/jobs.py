"""What people send, as jobs: each with its files, and how far they have got."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2s
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bot.delivery.conversation import Conversation
from bot.texts.patterns import ALBUM
from drive.uploading.names import clean_name
from security.consent.pending import OwnerName, Secret
from security.credential import Owner

State = Literal["waiting", "asking", "queued", "failed", "done", "cancelled"]
"""waiting: for the owner to connect; asking: for the owner's answer; queued: also while it runs;
failed: may be tried again; done and cancelled: kept for a while, for whoever looks back."""
ENDED: Final = frozenset({"done", "cancelled"})


class Whereabouts(BaseModel):
    """What is in Drive already, as it was when that was found."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    name: str = ""
    """"": not told."""
    folder: str = ""
    """With the names of those around it; "": none that the bot sees."""
    in_shared_drive: bool = False
    more: int = 0
    """How many further files have the same content."""

    def __repr__(self) -> str:
        return "Whereabouts()"

    __str__ = __repr__


class JobFile(BaseModel):
    """One file of a job. Sizes in bytes."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    telegram_file_id: str
    kind: str
    name: str
    own_name: str = ""
    """The one it has by itself, or was given after its kind and time."""
    is_made: bool = False
    """Whether it was given that name."""
    wish: str = ""
    """What its caption wishes it, and its album, to be called."""
    place: tuple[int, int] = (0, 0)
    """The person's message, and which of that one's: what was sent first comes first."""
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
    there: Whereabouts | None = None
    """Of a duplicate."""
    again: bool = False
    """To be uploaded although Drive has the same content."""

    def __repr__(self) -> str:
        return f"JobFile({self.state})"

    __str__ = __repr__

    @property
    def name_there(self) -> str:
        """What a duplicate is called in Drive; "": not told."""
        return clean_name(self.there.name, "") if self.there is not None else ""

    @property
    def other_name(self) -> str:
        """What a duplicate was to be called, if that is another name and somebody chose it."""
        return "" if self.is_unnamed or self.name_there in ("", self.name) else self.name

    @property
    def is_unnamed(self) -> bool:
        """Whether its name says nothing but its kind and time, which nobody chose."""
        return self.is_made and self.name.startswith(self.own_name.rpartition(".")[0])


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
    update_id: int = 0
    """Of the update that has brought it, or the first file of it; 0: an earlier version did."""
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
    cancel_code: str = ""
    """Why it is to end, or has, where it was running when that was asked: after a restart, too."""
    person: str = ""
    """The owner's first name, where others read the answer: in a group."""

    def __repr__(self) -> str:
        return f"UploadJob({self.state})"

    __str__ = __repr__

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
        return next(
            (number for number, file in enumerate(self.files) if file.state == "waiting"), None
        )

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

    @property
    def was_there(self) -> bool:
        """Whether it is one file, which was not uploaded for it was in Drive before."""
        return len(self.files) == 1 and self.files[0].result == "duplicate"

    def all_the_same(self) -> UploadJob:
        """A copy that is queued once more, whatever is in Drive."""
        file = {"state": "waiting", "result": "", "drive_file_id": "", "link": "", "there": None}
        anew = {"state": "queued", "finished_at": None}
        return self.with_file(0, **file, again=True).model_copy(update=anew)

    def unplaced(self) -> UploadJob:
        """A copy that knows nothing of the Drive it was begun in: another one may follow."""
        files = tuple(
            file
            if file.state == "done"
            else file.model_copy(update={"drive_file_id": "", "session": None})
            for file in self.files
        )
        nowhere = dict.fromkeys(("account_id", "folder_id", "folder_name"), "")
        return self.model_copy(update={**nowhere, "folder_was_made_again": False, "files": files})


@dataclass(frozen=True, slots=True)
class Stopping:
    """A job that was running when it was cancelled: it ends soon, and says so itself."""

    job: UploadJob
    again: bool
    """Whether it was to end already, or had ended and was about to say so."""


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
