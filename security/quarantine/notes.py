"""The notes beside quarantined copies: why and when each was set aside, and who knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from security.log_schema import RESULTS
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
        """The copy's note; where it cannot be read, what the copy's name says."""
        document = found.document if isinstance(found, Stored) else None
        return cls.from_document(copy, document or {})

    @classmethod
    def from_document(cls, copy: str, document: dict[str, Any]) -> Note:
        """Likewise of a note's document."""
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
