"""Parts of a sheet's page: cells, tables, differences. Plain data."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

Kind = Literal["shift", "rest", "rest_shift", "leave", "unknown", "note"]


@dataclass(frozen=True, slots=True, repr=False)
class Bit:
    """One duty in a cell."""

    kind: Kind
    text: str
    before: str = ""
    """The kind of day of rest on which there is a duty."""
    overtime: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Cell:
    """What somebody does on one day."""

    bits: tuple[Bit, ...] = ()
    was: str | None = None
    """What it was before; None: the same."""

    @property
    def kinds(self) -> str:
        """The classes of components.css's month grid."""
        kinds = {bit.kind for bit in self.bits}
        worst = next((look for kind, look in _LOOKS if kind in kinds), "")
        return f"{worst} ch".strip() if self.was is not None else worst

    @property
    def said(self) -> str:
        """In a line."""
        return " ".join(f"{bit.before}{bit.text}{bit.overtime}" for bit in self.bits)


_LOOKS: Final[tuple[tuple[Kind, str], ...]] = (
    ("unknown", "u"),
    ("leave", "l"),
    ("rest_shift", "rs"),
    ("rest", "r"),
)


@dataclass(frozen=True, slots=True, repr=False)
class Person:
    """A row of the grid."""

    number: str
    name: str
    cells: tuple[Cell, ...]
    is_new: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class Part:
    """Of what is too long for one page, the part that is on it."""

    first: int = 1
    shown: int = 0
    of: int = 0
    at_once: int = 0

    @property
    def last(self) -> int:
        """The number of the last that is shown."""
        return self.first + self.shown - 1

    @property
    def is_whole(self) -> bool:
        """Whether that is all of it."""
        return self.shown == self.of

    @property
    def pages(self) -> int:
        """How many parts there are."""
        return -(-self.of // self.at_once) if self.at_once else 1

    @property
    def page(self) -> int:
        """Which of them this is, from 1."""
        return (self.first - 1) // self.at_once + 1 if self.at_once else 1


@dataclass(frozen=True, slots=True, repr=False)
class Grid:
    """A month of a roster."""

    days: tuple[date, ...]
    people: tuple[Person, ...]
    part: Part


@dataclass(frozen=True, slots=True, repr=False)
class CodeRow:
    """A code and its times, in minutes since the midnight before."""

    code: str
    start: int | None
    end: int | None
    minutes: int | None
    route: str
    is_changed: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class TableCell:
    """A cell of a plain table."""

    text: str
    was: str | None = None


@dataclass(frozen=True, slots=True, repr=False)
class Table:
    """A plain table, or some of it."""

    columns: tuple[str, ...]
    of_columns: int
    rows: tuple[tuple[TableCell, ...], ...]
    part: Part


@dataclass(frozen=True, slots=True, repr=False)
class CodeTable:
    """A table of codes, or some of it."""

    rows: tuple[CodeRow, ...]
    part: Part


@dataclass(frozen=True, slots=True, repr=False)
class Change:
    """One difference of two versions."""

    kind: Literal["changed", "came", "went"]
    who: str
    """A person's name, or their number; a code; a row's key."""
    day: date | None = None
    column: str = ""
    old: str = ""
    new: str = ""
    whole: tuple[int, int, int] | None = None
    """Of a whole person: how many duties, days of rest and days of leave."""


@dataclass(frozen=True, slots=True, repr=False)
class Counts:
    """A difference in three numbers."""

    changed: int
    came: int
    went: int


@dataclass(frozen=True, slots=True, repr=False)
class VersionLine:
    """One version in the list."""

    id: str
    at: float
    counts: Counts | None = None
    """Against the one before; None: it is the first."""
    is_current: bool = False
    is_held: bool = False
    seconds: str = ""
    """:07, where another version was read in the same minute."""
    counted_from: str = ""
    """From when on it counted, as programs say moments (RFC 3339)."""
    accepted_by: str = ""
    """What whoever had it count is called, where it was held."""


@dataclass(frozen=True, slots=True, repr=False)
class Differences:
    """Of two versions."""

    before: VersionLine
    after: VersionLine
    counts: Counts
    changes: tuple[Change, ...]
    left_out: int = 0
    columns: tuple[str, str] | None = None
    """The titles of a plain table before and after, where they are others now."""
