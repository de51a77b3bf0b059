"""A row for each code: when its shift begins and ends, how long it is, which route."""

from __future__ import annotations

import re
from typing import Final

from sheets.cells.grid import ERRORS, Grid
from sheets.cells.text import plain
from sheets.cells.times import end_after, minutes_of
from sheets.faults import Finding, finding
from sheets.kinds.contents import Account, Codes, CodeTimes, Parsed
from sheets.kinds.findings import error_findings, layout_of
from sheets.kinds.header import Header, find_columns
from sheets.shapes.models import CodeTable

_MINUTES: Final = re.compile(r"(\d{1,4})(\.0+)?\s*(分鐘?|min)?")
_HOURS: Final = re.compile(r"([1-9]|1\d|2[0-4])(\.\d+)?\s*(小?時|hr?)?")
"""Under 工時 an 8 is eight hours: no duty is of 24 minutes or fewer."""


def parse_codes(grid: Grid, shape: CodeTable) -> Parsed:
    """The times of the codes."""
    names = ("code", "start", "end", "minutes", "route")
    aliases = {name: getattr(shape, name) for name in names}
    row = None if shape.header == "auto" else shape.header
    header = find_columns(grid, aliases, ("code", "start"), row)
    if isinstance(header, Finding):
        return Parsed(None, (header,), Account(grid.filled, aside=grid.filled))
    return _Reading(grid, header, {*map(plain, shape.code)}).parsed()


class _Reading:
    """One look at one grid whose titles were found."""

    def __init__(self, grid: Grid, header: Header, titles: set[str]) -> None:
        self._grid, self._header, self._titles = grid, header, titles
        self._codes: dict[str, CodeTimes] = {}
        self._places: dict[str, list[str]] = {}
        self._twice: set[str] = set()
        self._aside: list[str] = []
        self._timeless: list[str] = []

    def parsed(self) -> Parsed:
        grid, header = self._grid, self._header
        column = header.columns["code"]
        known = {*header.columns.values()}
        heading = named = contents = 0
        vital: list[str] = []
        for number, row in enumerate(grid.rows):
            filled = len(row) - row.count("")
            code = grid.shown(number, column)
            if number < header.body or plain(code) in self._titles:
                heading += filled
                continue
            if code in ERRORS:
                vital.append(grid.place(number, column))
            if not code:
                self._aside += [grid.place(number, c) for c, text in enumerate(row) if text]
                continue
            self._read(number, code)
            mine = sum(1 for c in known if row[c])
            named += bool(row[column])
            contents += mine - bool(row[column])
            if filled > mine:
                self._aside += [
                    grid.place(number, c) for c, t in enumerate(row) if t and c not in known
                ]
        account = Account(grid.filled, heading, named, contents, len(self._aside))
        return Parsed(
            Codes(self._codes),
            tuple(self._findings(vital)),
            account,
            layout_of(header),
        )

    def _read(self, number: int, code: str) -> None:
        start, end = self._time(number, "start"), self._time(number, "end")
        if start is not None and end is not None:
            end = end_after(start, end)
        minutes = self._minutes(number)
        if minutes is None and start is not None and end is not None:
            minutes = end - start
        route = self._shown(number, "route")
        shown = (self._shown(number, name) for name in ("start", "end", "minutes"))
        error = next((text for text in shown if text in ERRORS), "")
        found = CodeTimes(start, end, minutes, error or route)
        place = self._grid.place(number, self._header.columns["code"])
        self._places.setdefault(code, []).append(place)
        if (start is None or end is None) and found.route not in ERRORS:
            self._timeless.append(place)
        if self._codes.setdefault(code, found) != found:
            self._twice.add(code)

    def _shown(self, number: int, name: str) -> str:
        column = self._header.columns.get(name)
        return "" if column is None else self._grid.shown(number, column)

    def _time(self, number: int, name: str) -> int | None:
        column = self._header.columns.get(name)
        if column is None:
            return None
        where = self._grid.origin(number, column)
        return minutes_of(self._grid.at(*where), self._grid.serial(*where, "TIME", "DATE_TIME"))

    def _minutes(self, number: int) -> int | None:
        column = self._header.columns.get("minutes")
        if column is None:
            return None
        where = self._grid.origin(number, column)
        text, serial = self._grid.at(*where), self._grid.serial(*where, "TIME", "DATE_TIME")
        if serial is None and (match := _HOURS.fullmatch(text)):
            return round(float(f"{match[1]}{match[2] or ''}") * 60)
        if match := _MINUTES.fullmatch(text):
            return int(match[1])
        return minutes_of(text, serial)

    def _findings(self, vital: list[str]) -> list[Finding]:
        found = error_findings(self._grid, vital)
        if not self._codes:
            found.append(Finding("no_rows"))
        if self._twice:
            places = [place for code in self._twice for place in self._places[code]]
            codes = tuple(sorted(self._twice))
            found.append(finding("duplicate_codes", places, of=len(self._codes), texts=codes))
        if self._timeless:
            found.append(finding("no_times", self._timeless, of=len(self._codes)))
        if self._aside:
            found.append(finding("texts_aside", self._aside))
        return found
