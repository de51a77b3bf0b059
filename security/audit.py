"""The audit trail: who was authorised, refreshed, denied, revoked, quarantined, and when.

Append-only lines of JSON under `user_data/audit/`, owners masked, rotated by size.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from security.credential import Owner
from security.logging_utils import OwnerMask

Action = Literal[
    "authorised", "refreshed", "denied", "revoked", "quarantined", "restored", "purged"
]


class AuditTrail:
    """Writes the trail. Every method blocks on the disk, and may be called from any thread."""

    def __init__(self, folder: Path, mask: OwnerMask) -> None:
        self._folder = folder
        self._mask = mask

    def record(self, action: Action, owner: Owner | None, result: str = "ok") -> None:
        """Append a line. Never raises: what has happened has happened."""
