"""What custody tells of: maintenance listens, and remembers it over a restart."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from security.credential import Owner


class Outcomes(Protocol):
    """Told what becomes of owners. Every method but `save` is quick, and on the event loop."""

    def asked(self, result: str) -> None:
        """Google was asked for a new access token, with this result code."""

    def unsaved(self, result: str) -> None:
        """What Google has given cannot be saved for this reason (a result code): it is tried on."""

    def works(self, owner: Owner) -> None:
        """The credential serves."""

    def connected(self, owner: Owner) -> None:
        """A new consent has been saved."""

    def grant_ends(self, owner: Owner, at: datetime | None) -> None:
        """When Google ends the grant that serves now by itself; None: it has set no term."""

    def refused_by_organisation(self, owner: Owner, code: str) -> None:
        """Whoever administers the person's Google account does not let them use this app."""

    def set_aside(self, owner: Owner) -> None:
        """The credential has gone into quarantine."""

    def left(self, owner: Owner) -> None:
        """The owner has disconnected: nothing of them is kept."""

    async def save(self) -> None:
        """Keep what has changed over a restart. Never raises: it is in memory all the same."""
