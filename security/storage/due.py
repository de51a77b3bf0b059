"""What is due, a page at a time; how several processes share it without a leader; and how many are
due by when, counted where they are kept."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, TypeVar

H = TypeVar("H", bound=Hashable)

_WINDOW: Final = 8
"""Of so many times what is taken at once; then two seldom take the same."""


class Due(NamedTuple):
    """A document to be seen to. `moment` in Unix seconds; None: it has changed, or wants a look."""

    name: str
    moment: float | None


@dataclass(frozen=True, slots=True)
class DuePage:
    """Some of what is due, soonest first; then what has changed."""

    seen: int
    """How many documents were looked at for this page: all of them for the first one."""
    due: Sequence[Due]


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


def random_parts(
    look: Callable[[H | None, int], Sequence[H]],
    size: int,
    name_of: Callable[[H], Hashable] = lambda one: one,
) -> Iterator[list[H]]:
    """Parts of what stands in an order: `size` at random of the next ones, each given once.

    For each part the next ones are looked up anew: what others have done meanwhile is not given.

    Args:
        look: gives so many in their order, that come after one (None: from the beginning).
        name_of: by what one is known that stands elsewhere in the order by now: a token that lives
            for less than the lead is due again as soon as it is there.
    """
    after: H | None = None
    given: set[Hashable] = set()
    while True:
        window = look(after, _WINDOW * size)
        left = [one for one in window if name_of(one) not in given]
        if left:
            part = random.sample(left, min(size, len(left)))
            given.update(map(name_of, part))
            yield part
        elif len(window) == _WINDOW * size:
            after = window[-1]
        else:
            return
