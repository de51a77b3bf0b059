"""How the fleet's credentials stand, and what its sweeps of a day came to."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from threading import Lock
from typing import Final

from departments.console.memory import Memory, remembered
from security.errors import CustodyError
from security.maintenance.figures import Figures
from security.maintenance.incidents import OF_FILES
from security.maintenance.report import SweepReport
from security.owner_documents import CREDENTIALS
from security.quarantine.copies import Quarantine
from security.storage.protocol import Key, Storage

_STEP: Final = 5
_WIDEST: Final = 60
BOUNDS: Final = (*(float(minutes) for minutes in range(0, _WIDEST + 1, _STEP)), math.inf)
"""Minutes left on an access token, upper bounds."""
HOURS: Final = 24
_KEPT_SECONDS: Final = 5.0
"""Of one look, so that whoever reloads the page costs nothing. It is a count over an index: nothing
is counted while nobody has the console open."""
_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class Bin:
    """How many access tokens have from `least` to under `most` minutes left. Those that have run
    out are in the first one, those with more than an hour in the last (`most` infinite)."""

    least: float
    most: float
    count: int


@dataclass(frozen=True, slots=True)
class Hour:
    """What the sweeps that ended in one hour came to together. `start` is aware, in UTC."""

    start: datetime
    sweeps: int = 0
    refreshed: int = 0
    transient: int = 0
    operator: int = 0
    quarantined: int = 0
    minutes_left: float | None = None
    """The fewest that any of them saw; None: none saw a live token."""

    @property
    def total(self) -> int:
        """What a bar of the hour shows."""
        return self.refreshed + self.transient + self.operator + self.quarantined


@dataclass(frozen=True, slots=True)
class Fleet:
    """Counts of owners; each who is connected is in one of the first three."""

    fine: int
    due: int
    """To be refreshed by the next sweep, idle and pausing ones with them."""
    held: int
    unreadable: int
    """What no configured key opens, as of the last sweep; in none of the others."""
    quarantined: int | None
    """Copies; None: they could not be counted."""
    minutes_left: float | None
    """The fewest on any live token; None: there is none."""
    lead_minutes: float
    """So long before its end a token is due."""
    bins: Sequence[Bin]
    hours: Sequence[Hour]
    """The last `HOURS`, oldest first, the present one last."""
    last_sweep: SweepReport | None
    counted_at: datetime

    @property
    def connected(self) -> int:
        """Everyone with a stored credential that can be read."""
        return self.fine + self.due + self.held

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to show yet, nor anything to put back."""
        return not (self.connected or self.unreadable or self.quarantined)


class FleetLook:
    """Looks at the fleet. Every method blocks; several threads may call."""

    def __init__(
        self,
        storage: Storage,
        copies: Quarantine,
        lead: timedelta,
        *,
        sweeps_here: bool,
    ) -> None:
        """
        Args:
            lead: how long before its end a token is due.
            sweeps_here: whether this process sweeps. Where it does not and everything is in files,
                each look reads the credentials that have changed since the one before.
        """
        self._storage = storage
        self._copies = copies
        self._lead = lead.total_seconds() / 60
        self._reads = not (sweeps_here or storage.is_shared)
        self._figures = Figures(storage, sorted({*BOUNDS, self._lead}))
        self._lock = Lock()
        self._last: tuple[float, Fleet, Memory] | None = None

    def forget(self) -> None:
        """The next look is a new one: something was changed."""
        self._last = None

    def look(self) -> tuple[Fleet, Memory]:
        """How it stands, as of a few seconds ago at most, whichever process has changed it. That
        there is nothing is as of now: there is nothing to count, and somebody is about to begin.

        Raises:
            OperatorFault: the storage does not say.
        """
        with self._lock:  # whoever asks meanwhile has this answer
            last = self._last
            if last is None or last[1].is_empty or time.monotonic() - last[0] > _KEPT_SECONDS:
                last = self._last = (time.monotonic(), *self._look())
            return last[1], last[2]

    def _look(self) -> tuple[Fleet, Memory]:
        now, memory = datetime.fromtimestamp(self._storage.now(), UTC), remembered(self._storage)
        if self._reads:
            self._read_changed()
        self._figures.count(anew=True)
        upto, held = dict(self._figures.by_minutes), len(memory.held)
        everybody = upto.get(math.inf, 0)
        whole = max(everybody - held, 0)
        due = min(max(upto.get(self._lead, 0) - held, 0), whole)  # the held are overdue, mostly
        quarantined = None
        with suppress(CustodyError):
            quarantined = self._copies.size()
        last = memory.sweeps[-1] if memory.sweeps else None
        fleet = Fleet(
            fine=whole - due,
            due=due,
            held=min(held, everybody),
            unreadable=sum(last.results.get(code, 0) for code in OF_FILES) if last else 0,
            quarantined=quarantined,
            minutes_left=self._figures.minutes_left(),
            lead_minutes=self._lead,
            bins=_bins(upto),
            hours=hours_of(memory.sweeps, now),
            last_sweep=last,
            counted_at=now,
        )
        return fleet, memory

    def _read_changed(self) -> None:
        for page in self._storage.due(CREDENTIALS, -math.inf, _AT_ONCE, everything=False):
            changed = [name for name, moment in page.due if moment is None]
            self._storage.read([Key(CREDENTIALS, name) for name in changed])


def _bins(upto: Mapping[float, int]) -> list[Bin]:
    counted = [0, *(upto[bound] for bound in BOUNDS[1:])] if upto else [0] * len(BOUNDS)
    return [
        Bin(least, most, count - before)
        for (least, most), (before, count) in zip(pairwise(BOUNDS), pairwise(counted), strict=True)
    ]


def hours_of(sweeps: Sequence[SweepReport], now: datetime) -> list[Hour]:
    """The sweeps of the last `HOURS` by the hour they ended in."""
    newest = now.replace(minute=0, second=0, microsecond=0)
    starts = [newest - timedelta(hours=back) for back in range(HOURS - 1, -1, -1)]
    by_start: dict[datetime, list[SweepReport]] = {start: [] for start in starts}
    for report in sweeps:
        ended = report.started_at.astimezone(UTC) + timedelta(seconds=report.seconds)
        if (hour := ended.replace(minute=0, second=0, microsecond=0)) in by_start:
            by_start[hour].append(report)
    return [_hour(start, reports) for start, reports in by_start.items()]


def _hour(start: datetime, reports: Sequence[SweepReport]) -> Hour:
    left = [report.minutes_left for report in reports if report.minutes_left is not None]
    return Hour(
        start,
        sweeps=len(reports),
        refreshed=sum(report.refreshed for report in reports),
        transient=sum(report.transient for report in reports),
        operator=sum(report.operator for report in reports),
        quarantined=sum(report.quarantined for report in reports),
        minutes_left=min(left, default=None),
    )
