"""What lists of the quarantine show, and what a restore from it did."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from security.credential import Owner


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
