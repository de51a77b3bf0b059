"""What the pages of sheets show: plain data, put together by assembling.py, made HTML by pages.py.

Times are Unix seconds. Nothing of it is in a repr: a roster is personal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote, urlencode

from sheets.faults import Finding
from web.site.sheets.parts import CodeRow, CodeTable, Differences, Grid, Table, VersionLine

SHEETS_PATH: Final = "/settings/sheets"
State = Literal["never", "fine", "unread", "fault", "held"]
"""
never   Google has not been asked for it yet
fine    what was read last counts
unread  Google does not let it be read, or does not answer
fault   what is in it cannot be taken over
held    over half of it has gone: an administrator decides
"""
What = Literal["people", "codes", "rows"]
"""What a sheet consists of."""
News = Literal["", "looked", "look_busy", "accepted", "kept", "decided", "no_version"]
"""
What has just happened:
looked          somebody has pressed the button, and Google was asked
look_busy       it was asked for too often, or the look takes longer than anybody waits
accepted, kept  what was held counts from now on, or is forgotten
decided         it was not this reader's to decide any more
no_version      a version that the address names is not there
"""


@dataclass(frozen=True, slots=True, repr=False)
class HeldLine:
    """A version that somebody is to decide of, on a card."""

    month: str
    """2026-12; "": of none."""
    people: int
    """How many have gone; or codes, or rows."""
    cells: int


@dataclass(frozen=True, slots=True, repr=False)
class SheetLine:
    """One sheet in a list of them."""

    department: str
    """Its slug."""
    name: str
    title: str
    state: State
    what: What = "people"
    number: int | None = None
    """How many there are in what counts; None: it is not known."""
    month: str = ""
    """Of which that is."""
    looked_at: float | None = None
    changed_at: float | None = None
    held: tuple[HeldLine, ...] = ()
    fault: Finding | None = None
    """The first of those there are."""
    faults: int = 0
    trouble: str = ""
    """Why it is not read: a result code."""
    is_lasting: bool = False
    """Whether somebody has to see to that."""
    waits_for: tuple[str, ...] = ()
    """Titles of tabs that are not there yet."""

    @property
    def address(self) -> str:
        """Its page's."""
        return address_of(self.department, self.name)

    @property
    def wants_sharing(self) -> bool:
        """Whether it is to be shared with the service account."""
        return self.is_lasting and self.trouble in ("sheet_not_shared", "sheet_not_found")

    @property
    def is_stopped(self) -> bool:
        """Whether somebody has to see to it."""
        return self.state in ("fault", "held") or (self.state == "unread" and self.is_lasting)


@dataclass(frozen=True, slots=True, repr=False)
class HeldVersion:
    """What somebody is to decide of."""

    version: str
    at: float
    current_at: float | None
    what: What
    people: int
    of_people: int
    cells: int
    of_cells: int
    who: tuple[str, ...]
    """Their names, or their numbers."""

    @property
    def left(self) -> int:
        """How many there would be."""
        return self.of_people - self.people

    @property
    def percent(self) -> int:
        """Of what goes: of people, or else of cells."""
        gone, of = (self.people, self.of_people) if self.people else (self.cells, self.of_cells)
        return round(100 * gone / of) if of else 0


@dataclass(frozen=True, slots=True, repr=False)
class Unknown:
    """A text that nothing knows."""

    text: str
    count: int
    who: tuple[str, ...]
    more: int = 0
    """How many others have it."""


@dataclass(frozen=True, slots=True, repr=False)
class Titles:
    """What the settings look for, for whoever mends a sheet."""

    tab: str = ""
    """The tab's title; "": it is known by its number."""
    needed: tuple[tuple[str, ...], ...] = ()
    """Of each column that there must be the titles it may have."""
    by_key: tuple[tuple[str, tuple[str, ...]], ...] = ()
    """The same by the settings' keys."""
    is_month_grid: bool = False


@dataclass(frozen=True, slots=True, repr=False)
class SheetPage:
    """The page of one sheet."""

    now: float
    line: SheetLine
    department: str
    """Its name."""
    news: News = ""
    month: str = ""
    """What is shown: 2026-12; "": it is of no month."""
    no_month: bool = False
    """Whether another month was asked for, of which there is nothing."""
    period: str = ""
    """By which its versions are known; "": all of it is one."""
    earlier: str = ""
    later: str = ""
    """Months that can be shown."""
    absent: str = ""
    """The month whose tab is not there yet."""
    elsewhere: tuple[str, ...] = ()
    """Other months of which something is held or wrong."""
    tab: str = ""
    service_account: str = ""
    """Its address."""
    findings: tuple[Finding, ...] = ()
    """Of the tab as it was seen last."""
    titles: Titles = Titles()
    held: HeldVersion | None = None
    shown: VersionLine | None = None
    """None: there is none yet."""
    is_unreadable: bool = False
    """Whether the version is damaged, or a newer program's."""
    grid: Grid | None = None
    table: Table | None = None
    codes: CodeTable | None = None
    differences: Differences | None = None
    cannot_compare: bool = False
    """Whether two versions are of two kinds, or one of them cannot be read."""
    versions: tuple[VersionLine, ...] = ()
    older: str = ""
    """The id from which the list goes on; "": that is all."""
    chosen: tuple[VersionLine, ...] = ()
    """What can be compared: those of the list, and those that are."""
    unknown: tuple[Unknown, ...] = ()
    unknown_left_out: int = 0
    legend: tuple[CodeRow, ...] = ()
    """Codes of the roster and their times."""
    leaves: tuple[tuple[str, str], ...] = ()
    has_codes: bool = False
    """Whether a table of codes is named."""

    @property
    def faults(self) -> tuple[Finding, ...]:
        """For any of these what was read before goes on counting."""
        return tuple(each for each in self.findings if each.is_fault)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """What is told of what counts all the same."""
        return tuple(each for each in self.findings if not each.is_fault)

    def address(self, **asked: str) -> str:
        """The page's own, with this month and what else is asked for."""
        return self._with(self.line.address, {"month": self.month, **asked})

    def of_month(self, month: str) -> str:
        """Another month of it."""
        return self._with(self.line.address, {"month": month})

    def part(self, number: int) -> str:
        """Another part of what is too long for one page."""
        is_other = self.shown is not None and not self.shown.is_current
        return self.address(
            to=self.shown.id if self.shown is not None and is_other else "", part=str(number)
        )

    @property
    def has_data(self) -> bool:
        """Whether programs can have what is shown: what is held counts for nobody yet."""
        return self.shown is not None and not self.shown.is_held and not self.is_unreadable

    def data(self, form: str) -> str:
        """Where programs have the version that is shown.

        Args:
            form: json or csv.
        """
        slug, name = quote(self.line.department), quote(self.line.name)
        is_other = self.shown is not None and not self.shown.is_current
        at = self.shown.counted_from if self.shown is not None and is_other else ""
        asked = {"period": self.period, "at": at, "format": form}
        return self._with(f"/api/sheets/{slug}/{name}", asked)

    @staticmethod
    def _with(path: str, asked: dict[str, str]) -> str:
        query = urlencode({name: value for name, value in asked.items() if value})
        return path + (f"?{query}" if query else "")


@dataclass(frozen=True, slots=True, repr=False)
class DepartmentSheets:
    """Those of one department, in the list of all."""

    slug: str
    name: str
    sheets: tuple[SheetLine, ...]


@dataclass(frozen=True, slots=True, repr=False)
class SheetsPage:
    """The list of all sheets."""

    now: float
    departments: tuple[DepartmentSheets, ...]


def address_of(department: str, name: str) -> str:
    """A sheet's page."""
    return f"{SHEETS_PATH}/{quote(department)}/{quote(name)}"
