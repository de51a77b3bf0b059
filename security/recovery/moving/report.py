"""What a move did, or would do."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

Outcome = Literal["moved", "as it stands", "left"]


class Left(BaseModel):
    """A document that cannot be carried, which ends the move before anything is removed."""

    kind: str
    owner: str | None
    """The owner's mask; None: it is nobody's alone."""
    result: str
    """A result code."""


class MoveReport(BaseModel):
    """Numbers are of documents, of all that are there to be moved."""

    to: str
    dry_run: bool
    kinds: dict[str, dict[Outcome, int]] = {}
    """Kind → outcome → documents. As it stands: what no configured key opens, or is damaged, and
    copies in quarantine, which keep their bytes."""
    events: int = 0
    """Entries of the audit trail."""
    events_left: int = 0
    """Of them the oldest, for which the other side's trail has no room."""
    mask_key: bool = False
    """Whether the key of the logs' masks is among it."""
    left: list[Left] = []
    was_finished: bool = False
    """Whether an earlier run had done everything."""

    @property
    def documents(self) -> int:
        """All of them."""
        return sum(number for counts in self.kinds.values() for number in counts.values())

    @property
    def is_complete(self) -> bool:
        """Whether all of it is, or would be, on the other side, and nothing here any more."""
        return not self.left
