"""What custody tells of: maintenance listens, and remembers it over a restart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Protocol

from security.credential import Owner
from security.storage.catalogue import Document

Remembered = Mapping[str, Document]
"""What is written down of an owner, by where it is kept."""


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

    def remembered_of(self, owners: Sequence[Owner]) -> Mapping[Owner, Remembered]:
        """What other processes have written down of them, for `take_up`; nothing where there are no
        others. Blocks; from any thread."""

    def take_up(self, owner: Owner, remembered: Remembered) -> None:
        """What was written down of an owner counts, but for what this process has learned since."""

    async def recall(self, owners: Sequence[Owner]) -> None:
        """`take_up` what is written down of them, before anything is added to it."""

    async def recall_rejected(self) -> None:
        """Take up whom other processes have rejected of late, and what they measure that by."""

    def save_soon(self) -> None:
        """Where other processes go by it as well, keep what has changed within a moment."""

    async def save(self) -> None:
        """Keep what has changed over a restart. Never raises: it is in memory all the same."""
