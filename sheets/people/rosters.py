"""What a person works, out of the versions that count of their department's rosters."""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

from departments.documents import Shelf
from security.errors import CorruptCredential
from security.storage.protocol import Storage
from sheets.keeping.forms import SheetState
from sheets.keeping.kinds import SHEETS
from sheets.keeping.sources import today_of
from sheets.keeping.versions import Opened, Version, Versions
from sheets.kinds.contents import Codes, Duties, Roster
from sheets.months import Month, is_monthly, title_of
from sheets.people.links import Link
from sheets.people.names import Names
from sheets.people.numbers import found_in
from sheets.shapes.file import Sheet
from sheets.timing import Shift, shift_of, shifts_of, zone_of
from sheets.wanted import wanted

Called = tuple[str, Mapping[str, str]]
"""A month, empty where it is of none, and by their numbers what people are called in it."""
ROSTERS = frozenset({"month-grid", "long"})
"""Kinds of sheets that say what people do on which day."""


def is_roster(sheet: Sheet) -> bool:
    """Whether it says what people do on which day."""
    return getattr(sheet.shape, "kind", "") in ROSTERS


@dataclass(frozen=True, slots=True)
class Named:
    """A number as it stands on a department's rosters."""

    department: str
    number: str = field(repr=False)
    names: tuple[str, ...] = field(repr=False)
    """One, unless the department's rosters call them otherwise. An empty one is beside it where
    others have names; none at all: nobody has one there."""


@dataclass(frozen=True, slots=True)
class Part:
    """One version that counts, as far as it is about one person."""

    period: str
    """The month; empty: it is of none."""
    at: float
    """When it was read."""
    is_listed: bool
    """Whether the person is on it."""
    is_newest: bool
    """Whether nothing newer is held or has a fault, and its tab has not gone."""
    shifts: tuple[Shift, ...] = field(repr=False)
    is_anothers: bool = False
    """Whether the number is there, and has another name than was confirmed: then nothing of it is
    here."""


@dataclass(frozen=True, slots=True)
class Own:
    """One roster, as far as it is about one person."""

    sheet: Sheet
    state: SheetState
    zone: zoneinfo.ZoneInfo | None
    parts: Mapping[str, Part]
    """By month; the empty one is of no month. Which were never read are not in it."""

    @property
    def is_monthly(self) -> bool:
        """Whether there is a tab for each month."""
        return is_monthly(self.sheet.shape.tab or "")

    @property
    def is_listed(self) -> bool:
        """Whether the person is on any of it."""
        return any(part.is_listed for part in self.parts.values())

    def local(self, now: float) -> datetime:
        """What time it is where the sheet's times are.

        Args:
            now: Unix seconds.
        """
        return datetime.fromtimestamp(now, self.zone or UTC)

    def tab_title(self, month: Month) -> str:
        """What the tab of a month is called."""
        return title_of(self.sheet.shape.tab or "", month)

    def is_looked_for(self, month: Month, today: date) -> bool:
        """Whether a tab of that month is looked at as soon as it is there."""
        here = Month.of(today)
        return self.is_monthly and any(
            here.plus(offset) == month for offset in self.sheet.shape.months
        )

    def has(self, month: Month) -> bool:
        """Whether something is known of that month."""
        return not self.is_monthly or str(month) in self.parts


class Rosters:
    """Those of all departments. Every method blocks.

    Raises, each of them:
        OperatorFault: the storage does not answer.
    """

    def __init__(self, storage: Storage, sheets: Mapping[str, Sheet], names: Names) -> None:
        self._names = names
        self._sheets = {id: sheet for id, sheet in sheets.items() if is_roster(sheet)}
        self._states = Shelf(storage, SHEETS, SheetState)
        self._versions = Versions(storage)

    @property
    def sheets(self) -> Mapping[str, Sheet]:
        """All that say what people do on which day, by their ids."""
        return self._sheets

    @property
    def departments(self) -> list[str]:
        """Slugs of those that have rosters, in the settings' order."""
        return [*dict.fromkeys(sheet.department for sheet in self._sheets.values())]

    def state(self, sheet: str) -> SheetState:
        """How a sheet stands."""
        held = self._states.find(sheet)
        return SheetState() if held is None else held.content

    def named(self, number: str, now: float, month: str = "") -> list[Named]:
        """Who has this number: in each department's rosters of this month and later, or else the
        last there is, as it stands in the newest of them.

        Args:
            now: Unix seconds.
            month: only in this one of these; empty: in any.
        """
        found: dict[str, Named] = {}
        for sheet in self._sheets.values():
            for period, people in self._current(sheet, now):
                as_written = None if month and period != month else found_in(people, number)
                if as_written is None:
                    continue
                one = found.get(sheet.department) or Named(sheet.department, as_written, ())
                if as_written == one.number:
                    here = [people[as_written]] if any(people.values()) else []
                    names = dict.fromkeys((*one.names, *here))
                    found[sheet.department] = replace(one, names=tuple(names))
                break
        return [*found.values()]

    def called(self, department: str, now: float) -> Iterator[list[Called]]:
        """Of each of a department's rosters what people are called in it: in this month and later,
        or else in the last there is, the newest first. Where nobody has a name it is left out.

        Args:
            now: Unix seconds.
        """
        for sheet in self._sheets.values():
            if sheet.department == department:
                yield [one for one in self._current(sheet, now) if any(one[1].values())]

    def counting(self) -> list[tuple[str, str, str]]:
        """Which versions count, of all: another list, once anything else stands there."""
        return [
            (held.name, period, one.current)
            for held in self._states.some([*self._sheets])
            for period, one in held.content.periods.items()
        ]

    def of(self, link: Link, months: list[Month]) -> list[Own]:
        """Each roster of a department, as far as it is about whoever is linked to it.

        Args:
            months: what is wanted of those that have a tab for each month.
        """
        return [
            self._own(sheet, link, months)
            for sheet in self._sheets.values()
            if sheet.department == link.department
        ]

    def is_theirs(self, link: Link, sheet: str, day: date) -> bool:
        """Whether what stands on that day beside the number of a link is of whoever has it."""
        state = self.state(sheet)
        for period in (str(Month.of(day)), ""):
            if (found := self._roster(sheet, period, state)) is not None:
                return self._names.is_of(link, found[1].people)
        return True

    def timed(self, sheet: Sheet, day: date, duties: Duties) -> list[Shift]:
        """What somebody does on a day, with the times that the table of codes gives it."""
        zone = zone_of(sheet.shape, self.state(sheet.id).zone)
        codes = self._codes(sheet, str(Month.of(day)))
        return [shift_of(day, duty, codes, zone) for duty in duties]

    def local(self, sheet: Sheet, now: float) -> datetime:
        """What time it is where a sheet's times are.

        Args:
            now: Unix seconds.
        """
        return datetime.fromtimestamp(now, self.zone(sheet) or UTC)

    def zone(self, sheet: Sheet) -> zoneinfo.ZoneInfo | None:
        """Where a sheet's times are; None: nobody says it."""
        return zone_of(sheet.shape, "" if sheet.shape.zone else self.state(sheet.id).zone)

    def _own(self, sheet: Sheet, link: Link, months: list[Month]) -> Own:
        state, number = self.state(sheet.id), link.number
        zone, parts = zone_of(sheet.shape, state.zone), dict[str, Part]()
        for period in ("", *map(str, months)):
            found = self._roster(sheet.id, period, state)
            if found is None:
                continue
            opened, roster = found
            is_there = number in roster.people
            is_theirs = is_there and self._names.is_of(link, roster.people)
            codes = self._codes(sheet, period)
            parts[period] = Part(
                period,
                opened.record.at,
                is_theirs,
                _is_newest(sheet, state, period),
                tuple(shifts_of(roster, number, codes, zone)) if is_theirs else (),
                is_there and not is_theirs,
            )
        return Own(sheet, state, zone, parts)

    def _current(self, sheet: Sheet, now: float) -> Iterator[Called]:
        """The people of this month and later, or else the last there is; the newest first."""
        state = self.state(sheet.id)
        zone = zone_of(sheet.shape, state.zone) or UTC
        first = str(Month.of(datetime.fromtimestamp(now, zone).date()))
        every = sorted(state.periods, reverse=True)
        for period in [one for one in every if not one or one >= first] or every[:1]:
            if (found := self._roster(sheet.id, period, state)) is not None:
                yield period, found[1].people

    def _roster(self, sheet: str, period: str, state: SheetState) -> tuple[Opened, Roster] | None:
        mine = state.periods.get(period)
        opened = self._open(Version(sheet, period, mine.current)) if mine else None
        if opened is None or not isinstance(opened.contents, Roster):
            return None
        return opened, opened.contents

    def _codes(self, sheet: Sheet, period: str) -> Codes | None:
        """The times of its codes: those of the same month, or else the newest."""
        if sheet.codes is None:
            return None
        state = self.state(sheet.codes)
        for one in (period, *sorted(state.periods, reverse=True)):
            if (mine := state.periods.get(one)) is None:
                continue
            opened = self._open(Version(sheet.codes, one, mine.current))
            if opened is not None and isinstance(opened.contents, Codes):
                return opened.contents
        return None

    def _open(self, version: Version) -> Opened | None:
        try:
            return self._versions.open(version) if version.id else None
        except CorruptCredential:  # as if it were not there: the next look makes it anew
            return None


def _is_newest(sheet: Sheet, state: SheetState, period: str) -> bool:
    seen = [one for one in state.seen.values() if one.period == period]
    looked_for = wanted(sheet, today_of(sheet, state.looked_at or 0.0, state.zone))
    has_gone = not seen and any(one.period == period for one in looked_for)
    return not (has_gone or state.periods[period].held or any(one.is_fault for one in seen))
