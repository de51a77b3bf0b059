"""What is due: one look at an index, page after page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from functools import partial
from itertools import chain
from typing import Final

from sqlalchemy import Engine

from security.storage.catalogue import Kind
from security.storage.due import Due, DueCounts, DuePage, random_parts
from security.storage.each import portions
from security.storage.sql.faults import run
from security.storage.sql.shelves.shelf import AFTER_NAMES, ALWAYS, Shelf

_MILLISECONDS: Final = 1000
_LAST: Final = 2**63 - 1
_Row = tuple[int, str]
"""A moment in milliseconds since 1970, and a name."""
_NOT_ALWAYS: Final[_Row] = (ALWAYS, AFTER_NAMES)
"""After whatever is due at every look, before what has a moment."""


def _in_order(look: Callable[[_Row | None, int], list[_Row]], size: int) -> Iterator[list[_Row]]:
    after: _Row | None = None
    while found := look(after, size):
        yield found
        if len(found) < size:
            return
        after = found[-1]


def _name_of(row: _Row) -> str:
    return row[1]


class DueLook:
    """Looks at one kind's documents by when they are due."""

    def __init__(self, engine: Engine, shelf: Shelf, kind: Kind, wanted: set[str]) -> None:
        """
        Args:
            wanted: the names of what this process has read, and is of no use.
        """
        self._engine = engine
        self._shelf = shelf
        self._kind = kind
        self._wanted = wanted

    def due(self, before: float, size: int, *, scattered: bool) -> Iterator[DuePage]:
        """Pages of what is due before a moment, in Unix seconds; each is a look of its own.

        Soonest first, then what is due at every look.

        Args:
            scattered: some of the soonest on each page, at random.
        """
        standing, yielded = self._standing(), False
        first: _Row | None = None

        def look(after: _Row | None, count: int) -> list[_Row]:
            nonlocal first
            found = self._look(int(before * _MILLISECONDS), after or first, count)
            if found and found[0][0] == ALWAYS:  # very many, where something is wrong with all
                first = _NOT_ALWAYS
                return look(after, count)
            return found

        parts = random_parts(look, size, _name_of) if scattered else _in_order(look, size)
        for found in parts:
            page = [
                Due(name, at / _MILLISECONDS)
                for at, name in found
                if self._kind.is_ours(name) and name not in self._wanted
            ]
            if page:
                yielded = True
                yield DuePage(len(found), page)
        others = self._at_every_look(standing, size) if first else ()
        for names in chain(portions(standing, size), others):
            yielded = True
            yield DuePage(len(names), [Due(name, None) for name in names])
        if not yielded:
            yield DuePage(0, ())

    def _at_every_look(self, given: Collection[str], size: int) -> Iterator[list[str]]:
        """Pages of what is due at every look by what is in it, but what was given."""
        known = frozenset(given)
        for found in _in_order(partial(self._look, 0), size):
            if names := [n for _, n in found if self._kind.is_ours(n) and n not in known]:
                yield names

    def everything(self, size: int) -> Iterator[DuePage]:
        """Pages of all of them, as if each had changed."""
        names = run(
            self._engine, partial(self._shelf.names, kind=self._kind, prefix=""), writes=False
        )
        ours = list(filter(self._kind.is_ours, names))
        for some in portions(ours, size) if ours else [[]]:
            yield DuePage(len(some), [Due(name, None) for name in some])

    def counts(self, edges: Sequence[float]) -> DueCounts:
        """How many are due by each of these moments, in Unix seconds."""
        by = [_LAST if edge == float("inf") else int(edge * _MILLISECONDS) for edge in edges]
        upto, soonest = run(
            self._engine,
            partial(self._shelf.due_counts, kind=self._kind, edges=by),
            writes=False,
        )
        return DueCounts(upto, None if soonest is None else soonest / _MILLISECONDS)

    def moments(self) -> dict[str, float | None]:
        """By name, when each is due, in Unix seconds; None: at every look; infinite: never."""
        look = partial(self._shelf.moments, kind=self._kind)
        found = run(self._engine, look, writes=False)
        return {
            name: None if name in self._wanted or moment == ALWAYS else _seconds(moment)
            for name, moment in found.items()
            if self._kind.is_ours(name)
        }

    def _look(self, before: int, after: _Row | None, size: int) -> list[_Row]:
        look = partial(self._shelf.due, kind=self._kind, before=before, after=after, size=size)
        return run(self._engine, look, writes=False)

    def _standing(self) -> list[str]:
        """What is wanted and still there."""
        if not self._wanted:
            return []
        names = sorted(self._wanted)
        look = partial(self._shelf.versions, kind=self._kind, names=names)
        there = run(self._engine, look, writes=False)
        self._wanted.difference_update(set(names) - there.keys())  # others are added meanwhile
        return sorted(there)


def _seconds(moment: int | None) -> float:
    return float("inf") if moment is None else moment / _MILLISECONDS
