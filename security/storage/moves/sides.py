"""The two sides of a move: what a place offers beside its documents."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Protocol

from security.storage.events import AuditEntry
from security.storage.moves.marks import Marked, SideName
from security.storage.protocol import Storage


class Side(Protocol):
    """One of the places. Every method blocks; `OperatorFault` where it cannot be used."""

    @property
    def name(self) -> SideName:
        """As the command calls it."""

    @property
    def where(self) -> str:
        """Which one it is, for people; empty: not known."""

    @property
    def storage(self) -> Storage:
        """Its documents."""

    @property
    def most_events(self) -> int | None:
        """How many entries its audit trail certainly has room for; None: as many as there are."""

    def is_there(self) -> bool:
        """Whether anything of Drivekeeper's is there, even if it is nothing but a mark.

        Changes nothing.
        """

    def marked(self, mark: str) -> Marked | None:
        """The mark; None: it is not there."""

    def put_mark(self, mark: str, says: str, now: datetime, where: str = "") -> None:
        """Keep a mark.

        Args:
            says: for people who look.
            where: the other side's, where that is told.
        """

    def drop_mark(self, mark: str) -> None:
        """Keep it no longer."""

    def mask_key(self) -> tuple[bytes, datetime | None] | None:
        """The key of the logs' masks, and since when it is the one; None: there is none."""

    def keep_mask_key(self, key: bytes, since: datetime | None) -> None:
        """Keep it, whatever was there."""

    def add_events(self, entries: Iterable[AuditEntry]) -> None:
        """Add to the audit trail what another one has had, oldest first."""

    def clear_events(self) -> None:
        """Empty the audit trail."""

    def forget(self) -> None:
        """Remove the key of the logs' masks, and what no other side can use."""
