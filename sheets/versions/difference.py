"""What is different between two states of a sheet, by what stays the same: a person and a day, a
code, a row's key."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sheets.cells.text import plain
from sheets.kinds.contents import Codes, Contents, Duties, Key, Roster, Rows

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

Changes = dict[K, tuple[V | None, V | None]]
"""By key what was there, and what is there; None: nothing."""


@dataclass(frozen=True, slots=True)
class RosterDifference:
    """Of two rosters."""

    people: Changes[str, str] = field(repr=False)
    """By number the names of those who came, went, or are called otherwise."""
    duties: Changes[Key, Duties] = field(repr=False)
    is_unnamed: bool = False
    """Whether in one of the two nobody has a name: then names tell nobody from anybody."""

    @property
    def came(self) -> list[str]:
        """Numbers that were not there."""
        return [person for person, (old, _) in self.people.items() if old is None]

    @property
    def went(self) -> list[str]:
        """Numbers that are no longer there."""
        return [person for person, (_, new) in self.people.items() if new is None]

    @property
    def others(self) -> set[str]:
        """Numbers that are of nobody, or of somebody else than before, as far as names tell."""
        return {
            person
            for person, (old, new) in self.people.items()
            if old is None or new is None or (not self.is_unnamed and plain(old) != plain(new))
        }


@dataclass(frozen=True, slots=True)
class CodesDifference:
    """Of two tables of codes."""

    codes: Changes[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class RowsDifference:
    """Of two other tables."""

    columns: tuple[tuple[str, ...], tuple[str, ...]] | None = field(repr=False)
    """Before and after; None: the same."""
    rows: Changes[str, tuple[str, ...]] = field(repr=False)


Difference = RosterDifference | CodesDifference | RowsDifference


@dataclass(frozen=True, slots=True)
class Counts:
    """A difference in three numbers: ～5 ＋1 －1. Whole people count once, not by their days."""

    changed: int
    came: int
    went: int


def difference(old: Contents, new: Contents) -> Difference:
    """What has to change in `old` for it to be `new`.

    Raises:
        TypeError: they are of two kinds.
    """
    if isinstance(old, Roster) and isinstance(new, Roster):
        is_unnamed = not (any(old.people.values()) and any(new.people.values()))
        people, duties = _between(old.people, new.people), _between(old.duties, new.duties)
        return RosterDifference(people, duties, is_unnamed)
    if isinstance(old, Codes) and isinstance(new, Codes):
        return CodesDifference(_between(old.codes, new.codes))
    if isinstance(old, Rows) and isinstance(new, Rows):
        columns = None if old.columns == new.columns else (old.columns, new.columns)
        return RowsDifference(columns, _between(old.rows, new.rows))
    raise TypeError("they are of two kinds")


def apply(change: Difference, old: Contents) -> Contents:
    """What `old` becomes by it. The order of what is in both is left as it was.

    Raises:
        TypeError: it is of another kind.
    """
    if isinstance(change, RosterDifference) and isinstance(old, Roster):
        return Roster(_changed(old.people, change.people), _changed(old.duties, change.duties))
    if isinstance(change, CodesDifference) and isinstance(old, Codes):
        return Codes(_changed(old.codes, change.codes))
    if isinstance(change, RowsDifference) and isinstance(old, Rows):
        columns = old.columns if change.columns is None else change.columns[1]
        return Rows(columns, _changed(old.rows, change.rows))
    raise TypeError("it is of another kind")


def is_empty(change: Difference) -> bool:
    """Whether nothing is different."""
    match change:
        case RosterDifference(people=people, duties=duties):
            return not people and not duties
        case CodesDifference(codes=codes):
            return not codes
        case RowsDifference(columns=columns, rows=rows):
            return columns is None and not rows


def counts(change: Difference) -> Counts:
    """How much is different."""
    match change:
        case RosterDifference(people=people, duties=duties):
            whole = {*change.came, *change.went}
            cells = sum(person not in whole for person, _ in duties)
            renamed = len(people) - len(whole)
            return Counts(cells + renamed, len(change.came), len(change.went))
        case CodesDifference(codes=found) | RowsDifference(rows=found):
            came = sum(old is None for old, _ in found.values())
            went = sum(new is None for _, new in found.values())
            return Counts(len(found) - came - went, came, went)


def _between(old: Mapping[K, V], new: Mapping[K, V]) -> Changes[K, V]:
    found: Changes[K, V] = {}
    # A roster says few things many times: each pair of objects is compared once.
    alike: dict[tuple[int, int], bool] = {}
    for key, value in new.items():
        before = old.get(key)
        pair = id(before), id(value)
        same = alike.get(pair)
        if same is None:
            same = alike[pair] = before == value
        if not same:
            found[key] = (before, value)
    if len(old) + sum(before is None for before, _ in found.values()) != len(new):
        found |= {key: (value, None) for key, value in old.items() if key not in new}
    return found


def _changed(old: Mapping[K, V], changes: Changes[K, V]) -> dict[K, V]:
    found = dict(old)
    for key, (_, value) in changes.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = value
    return found
