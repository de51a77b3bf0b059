"""People in rows, the days of a month in columns."""

from __future__ import annotations

from datetime import date

from sheets.cells.dates import month_in
from sheets.cells.grid import ERRORS, Grid
from sheets.faults import Finding, finding
from sheets.kinds.contents import ERROR, UNKNOWN, Account, Duties, Key, Parsed, Roster
from sheets.kinds.duty_reader import DutyReader
from sheets.kinds.findings import error_findings, layout_of
from sheets.kinds.header import Header, find_month
from sheets.kinds.people import People
from sheets.months import Month
from sheets.shapes.models import MonthGrid

Days = list[tuple[int, date | None]]
"""Columns, and the day of each; None: one that the month does not have."""
Span = tuple[int, int, str]
"""The first column, the one after the last, and what is shown in them."""


def parse_month(grid: Grid, shape: MonthGrid, month: Month | None, reader: DutyReader) -> Parsed:
    """The roster of one month.

    Args:
        month: None: the tab does not say it, and the sheet has to.
    """
    aliases = {"person": shape.person, "person_name": shape.person_name}
    row = None if shape.header == "auto" else shape.header
    header = find_month(grid, aliases, month, row)
    if isinstance(header, Finding):
        return Parsed(None, (header,), Account(grid.filled, aside=grid.filled))
    month = month or _month_of(grid, header)
    if month is None:
        return Parsed(None, (Finding("no_month"),), Account(grid.filled, aside=grid.filled))
    return _Reading(grid, shape, header, month, reader).parsed()


def _month_of(grid: Grid, header: Header) -> Month | None:
    """The month that its days are of, or that a heading or the tab's title names."""
    whole = [day for _, day in header.days if isinstance(day, date)]
    if whole:
        return Month.of(whole[len(whole) // 2])
    above = (text for row in grid.rows[: header.body] for text in row if text)
    return next((found for text in (grid.title, *above) if (found := month_in(text))), None)


class _Reading:
    """One look at one grid whose titles were found."""

    def __init__(
        self, grid: Grid, shape: MonthGrid, header: Header, month: Month, reader: DutyReader
    ) -> None:
        self._grid, self._header, self._month, self._reader = grid, header, month, reader
        self._people = People(grid, shape, header.columns)
        self._named = self._people.named(header.body)
        self._duties: dict[Key, Duties] = {}
        self._contents = self._cells_of_people = 0
        self._aside: list[str] = []
        self._cells_of_unnumbered = 0
        self._impossible: list[str] = []
        self._unnumbered: list[str] = []
        self._days: Days = [(column, self._day(day)) for column, day in header.days]
        self._spans = self._spans_of_duties()

    def _day(self, day: int | date) -> date | None:
        if isinstance(day, date):
            return day if Month.of(day) == self._month else None
        return self._month.first.replace(day=day) if day <= self._month.days else None

    def _spans_of_duties(self) -> dict[int, list[Span]]:
        """By row what is merged over several of its days, or people: a leave of a week, a course.
        Not over the rows of one person, of whose day it is one part."""
        columns = {column for column, _ in self._days}
        number, grid = self._header.columns["person"], self._grid
        found: dict[int, list[Span]] = {}
        for top, bottom, left, right in grid.merges:
            if left in columns and top >= self._header.body:
                for row in range(top, min(bottom, grid.height)):
                    if row == top or grid.origin(row, number)[0] == row:
                        span = left, min(right, grid.width), grid.at(top, left)
                        found.setdefault(row, []).append(span)
        return found

    def parsed(self) -> Parsed:
        grid, header = self._grid, self._header
        heading = 0
        for number, row in enumerate(grid.rows):
            if number < header.body:
                heading += len(row) - row.count("")
            elif self._is_nobodys(number, row):
                self._aside += [grid.place(number, c) for c, text in enumerate(row) if text]
            elif (found := self._people.at(number)) is None:
                self._set_aside(number, row)
            elif self._people.is_title(number):
                heading += len(row) - row.count("")
            else:
                self._read(number, self._spread(number, row), found)
        account = Account(
            grid.filled,
            heading,
            self._cells_of_people,
            self._contents,
            len(self._aside) + self._cells_of_unnumbered,
        )
        return Parsed(
            Roster(self._people.names, self._duties),
            tuple(self._findings()),
            account,
            layout_of(header),
            str(self._month),
        )

    def _spread(self, number: int, row: list[str]) -> list[str]:
        spans = self._spans.get(number)
        if spans is None:
            return row
        row = [*row]
        for left, right, shown in spans:
            # What is written where nobody sees it is not lost either.
            row[left:right] = [text or shown for text in row[left:right]]
        return row

    def _read(self, number: int, row: list[str], person: str) -> None:
        read, duties, first = self._reader.read, self._duties, self._people.is_first(number)
        written = self._grid.rows[number]
        seen = 0
        for column, day in self._days:
            text = row[column]
            if not text:
                continue
            seen += bool(written[column])
            if day is None:
                self._impossible.append(self._grid.place(number, column))
            elif first:
                duties[person, day] = read(text)
            else:
                duties[person, day] = (*duties.get((person, day), ()), *read(text))
        self._contents += seen
        mine = self._people.cells_in(number)
        self._cells_of_people += mine
        if len(written) - written.count("") > seen + mine:
            known = {column for column, _ in self._days} | self._people.columns
            self._aside += [
                self._grid.place(number, column)
                for column, text in enumerate(written)
                if text and column not in known
            ]

    def _set_aside(self, number: int, row: list[str]) -> None:
        texts = (row[column] for column, _ in self._days if row[column])
        if self._people.is_unnumbered(number) and any(map(self._is_duty, texts)):
            self._unnumbered.append(self._grid.place(number, self._header.columns["person"]))
            self._cells_of_unnumbered += len(row) - row.count("")
            return
        self._aside += [self._grid.place(number, c) for c, text in enumerate(row) if text]

    def _is_nobodys(self, number: int, row: list[str]) -> bool:
        """Whether it is a heading among the people, or sums below them: among people with names,
        without one, and without anything that is understood."""
        text = self._grid.shown(number, self._header.columns["person"])
        if not self._named or not text or text in self._named or text in ERRORS:
            return False
        texts = (row[column] for column, _ in self._days if row[column])
        return not self._people.is_title(number) and not any(map(self._is_duty, texts))

    def _is_duty(self, text: str) -> bool:
        return self._reader.read(text)[0].kind not in {UNKNOWN, ERROR}

    def _findings(self) -> list[Finding]:
        found = [*self._people.findings(), *error_findings(self._grid, self._people.errors)]
        if self._impossible:
            found.append(finding("days_not_in_month", self._impossible, of=self._month.days))
        days = {day.day for _, day in self._days if day is not None}
        left_out = [day for day in range(1, self._month.days + 1) if day not in days]
        if left_out:
            found.append(Finding("days_left_out", count=len(left_out), of=self._month.days))
        if self._unnumbered:
            found.append(finding("rows_without_number", self._unnumbered))
        if self._aside:
            found.append(finding("texts_aside", self._aside))
        return found
