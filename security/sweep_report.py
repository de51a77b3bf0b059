"""What one sweep did: counted, never named."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict


class SweepReport(BaseModel):
    """One pass over all owners. `started_at` is aware, in UTC."""

    model_config = ConfigDict(frozen=True)

    started_at: datetime
    seconds: float
    full: bool
    """Whether every file was read, due or not."""
    seen: int = 0
    """Owners with a token file."""
    fresh: int = 0
    """Of those: nothing was due."""
    refreshed: int = 0
    transient: int = 0
    """Google or the network failed for now; they are tried again."""
    operator: int = 0
    """Something only an operator can mend; their credentials are kept."""
    quarantined: int = 0
    """Set aside at the end of this pass."""
    held: int = 0
    """Condemned, but left in place until an administrator decides (as of the end of the pass)."""
    skipped: int = 0
    """Due, but pausing after a transient fault, or left out because the pass ended early."""
    results: dict[str, int] = {}
    """Result codes other than "ok", and how many owners got each."""
    minutes_left: float | None = None
    """The fewest minutes left on any access token that is kept fresh; None: there is none."""
    ended_by: str | None = None
    """The result code that ended the pass before its time; None: it went through."""
