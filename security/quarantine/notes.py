"""The notes beside quarantined copies, and what the copies' names say where a note is lost.

A copy is named `<owner's stem>.<time>`, its note `<copy>.note`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from security.credential import Owner
from security.errors import CustodyError
from security.log_schema import RESULTS
from security.storage.files.private_files import SealedFolder

SUFFIX: Final = ".note"
_STAMP: Final = "%Y%m%dt%H%M%S%f"
_COPY: Final = re.compile(r"(token_[a-z0-9_]+)\.(\d{8}t\d{12})")


@dataclass(frozen=True, slots=True)
class Note:
    """Why and when a copy was set aside. `time` is aware, in UTC."""

    reason: str
    """A result code."""
    time: datetime
    told: bool = False
    """Whether the owner has been told."""


class Notes:
    """The notes in the quarantine's folder. Writers hold the owner's lock."""

    def __init__(self, sealed: SealedFolder, mask: Callable[[str], str]) -> None:
        self._sealed = sealed
        self._mask = mask

    def write(self, owner: Owner, copy: str, note: Note) -> None:
        """Keep `note` beside `copy`, with the owner's mask."""
        document = {
            "owner": self._mask(owner.name),
            "reason": note.reason,
            "time": note.time.isoformat(),
            "told": note.told,
        }
        self._sealed.write(copy + SUFFIX, document)

    def read(self, copy: str) -> Note:
        """The copy's note; where it cannot be read, what the copy's name says."""
        try:
            document = self._sealed.read(copy + SUFFIX) or {}
        except CustodyError:
            document = {}
        reason = document.get("reason")
        try:
            time = datetime.fromisoformat(document["time"]).astimezone(UTC)
        except (KeyError, TypeError, ValueError, OverflowError):
            time = _time_of(copy)
        return Note(
            reason=reason if isinstance(reason, str) and reason in RESULTS else "unreadable",
            time=time,
            told=document.get("told") is True,
        )

    def delete(self, copy: str) -> None:
        """Remove the copy's note, if there is one."""
        self._sealed.delete(copy + SUFFIX)


def name_copy(owner: Owner, time: datetime) -> str:
    """A copy's name. `time` is in UTC."""
    return f"{owner.stem}.{time.strftime(_STAMP)}"


def owner_of_copy(name: str) -> Owner | None:
    """Whose copy it is; None: the name is none of a copy."""
    match = _COPY.fullmatch(name)
    try:
        return Owner.from_stem(match[1]) if match else None
    except ValueError:
        return None


def _time_of(copy: str) -> datetime:
    try:
        return datetime.strptime(copy.partition(".")[2], _STAMP).replace(tzinfo=UTC)
    except ValueError:  # digits, but no time
        return datetime.fromtimestamp(0, UTC)
