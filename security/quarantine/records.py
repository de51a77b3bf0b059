"""What is known of a quarantined copy: its note, its line in lists, and what a restore of it did.

The note lies beside the copy: why and when it was set aside, and whether its owner knows.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from security.credential import Owner
from security.logs.schema import RESULTS
from security.owner_documents import time_of_copy
from security.storage.protocol import Found, Stored


@dataclass(frozen=True, slots=True)
class Note:
    """Why and when a copy was set aside. `time` is aware, in UTC."""

    reason: str
    """A result code."""
    time: datetime
    told: bool = False
    """Whether the owner has been told."""

    @classmethod
    def found(cls, copy: str, found: Found) -> Note:
        """The copy's note; what cannot be read in it is as the copy's name says."""
        document = (found.document if isinstance(found, Stored) else None) or {}
        reason = document.get("reason")
        try:
            time = datetime.fromisoformat(document["time"]).astimezone(UTC)
        except (KeyError, TypeError, ValueError, OverflowError):
            time = time_of_copy(copy)
        return cls(
            reason=reason if isinstance(reason, str) and reason in RESULTS else "unreadable",
            time=time,
            told=document.get("told") is True,
        )

    def to_document(self, mask: str) -> dict[str, Any]:
        """What is kept, with the owner's mask."""
        return {
            "owner": mask,
            "reason": self.reason,
            "time": self.time.isoformat(),
            "told": self.told,
        }


@dataclass(frozen=True, slots=True)
class QuarantineRecord:
    """One copy. `time` is aware, in UTC."""

    name: str = field(repr=False)
    """The copy's own name; it holds the Telegram id: not to be shown."""
    owner_mask: str
    owner: Owner
    reason: str
    """A result code."""
    time: datetime
    told: bool
    """Whether the owner has been told."""

    @property
    def id(self) -> str:
        """What to show instead of the name, and what `Quarantine.find` takes: mask and time."""
        return f"{self.owner_mask}.{self.name.partition('.')[2]}"


@dataclass(frozen=True, slots=True)
class Restoration:
    """What a restore did."""

    owner: Owner
    generation: int
    """The restored credential's; newer than any before."""
    replaced: str | None
    """Why the credential in its place could not stay (it is in quarantine now); None: none was."""
