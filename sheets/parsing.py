"""From a tab to what it means: whichever kind it is of, whatever is in it."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from datetime import date

from sheets.answer import Tab
from sheets.cells.grid import Grid, GridTooLarge
from sheets.faults import Finding
from sheets.kinds.code_table import parse_codes
from sheets.kinds.contents import Account, Parsed
from sheets.kinds.duty_reader import DutyReader
from sheets.kinds.long import parse_long
from sheets.kinds.month_grid import parse_month
from sheets.kinds.table import parse_table
from sheets.months import Month
from sheets.shapes.file import Sheet
from sheets.shapes.models import CodeTable, Long, MonthGrid, Table


@dataclass(frozen=True, slots=True)
class Looked:
    """One tab of one sheet, as it was found."""

    tab: str
    """Its title."""
    digest: str
    """Of its cells and of how they are to be read."""
    parsed: Parsed | None
    """None: it is as it was."""


def look(sheet: Sheet, tab: Tab, period: str, near: date, last: str = "") -> Looked:
    """What a tab says. This never fails, whatever is in it.

    Args:
        period: `2026-12`; empty where the sheet has no tab for each month.
        near: a day about which a day without a year is.
        last: the digest of last time.
    """
    try:
        grid = Grid.of(tab)
    except GridTooLarge:
        return Looked(tab.title, "", Parsed(None, (Finding("grid_too_large"),), period=period))
    key = f"{sheet.fingerprint} {period} {grid.title} {grid.digest}"
    digest = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
    if digest == last:
        return Looked(tab.title, digest, None)
    return Looked(tab.title, digest, parse(sheet, grid, period, near))


def missing(period: str) -> Looked:
    """A tab that is needed, and not there."""
    return Looked("", "", Parsed(None, (Finding("tab_missing"),), period=period))


def parse(sheet: Sheet, grid: Grid, period: str, near: date) -> Parsed:
    """What the cells mean. This never fails, whatever is in them."""
    month = Month.parse(period) if period else None
    found = _parsed(sheet, grid, month, near)
    return found if found.period else dataclasses.replace(found, period=period)


def _parsed(sheet: Sheet, grid: Grid, month: Month | None, near: date) -> Parsed:
    match sheet.shape:
        case MonthGrid() as shape:
            return parse_month(grid, shape, month, DutyReader(shape.cell))
        case Long() as shape:
            about = month.first.replace(day=15) if month else near
            return parse_long(grid, shape, month, about, DutyReader(shape.cell))
        case CodeTable() as shape:
            return parse_codes(grid, shape)
        case Table() as shape:
            return parse_table(grid, shape)
    return Parsed(None, (Finding("no_header"),), Account(grid.filled, aside=grid.filled))
