"""Which tabs of which spreadsheets are looked at, on a given day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from sheets.answer import Reading, Tab
from sheets.cells.text import plain
from sheets.months import Month, is_monthly, title_of
from sheets.shapes.file import Sheet


@dataclass(frozen=True, slots=True)
class TabWanted:
    """One tab of one sheet: by its title, or by its gid."""

    title: str | None
    gid: int | None
    period: str = ""
    """`2026-12`; empty for a sheet that has no tab for each month."""
    needed: bool = True
    """Whether it is a fault that it is not there: not of another month than this one."""


def wanted(sheet: Sheet, today: date) -> tuple[TabWanted, ...]:
    """The tabs of a sheet.

    Args:
        today: where the sheet's times are.
    """
    shape = sheet.shape
    if shape.tab is None or not is_monthly(shape.tab):
        return (TabWanted(shape.tab, shape.gid),)
    return tuple(
        TabWanted(title_of(shape.tab, month), None, str(month), needed=offset == 0)
        for offset in dict.fromkeys(shape.months)
        for month in [Month.of(today).plus(offset)]
    )


def found_in(tabs: Sequence[Tab], one: TabWanted) -> Tab | None:
    """The tab that is wanted; None: it is not there. Titles are compared as they stand, and then
    without what the eye does not see: full-width digits, spaces."""
    if one.gid is not None:
        return next((tab for tab in tabs if tab.gid == one.gid), None)
    title = one.title or ""
    exact = next((tab for tab in tabs if tab.title == title), None)
    alike = [tab for tab in tabs if plain(tab.title) == plain(title)]
    return exact or (alike[0] if len(alike) == 1 else None)


def tab_of(reading: Reading, one: TabWanted) -> Tab | None:
    """The tab that is wanted, out of what was read; None: it is not there."""
    return found_in(reading.tabs, one)


def quoted(title: str) -> str:
    """The whole of a tab in A1 notation. Quoted always: `A1` is the title of a tab as well."""
    return "'" + title.replace("'", "''") + "'"
