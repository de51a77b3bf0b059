"""How many documents are due by when: counted where they are kept, and read by nobody."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from typing import NamedTuple


class DueCounts(NamedTuple):
    """How a kind's documents stand."""

    upto: list[int]
    """For each moment that was asked about, how many are due by then."""
    soonest: float | None
    """The first moment after the first of those at which one is due, in Unix seconds; None: there
    is none."""


def count_due(moments: Iterable[float | None], edges: Sequence[float]) -> DueCounts:
    """The counts, where every document's moment is at hand; what is due at every look has none."""
    known = sorted(moment for moment in moments if moment is not None)
    upto = [bisect_right(known, edge) for edge in edges]
    return DueCounts(upto, known[upto[0]] if upto[0] < len(known) else None)
