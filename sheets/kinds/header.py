"""Where the titles of the columns are, and which column is which."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sheets.cells.dates import column_day, weekday_in
from sheets.cells.grid import Grid
from sheets.cells.text import plain
from sheets.faults import Finding
from sheets.months import Month

LOOKED_AT: Final = 30
"""Rows in which titles are looked for."""
FEWEST_DAYS: Final = 7
"""Columns of days that make a month's header."""
ALL_DAYS: Final = 28
"""With so many no other row is looked for."""
_GAPS: Final = (2, 3)
"""One day or two whose titles say something else, or nothing."""

Aliases = Mapping[str, tuple[str, ...]]
"""By the settings' key the titles that its column may have."""


@dataclass(frozen=True, slots=True)
class Header:
    """Which column is which."""

    row: int
    """Of the titles, from 0."""
    body: int
    """The first row below them."""
    columns: dict[str, int]
    """By the settings' key."""
    days: tuple[tuple[int, int | date], ...] = ()
    """In a month's grid: columns, and the day of each."""


def find_columns(
    grid: Grid, aliases: Aliases, needed: Collection[str], row: int | None
) -> Header | Finding:
    """The row, or the two rows, that have every title which is needed, and most of the others.

    Args:
        row: from 1, where the settings say it.
    """
    rows = range(min(LOOKED_AT, grid.height)) if row is None else (row - 1,)
    best: Header | None = None
    nearest: tuple[int, int, dict[str, int]] = (0, -1, {})
    # One row of titles, or two where a merged one stands above several.
    for height in (1, 2):
        for first in rows:
            columns = _columns(grid, aliases, first, height)
            if len(columns) > nearest[0]:
                nearest = (len(columns), first, columns)
            if needed and not {*needed} <= columns.keys():
                continue
            if columns and (best is None or len(columns) > len(best.columns)):
                best = Header(first, first + height, columns)
    return best or _no_header(nearest[1], nearest[2], needed)


def find_month(
    grid: Grid, aliases: Aliases, month: Month | None, row: int | None
) -> Header | Finding:
    """The row of the days, and beside it, or up to two rows from it, the titles of the people.

    Args:
        row: of the days, from 1, where the settings say it.
    """
    rows = range(min(LOOKED_AT, grid.height)) if row is None else (row - 1,)
    best: Header | None = None
    for number in rows:
        days = _days(grid, number, month)
        if len(days) < FEWEST_DAYS or (best is not None and len(days) <= len(best.days)):
            continue
        columns, last = _people(grid, aliases, number, {column for column, _ in days})
        if "person" in columns:
            body = _body(grid, max(number, last), days)
            best = Header(number, body, columns, tuple(_without_gaps(days)))
        if len(days) >= ALL_DAYS and best is not None:
            break
    return best or _nearest_month(grid, aliases, month, rows)


def _nearest_month(
    grid: Grid, aliases: Aliases, month: Month | None, rows: Iterable[int]
) -> Finding:
    nearest: tuple[int, int, dict[str, int]] = (0, -1, {})
    for number in rows:
        days = _days(grid, number, month)
        columns, _ = _people(grid, aliases, number, {column for column, _ in days}, away=1)
        if len(days) >= FEWEST_DAYS:
            columns["days"] = 0
        if len(columns) > nearest[0]:
            nearest = (len(columns), number, columns)
    return _no_header(nearest[1], nearest[2], ("person", "days"))


def _no_header(row: int, columns: Collection[str], needed: Collection[str]) -> Finding:
    missing = tuple(key for key in needed if key not in columns)
    found = tuple(key for key in columns if key not in missing)
    return Finding("no_header", row=row + 1 if row >= 0 else None, found=found, missing=missing)


def _columns(grid: Grid, aliases: Aliases, first: int, height: int) -> dict[str, int]:
    titles: list[tuple[int, str]] = []
    for column in range(grid.width):
        seen = [plain(grid.shown(row, column)) for row in range(first, first + height)]
        # "上班" under a merged "時間" is read as either of them, and as both in one.
        together = ["".join(dict.fromkeys(seen))] if height > 1 else []
        titles += [(column, each) for each in (*reversed(seen), *together) if each]
    return _assigned(titles, aliases)


def _assigned(titles: list[tuple[int, str]], aliases: Aliases) -> dict[str, int]:
    """Each key its column: a title that is one of its aliases, or else one that has it in it."""
    found: dict[str, int] = {}
    columns: dict[str, list[int]] = {}
    for column, title in titles:
        columns.setdefault(title, []).append(column)
    spelt = {key: [plain(alias) for alias in each] for key, each in aliases.items()}
    for is_whole in (True, False):
        for key in (each for each in spelt if each not in found):
            for alias in spelt[key]:
                alike = (alias,) if is_whole else (each for each in columns if _has(each, alias))
                there = (column for title in alike for column in columns.get(title, ()))
                free = next((each for each in there if each not in found.values()), None)
                if free is not None:
                    found[key] = free
                    break
    return found


def _has(title: str, alias: str) -> bool:
    return len(alias) > 1 and alias in title and len(title) <= len(alias) + 6


def _days(grid: Grid, row: int, month: Month | None) -> tuple[tuple[int, int | date], ...]:
    """The columns of days: the longest run of them that goes up from its first."""
    found = [
        (column, day)
        for column in range(grid.width)
        if (text := grid.at(row, column))
        and (text[0].isdecimal() or text[0] == "民" or (row, column) in grid.serials)
        and (day := column_day(text, grid.serial(row, column, "DATE", "DATE_TIME"), month))
    ]
    numbers = [_number(day) for _, day in found]
    if not numbers:
        return ()
    run: list[tuple[int, int | date]] = []
    last = 0
    for place in range(numbers.index(min(numbers)), len(found)):
        # The one that follows, should it be still to come: a sum's "17" stands between perhaps.
        follows = last + 1 in numbers[place:]
        if numbers[place] == last + 1 or (numbers[place] > last and not follows):
            run.append(found[place])
            last = numbers[place]
    return tuple(run)


def _without_gaps(days: tuple[tuple[int, int | date], ...]) -> Iterator[tuple[int, int | date]]:
    """With the columns between, where as many days are missing as there are: 9, 國慶, 11."""
    before: tuple[int, int | date] | None = None
    for column, day in days:
        if before is not None:
            gap, first = column - before[0], before[1]
            if gap in _GAPS and gap == _number(day) - _number(first):
                for more in range(1, gap):
                    on = first + timedelta(more) if isinstance(first, date) else first + more
                    yield before[0] + more, on
        yield column, day
        before = column, day


def _number(day: int | date) -> int:
    return day if isinstance(day, int) else day.day


def _people(
    grid: Grid, aliases: Aliases, row: int, taken: Collection[int], away: int = 3
) -> tuple[dict[str, int], int]:
    """The columns of the people, and the last row of their titles."""
    nearest: dict[str, int] = {}
    for near in (row, row - 1, row + 1, row - 2, row + 2)[: away * 2 - 1]:
        if not 0 <= near < grid.height:
            continue
        titles = [
            (column, title)
            for column in range(grid.width)
            if column not in taken and (title := plain(grid.shown(near, column)))
        ]
        found = _assigned(titles, aliases)
        if "person" in found:
            return found, near
        nearest = nearest or found
    return nearest, row


def _body(grid: Grid, last: int, days: tuple[tuple[int, int | date], ...]) -> int:
    """The first row that is none of weekdays."""
    row = last + 1
    while row < min(grid.height, last + 4):
        texts = [text for column, _ in days if (text := grid.shown(row, column))]
        if not _are_weekdays(texts):
            break
        row += 1
    return row


def _are_weekdays(texts: list[str]) -> bool:
    """Whether most say which day of the week it is; who works 日 day by day says none."""
    if len(texts) < FEWEST_DAYS or any(texts[at] == texts[at - 1] for at in range(1, len(texts))):
        return False
    return sum(map(weekday_in, texts)) * 2 > len(texts)
