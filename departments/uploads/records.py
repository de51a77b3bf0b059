"""One upload that was handed to a computer: what was announced, and what has become of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, SecretStr

from departments.documents import Kept
from drive.uploading.names import clean_name, usable_type
from security.consent.pending import Secret
from security.credential import Owner

State = Literal["waiting", "complete", "wrong", "gone"]
"""
waiting    for bytes
complete   it is in Drive, and its md5 is the announced one
wrong      what arrived was another file, and is in Drive's bin
gone       Drive knows nothing of it any more: its session has ended before its last byte
"""
BEGUN_ANEW: Final[frozenset[State]] = frozenset({"wrong", "gone"})
"""Asked for once more, such an upload begins anew."""
SESSION_SECONDS: Final = 7 * 86400
"""How long Drive keeps a session:
https://developers.google.com/workspace/drive/api/guides/manage-uploads#resumable"""
LARGEST: Final = 5 * 2**40
"""Bytes of a file in Drive: https://support.google.com/drive/answer/37603"""
LONGEST_NAME: Final = 255
"""Characters."""


class AnnouncedFile(Kept):
    """A file that a computer is about to send."""

    name: Annotated[str, AfterValidator(clean_name)]
    size: int
    """In bytes."""
    md5: Annotated[str, AfterValidator(str.lower)]
    """Of its content, in hexadecimal: what is in Drive at the end is compared with it."""
    mime: Annotated[str, AfterValidator(usable_type)]
    """"": it says nothing, and Drive finds out."""


class Record(Kept):
    """An upload as it is kept."""

    department: str
    """Its slug."""
    client: str
    """The computer's document."""
    file: AnnouncedFile
    file_id: str
    """Prepared before the session began, so that no retry makes a second file."""
    session: Secret
    """The address of Drive's session: whoever knows it may write."""
    account: Secret
    """The Google account that it was begun in."""
    began_at: float
    state: State = "waiting"
    link: str = ""
    is_given_up: bool = False
    """Whether Drive was told to forget its session: the last bytes may have come before that."""

    @property
    def ends_at(self) -> float:
        """When Drive ends the session, in Unix seconds."""
        return self.began_at + SESSION_SECONDS

    @property
    def owner(self) -> Owner:
        """Whose Drive it goes to."""
        return Owner.parse(f"department:{self.department}")

    def is_open(self, now: float) -> bool:
        """Whether its session may still take bytes, as far as is known."""
        return self.state == "waiting" and not self.is_given_up and now < self.ends_at


@dataclass(frozen=True, slots=True, repr=False)
class HandedUpload:
    """What a computer is told of its upload. Times in Unix seconds, sizes in bytes."""

    state: State
    session: SecretStr | None
    """Where its bytes go; None: nowhere any more."""
    file_id: str
    name: str
    """What it is, or will be, called in Drive."""
    size: int
    received: int
    """How many bytes Drive has for certain."""
    ends_at: float
    link: str
    """Of the file in Drive; "": it is not there yet."""
    is_new: bool
    """Whether its session was begun just now."""

    @classmethod
    def of(cls, record: Record, received: int, *, is_new: bool = False) -> HandedUpload:
        """The answer that tells of `record`."""
        is_waiting, is_complete = record.state == "waiting", record.state == "complete"
        return cls(
            state=record.state,
            session=record.session if is_waiting else None,
            file_id=record.file_id,
            name=record.file.name,
            size=record.file.size,
            received=record.file.size if is_complete else received,
            ends_at=record.ends_at,
            link=record.link,
            is_new=is_new,
        )
