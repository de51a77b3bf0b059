"""What one sweep did: counted, never named."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from pydantic import BaseModel, ConfigDict

_FEW: Final = 3


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
    """Due, but pausing after a fault, of a client Google refuses, or the pass ended early."""
    waiting: dict[str, int] = {}
    """Of the skipped: by the result code that somebody has to mend first, how many owners."""
    results: dict[str, int] = {}
    """Result codes other than "ok", and how many owners got each."""
    minutes_left: float | None = None
    """The fewest minutes left on any access token that is kept fresh; None: there is none."""
    ended_by: str | None = None
    """The result code that ended the pass before its time; None: it went through."""

    @property
    def was_idle(self) -> bool:
        """Whether there was nothing to do, nor any trouble."""
        return self.seen == self.fresh and not self.results and self.ended_by is None

    def log_fields(self) -> dict[str, Any]:
        """What `sweep_finished` says of it."""
        left = {} if self.minutes_left is None else {"minutes_left": round(self.minutes_left, 1)}
        counts = self.model_dump(
            include={"full", "seen", "fresh", "refreshed", "transient", "operator", "quarantined"}
            | {"held", "skipped"}
        )
        return {
            "result": self.ended_by or "ok",
            "seconds": round(self.seconds, 3),
            **left,
            **counts,
        }

    @property
    def met_by_all(self) -> str | None:
        """The result code that nobody, of three or more, is without; None: there is none."""
        met = Counter(self.results) + Counter(self.waiting)
        alike = len(met) == 1 and met.total() >= _FEW and not self.refreshed + self.fresh
        return next(iter(met)) if alike else None


@dataclass(slots=True)
class Tally:
    """What happened so far in this pass."""

    seen: int = 0
    refreshed: int = 0
    transient: int = 0
    operator: int = 0
    rejected: int = 0
    skipped: int = 0
    results: Counter[str] = field(default_factory=Counter)
    waiting: Counter[str] = field(default_factory=Counter)
    ended_by: str | None = None

    @property
    def tried(self) -> int:
        return self.refreshed + self.transient + self.operator + self.rejected

    def fail(self, code: str) -> None:
        """Somebody met what passes by itself, or what is not ours to mend."""
        self.transient += 1
        self.results[code] += 1

    def need_operator(self, code: str) -> None:
        """Somebody met what an operator has to mend."""
        self.operator += 1
        self.results[code] += 1

    def end(self, code: str) -> None:
        """Nothing more can be done: an operator has to mend that first."""
        self.need_operator(code)
        self.ended_by = code

    def reject(self, code: str) -> None:
        """Somebody's credential is of no use any more."""
        self.rejected += 1
        self.results[code] += 1

    def skip(self, after: str | None = None) -> None:
        """Somebody is due and not tried; `after`: the code of what has to be mended first."""
        self.skipped += 1
        if after is not None:
            self.waiting[after] += 1
