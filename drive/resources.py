"""What Drive keeps, as the bot needs it: account, files, folders.

Every answer is read here, by `security.google.answers`: what lacks or is odd is not told, and
unknown is not wrong. https://developers.google.com/workspace/drive/api/reference/rest/v3/files
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from drive.errors import unreadable_answer
from security.google import answers

FOLDER_TYPE: Final = "application/vnd.google-apps.folder"
FILE_FIELDS: Final = (
    "id,name,mimeType,size,md5Checksum,webViewLink,trashed,createdTime,parents,description,driveId"
)
_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_-]{1,128}", re.ASCII)
_MD5: Final = re.compile(r"[0-9A-Fa-f]{32}", re.ASCII)
_OUTGOING: Final = re.compile(r"https?://[!-~]{1,8000}", re.ASCII)
"""An address as it goes out: printable ASCII, nothing of it to be encoded any more (RFC 3986)."""
_LONGEST_LINK: Final = 2000
_EMAIL: Final = re.compile(r"[^\s@<>\"]{1,64}@[^\s@<>\"]{1,255}")
_OPEN: Final = "https://drive.google.com/open?id="


@dataclass(frozen=True, slots=True)
class About:
    """The account and its space in bytes; `limit` None: without limit, or none is told."""

    address: SecretStr
    account_id: SecretStr
    usage: int
    limit: int | None

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> About:
        """From an about resource with `user` and `storageQuota`.

        Raises:
            TransientFault: it does not say whose Drive it is. People recognise their account by
                its address, and by nothing else: anybody may call themselves anything.
        """
        user, quota = answers.part(answer, "user"), answers.part(answer, "storageQuota")
        address = answers.text(user, "emailAddress")
        account_id = answers.text(user, "permissionId")
        shown = _EMAIL.fullmatch(address) and address.isprintable()
        if not shown or not is_identifier(account_id):
            raise unreadable_answer()
        return cls(
            address=SecretStr(address),
            account_id=SecretStr(account_id),
            usage=answers.whole(quota, "usage") or 0,
            limit=answers.whole(quota, "limit"),
        )

    @property
    def free(self) -> int | None:
        """Bytes left; None: without limit."""
        return None if self.limit is None else max(self.limit - self.usage, 0)


@dataclass(frozen=True, slots=True, repr=False)
class DriveFile:
    """A file as Drive has it. `trashed`: in the bin, by itself or with a folder it lies in.

    `size` None and `md5` "": not told. Google's own documents have neither.
    """

    id: str
    name: str
    size: int | None
    md5: str
    link: str
    trashed: bool = False
    mime_type: str = ""
    folder_id: str = ""
    created: datetime | None = None
    description: str = ""
    drive_id: str = ""
    """The shared drive it lies in; "": it is the owner's own."""

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> DriveFile:
        """From a files resource with the fields `FILE_FIELDS`.

        Raises:
            TransientFault: it is none: a file without an identifier can be no file.
        """
        file_id = answers.text(answer, "id")
        if not is_identifier(file_id):
            raise unreadable_answer()
        md5 = answers.text(answer, "md5Checksum")
        return cls(
            id=file_id,
            name=answers.text(answer, "name"),
            size=answers.whole(answer, "size"),
            md5=md5.lower() if _MD5.fullmatch(md5) else "",
            link=link_of(answer),
            trashed=answer.get("trashed") is True,
            mime_type=answers.text(answer, "mimeType"),
            folder_id=_parent_of(answer),
            created=answers.moment(answer, "createdTime"),
            description=answers.text(answer, "description"),
            drive_id=answers.text(answer, "driveId"),
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

    @classmethod
    def from_answer(cls, answer: dict[str, Any]) -> DriveFolder:
        """From a files resource of a folder.

        Raises:
            TransientFault: it is none.
        """
        found = DriveFile.from_answer(answer)
        return cls(found.id, found.name, found.folder_id, found.link)


@dataclass(frozen=True, slots=True, repr=False)
class FilePage:
    """Some of the files; `next_page` None: there are no more."""

    files: tuple[DriveFile, ...]
    next_page: str | None


def is_identifier(value: Any) -> bool:
    """Whether this can be a file's identifier, in an address, a query and a button alike."""
    return isinstance(value, str) and _IDENTIFIER.fullmatch(value) is not None


def link_of(answer: dict[str, Any]) -> str:
    """The page on which people open a file: it becomes a button's address.

    Where none is told, or what is told can be no button's, the one that finds a file by its
    identifier.
    """
    link = answers.text(answer, "webViewLink")
    if len(link) <= _LONGEST_LINK and origin_of(link)[1]:
        return link
    file_id = answer.get("id")
    return f"{_OPEN}{file_id}" if is_identifier(file_id) else ""


def origin_of(address: str) -> tuple[str, str | None, int | None]:
    """Whom an address belongs to: scheme, host and port (RFC 6454); ("", None, None): nobody."""
    nobody = ("", None, None)
    if _OUTGOING.fullmatch(address) is None:
        return nobody
    try:
        parts = urlsplit(address)
        whose = parts.scheme, parts.hostname, parts.port
    except ValueError:  # no number for a port, or brackets that are no IPv6 address's
        return nobody
    return nobody if "@" in parts.netloc else whose


def _parent_of(answer: dict[str, Any]) -> str:
    """The one folder a file lies in; "" where Drive does not tell."""
    parents = answer.get("parents")
    first = parents[0] if isinstance(parents, list) and parents else ""
    return first if is_identifier(first) else ""


def quoted(text: str) -> str:
    """A string for `q`: https://developers.google.com/workspace/drive/api/guides/search-files"""
    whole = text.encode(errors="replace").decode()  # no half of a character fits into an address
    escaped = whole.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"
