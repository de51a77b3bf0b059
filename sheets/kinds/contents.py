"""What a sheet means, whatever it looks like: duties, codes, or the rows of a table."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from typing import Final

from sheets.faults import Finding

SHIFT: Final = "shift"
REST: Final = "rest"
LEAVE: Final = "leave"
NOTE: Final = "note"
"""A text that the settings know."""
UNKNOWN: Final = "unknown"
"""A text that they do not: kept as it is, without times."""
ERROR: Final = "error"
"""The spreadsheet's own: #REF!"""


@dataclass(frozen=True, slots=True)
class Duty:
    """What one person does on one day, as one cell says it."""

    kind: str
    text: str = field(repr=False)
    """The normalised cell, as it is shown."""
    code: str = field(default="", repr=False)
    overtime: int = field(default=0, repr=False)
    """Minutes after the end."""
    rest: str = field(default="", repr=False)
    """The kind of a day of rest, also of one on which there is a shift: `R(國)`."""
    leave: str = field(default="", repr=False)
    """The kind of a leave: `特`."""
    start: int | None = field(default=None, repr=False)
    """Minutes since the midnight before, where the sheet itself says them; else the codes do."""
    end: int | None = field(default=None, repr=False)
    route: str = field(default="", repr=False)


Duties = tuple[Duty, ...]
"""Of one person and day, in the sheet's order; by their times, where rows say these themselves."""
Key = tuple[str, date]
"""A person's number, and the day."""


@dataclass(frozen=True, slots=True)
class Roster:
    """Who does what on which day."""

    people: dict[str, str] = field(repr=False)
    """By number the name, in the sheet's order; also whoever does nothing."""
    duties: dict[Key, Duties] = field(repr=False)
    """An empty cell is not in it."""


@dataclass(frozen=True, slots=True)
class CodeTimes:
    """When a code's shift begins and ends."""

    start: int | None
    """Minutes since the midnight before."""
    end: int | None
    """From 1440 on it is the next day."""
    minutes: int | None
    """Of work, as the sheet says it, or else between the two."""
    route: str = ""
    """Or the spreadsheet's error, where any of its cells is one: what was known before stays."""


@dataclass(frozen=True, slots=True)
class Codes:
    """A table of codes."""

    codes: dict[str, CodeTimes] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rows:
    """Any other table."""

    columns: tuple[str, ...] = field(repr=False)
    rows: dict[str, tuple[str, ...]] = field(repr=False)
    """By key, in the sheet's order; what has no key: by its place among the rows."""


Contents = Roster | Codes | Rows


@dataclass(frozen=True, slots=True)
class Account:
    """What every cell that is not empty was taken for. The counts add up to all of them."""

    cells: int = 0
    heading: int = 0
    """Titles of columns, and what is above them."""
    people: int = 0
    """Numbers, names and whatever says of what a row is."""
    contents: int = 0
    """Duties, times, the cells of a table."""
    aside: int = 0
    """Beside the columns and below the rows that mean something: remarks, sums. They are listed."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where what was understood stands, so that it can be shown."""

    header: int | None = None
    """The row of the titles, from 1."""
    columns: dict[str, str] = field(default_factory=dict)
    """By the settings' key the letters of its column."""
    first_row: int | None = None
    """From 1; of what is below the titles."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """What was understood of one tab."""

    contents: Contents | None
    """None: there is a fault, and no more can be said."""
    findings: tuple[Finding, ...] = ()
    account: Account = Account()
    layout: Layout = Layout()
    period: str = ""
    """`2026-12`; empty: it is of no month."""

    @property
    def faults(self) -> tuple[Finding, ...]:
        """For any of these the last good version is kept."""
        return tuple(each for each in self.findings if each.is_fault)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is told of a version that is used all the same."""
        return tuple(each for each in self.findings if not each.is_fault)
