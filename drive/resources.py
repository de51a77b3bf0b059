"""What Drive keeps, as the bot needs it: account, files, folders.

https://developers.google.com/workspace/drive/api/reference/rest/v3/files
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import SecretStr

from drive.errors import unreadable

FOLDER_TYPE: Final = "application/vnd.google-apps.folder"
FILE_FIELDS: Final = (
    "id,name,mimeType,size,md5Checksum,webViewLink,trashed,createdTime,parents,description"
)


@dataclass(frozen=True, slots=True)
class About:
    """The account and its space in bytes; `limit` None: without limit."""

    address: SecretStr
    account_id: SecretStr
    usage: int
    limit: int | None

    @property
    def free(self) -> int | None:
        """Bytes left; None: without limit."""
        return None if self.limit is None else max(self.limit - self.usage, 0)


@dataclass(frozen=True, slots=True, repr=False)
class DriveFile:
    """A file as Drive has it. `trashed`: in the bin, by itself or with a folder it lies in."""

    id: str
    name: str
    size: int
    md5: str
    link: str
    trashed: bool = False
    mime_type: str = ""
    folder_id: str = ""
    created: datetime | None = None
    description: str = ""

    @classmethod
    def from_answer(cls, answer: Any) -> DriveFile:
        """From a files resource with the fields `FILE_FIELDS`.

        Raises:
            TransientFault: it is none; Google's client gives what is not JSON as text.
        """
        if not isinstance(answer, dict) or "id" not in answer:
            raise unreadable()
        created = answer.get("createdTime")
        return cls(
            id=answer["id"],
            name=answer.get("name", ""),
            size=int(answer.get("size", 0)),
            md5=answer.get("md5Checksum", ""),
            link=answer.get("webViewLink", ""),
            trashed=bool(answer.get("trashed", False)),
            mime_type=answer.get("mimeType", ""),
            folder_id=parent_of(answer),
            created=datetime.fromisoformat(created) if created else None,
            description=answer.get("description", ""),
        )

    @property
    def is_folder(self) -> bool:
        """Whether it is a folder."""
        return self.mime_type == FOLDER_TYPE


@dataclass(frozen=True, slots=True, repr=False)
class DriveFolder:
    """A folder the bot made. `parent_id` may be one the bot does not see; "": none is told."""

    id: str
    name: str
    parent_id: str
    link: str


@dataclass(frozen=True, slots=True, repr=False)
class FilePage:
    """Some of the files; `next_page` None: there are no more."""

    files: tuple[DriveFile, ...]
    next_page: str | None


def parent_of(answer: dict[str, Any]) -> str:
    """The one folder a file lies in; "" where Drive does not tell."""
    return str(next(iter(answer.get("parents") or ()), ""))


def quoted(text: str) -> str:
    """A string for `q`: https://developers.google.com/workspace/drive/api/guides/search-files"""
    escaped = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
