"""How the access tokens of the whole fleet stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from security.owner_documents import CREDENTIALS
from security.storage.protocol import Storage

BOUNDS: Final = (0.0, 5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 50.0, 60.0, float("inf"))
"""Upper bounds of the histogram of minutes left."""
_COUNTED_EVERY: Final = 300.0
"""Seconds; where the documents are those of many processes, counting is a look at all of them."""


class Figures:
    """As of the last count."""

    def __init__(self, storage: Storage, bounds: Sequence[float] = BOUNDS) -> None:
        """
        Args:
            bounds: minutes, ascending, from 0 to infinity.
        """
        self._storage = storage
        self._bounds = tuple(bounds)
        self._counted_at: float | None = None
        self._soonest: float | None = None
        self.by_minutes: list[tuple[float, int]] = []
        """For each bound, how many tokens have no more minutes left. Those that have run out
        (of idle owners, say) count in the first."""

    def minutes_left(self) -> float | None:
        """The fewest minutes left on any live token; None: there is none. Asks nobody.

        Those that have run out are not the fewest: they are nobody's deadline any more.
        """
        return None if self._soonest is None else (self._soonest - self._storage.now()) / 60

    def count(self, *, anew: bool = False) -> None:
        """Count anew, where the last count is not of lately. Blocks.

        Args:
            anew: in any case.

        Raises:
            OperatorFault: the storage does not say.
        """
        now = self._storage.now()
        if not anew and self._is_of_lately(now):
            return
        edges = [now + bound * 60 for bound in self._bounds]
        counts = self._storage.due_counts(CREDENTIALS, edges)
        self._counted_at, self._soonest = now, counts.soonest
        self.by_minutes = list(zip(self._bounds, counts.upto, strict=True))

    def _is_of_lately(self, now: float) -> bool:
        if self._counted_at is None or not self._storage.is_shared:
            return False
        has_passed = self._soonest is not None and self._soonest <= now
        return now - self._counted_at < _COUNTED_EVERY and not has_passed
