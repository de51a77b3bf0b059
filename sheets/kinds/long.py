"""A row for each person and day, or several where a day has several parts."""

from __future__ import annotations

import dataclasses
from datetime import date

from sheets.cells.dates import day_of
from sheets.cells.grid import ERRORS, Grid
from sheets.cells.times import clock, end_after, minutes_of
from sheets.faults import Finding, finding
from sheets.kinds.contents import ERROR, SHIFT, UNKNOWN, Account, Duties, Duty, Key, Parsed, Roster
from sheets.kinds.duty_reader import DutyReader
from sheets.kinds.findings import error_findings, layout_of
from sheets.kinds.header import Header, find_columns
from sheets.kinds.people import People
from sheets.months import Month
from sheets.shapes.models import Long


def parse_long(
    grid: Grid, shape: Long, month: Month | None, near: date, reader: DutyReader
) -> Parsed:
    """The roster.

    Args:
        month: what the tab is of; None: of no month.
        near: a day about which a day without a year is.
    """
    names = ("person", "date", "person_name", "code", "start", "end", "route")
    aliases = {name: getattr(shape, name) for name in names}
    row = None if shape.header == "auto" else shape.header
    header = find_columns(grid, aliases, ("person", "date"), row)
    if isinstance(header, Finding):
        return Parsed(None, (header,), Account(grid.filled, aside=grid.filled))
    if header.columns.keys().isdisjoint({"code", "start"}):
        wants = Finding(
            "no_header", row=header.row + 1, found=tuple(header.columns), missing=("code",)
        )
        return Parsed(None, (wants,), Account(grid.filled, aside=grid.filled))
    return _Reading(grid, shape, header, month, near, reader).parsed()


class _Reading:
    """One look at one grid whose titles were found."""

    def __init__(
        self,
        grid: Grid,
        shape: Long,
        header: Header,
        month: Month | None,
        near: date,
        reader: DutyReader,
    ) -> None:
        self._grid, self._header, self._month, self._near = grid, header, month, near
        self._reader = reader
        self._people = People(grid, shape, header.columns)
        self._duties: dict[Key, Duties] = {}
        self._places: dict[str, list[str]] = {}
        """By the code of the finding."""

    def parsed(self) -> Parsed:
        grid, header = self._grid, self._header
        known = {*header.columns.values()}
        heading = named = contents = 0
        for number, row in enumerate(grid.rows):
            filled = len(row) - row.count("")
            if not filled:
                continue
            person = None if number < header.body else self._people.at(number)
            if number < header.body or (person and self._people.is_title(number)):
                heading += filled
            elif person is None or (day := self._day(number)) is None:
                self._note("texts_aside", *((number, c) for c, text in enumerate(row) if text))
            else:
                self._read(number, person, day)
                mine = self._people.cells_in(number)
                named += mine
                contents += sum(1 for c in known if row[c]) - mine
                others = [(number, c) for c, text in enumerate(row) if text and c not in known]
                self._note("texts_aside", *others)
        aside = len(self._places.get("texts_aside", ()))
        account = Account(grid.filled, heading, named, contents, aside)
        contents_ = Roster(self._people.names, self._duties)
        period = str(self._month) if self._month else ""
        return Parsed(contents_, tuple(self._findings()), account, layout_of(header), period)

    def _note(self, code: str, *places: tuple[int, int]) -> None:
        if places:
            self._places.setdefault(code, []).extend(self._grid.place(*each) for each in places)

    def _day(self, number: int) -> date | None:
        where = self._grid.origin(number, self._header.columns["date"])
        serial = self._grid.serial(*where, "DATE", "DATE_TIME")
        found = day_of(self._grid.at(*where), serial, self._near)
        if self._grid.at(*where) in ERRORS:
            self._people.errors.append(self._grid.place(*where))
        if found.impossible:
            self._note("days_not_in_month", where)
        if found.day is None:
            return None
        if found.without_year and self._month is None:
            self._note("day_without_year", where)
        if self._month is not None and Month.of(found.day) != self._month:
            self._note("other_month", where)
        return found.day

    def _read(self, number: int, person: str, day: date) -> None:
        text, start, end, route = (self._text(number, n) for n in ("code", "start", "end", "route"))
        if not text and not start and not end:
            return  # a day on which there is nothing: as an empty cell
        before = self._duties.get((person, day), ())
        if error := next((each for each in (text, start, end, route) if each in ERRORS), ""):
            self._duties[person, day] = (*before, Duty(ERROR, error))
            return
        begins, ends = self._time(number, "start"), self._time(number, "end")
        if (start and begins is None) or (end and ends is None):
            self._note("no_times", (number, self._header.columns["date"]))
        duty = self._reader.read(text)[0] if text else Duty(UNKNOWN, f"{start}–{end}")
        if begins is not None and ends is not None:
            ends = end_after(begins, ends)
            duty = duty if text else Duty(SHIFT, f"{clock(begins)}–{clock(ends)}")
        if (begins, ends, route) != (None, None, ""):
            duty = dataclasses.replace(duty, start=begins, end=ends, route=route)
        parts = (*before, duty)
        if all(each.start is not None for each in parts):  # however the rows are sorted
            parts = tuple(sorted(parts, key=lambda each: (each.start, each.end or 0, each.text)))
        self._duties[person, day] = parts

    def _text(self, number: int, name: str) -> str:
        column = self._header.columns.get(name)
        return "" if column is None else self._grid.shown(number, column)

    def _time(self, number: int, name: str) -> int | None:
        column = self._header.columns.get(name)
        if column is None:
            return None
        where = self._grid.origin(number, column)
        return minutes_of(self._grid.at(*where), self._grid.serial(*where, "TIME", "DATE_TIME"))

    def _findings(self) -> list[Finding]:
        found = [*self._people.findings(), *error_findings(self._grid, self._people.errors)]
        if not self._duties and not self._people.names:
            found.append(Finding("no_rows"))
        return [*found, *(finding(code, places) for code, places in self._places.items())]
