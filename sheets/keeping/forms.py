"""What stands in the documents of a mirrored sheet."""

from __future__ import annotations

from datetime import date, datetime

from pydantic import Field

from departments.documents import Kept
from sheets.faults import Finding
from sheets.kinds.contents import Duty
from sheets.versions.difference import Counts
from sheets.versions.judging import Gone


class Seen(Kept):
    """One tab, as it was last seen."""

    title: str = ""
    digest: str = ""
    """Of its cells and of how they were read; empty: it is to be read again."""
    period: str = ""
    """The month it is of, as was understood; empty: of none."""
    findings: tuple[Finding, ...] = ()

    @property
    def is_fault(self) -> bool:
        """Whether the last good version is kept instead of it."""
        return any(each.is_fault for each in self.findings)


class Period(Kept):
    """One month of a sheet, or all of one that is of no month."""

    current: str = ""
    """The version that counts; empty: there is none yet."""
    held: str = ""
    """A later one that takes its place once it is accepted; empty: there is none."""
    held_at: float | None = None
    gone: Gone | None = None
    """Why it is held."""


class SheetState(Kept):
    """How a sheet stands."""

    looked_at: float | None = None
    """When the last look that Google has answered began."""
    changed_at: float | None = None
    """When there was a new version last."""
    due_at: float = 0.0
    raw: str = ""
    """Of Google's answer, and of what was wanted of it. The same: nothing has changed."""
    zone: str = ""
    """The spreadsheet's."""
    trouble: str = ""
    """The code of what kept it from being read; empty: it was read."""
    because: str = ""
    """The same in a sentence; whom to share it with."""
    failures: int = 0
    """In a row."""
    is_lasting: bool = False
    """Whether the trouble ends only when somebody mends it."""
    seen: dict[str, Seen] = Field(default_factory=dict)
    """By the month that was asked for."""
    periods: dict[str, Period] = Field(default_factory=dict)

    @property
    def faults(self) -> tuple[Finding, ...]:
        """What keeps tabs from being taken over."""
        return tuple(
            finding for seen in self.seen.values() for finding in seen.findings if finding.is_fault
        )

    @property
    def held(self) -> dict[str, Period]:
        """The months of which a version is held."""
        return {name: one for name, one in self.periods.items() if one.held}

    @property
    def is_stopped(self) -> bool:
        """Whether somebody has to see to it. What passes by itself is nobody's."""
        return bool(self.faults or self.held or (self.trouble and self.is_lasting))


class VersionRecord(Kept):
    """One version; its contents may go on in further documents."""

    at: float
    """When it was read."""
    tab: str = ""
    before: str = ""
    """The version that counted then; empty: there was none."""
    counts: Counts | None = None
    """How much is different from that one; None: nothing to compare with."""
    warnings: tuple[Finding, ...] = ()
    accepted_at: float | None = None
    """When somebody had it count that was held; None: it counted as soon as it was read, or does
    not yet."""
    accepted_by: str = ""
    """The administrator who did, as in departments/administrators/who.py."""
    size: tuple[int, int] = (0, 0)
    """People and their days; codes or rows, twice."""
    on_duty: int | None = None
    """How many people have anything on any day; None: it is no roster, or was kept before this
    was."""
    parts: int = 1
    body: str = Field(repr=False)


class Part(Kept):
    """The rest of a version's contents, or some of it."""

    body: str = Field(repr=False)


class Change(Kept):
    """One day of one person that is another now."""

    person: str
    day: date
    old: tuple[Duty, ...]
    new: tuple[Duty, ...]
    at: datetime


class Changes(Kept):
    """Those of a sheet that nobody was told of yet."""

    events: tuple[Change, ...] = ()
