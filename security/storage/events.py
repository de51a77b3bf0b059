"""The audit trail's events: who was authorised, refreshed, denied, revoked, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal, get_args

from security.credential import Owner

Action = Literal[
    "authorised",
    "refreshed",
    "denied",
    "revoked",
    "quarantined",
    "held",
    "confirmed",
    "restored",
    "purged",
    "refused",
    "believed",
    "client_added",
    "client_paired",
    "client_revoked",
    "client_blocked",
    "client_unblocked",
    "client_alarm",
    "client_dismissed",
    "sheet_accepted",
    "sheet_kept",
    "roster_asked",
    "roster_linked",
    "roster_refused",
    "roster_unlinked",
    "calendar_issued",
    "calendar_revoked",
]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)


@dataclass(frozen=True, slots=True)
class Event:
    """What is to be written down."""

    action: Action
    owner: Owner | None
    """None: nobody is known."""
    result: str = "ok"
    """A result code."""


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What was written down. `time` is aware, in UTC; `owner` a mask, None: nobody is known."""

    time: datetime
    action: Action
    owner: str | None
    result: str

    def to_document(self) -> dict[str, Any]:
        """As it stands in the trail."""
        return {
            "time": self.time.isoformat(timespec="milliseconds"),
            "action": self.action,
            "owner": self.owner,
            "result": self.result,
        }
