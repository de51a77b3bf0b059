"""What the settings look for in a sheet, for whoever mends it."""

from __future__ import annotations

from sheets.months import Month, is_monthly, title_of
from sheets.shapes.file import Sheet
from sheets.shapes.models import CodeTable, Long, MonthGrid, Table
from web.site.sheets.views import Titles


def titles_of(sheet: Sheet, month: str) -> Titles:
    """Of the tab of this month."""
    shape = sheet.shape
    tab = shape.tab or ""
    if tab and month and is_monthly(tab):
        tab = title_of(tab, Month.parse(month))
    keys = {
        name: value
        for name in ("person", "person_name", "date", "code", "start", "end", "minutes", "route")
        if isinstance(value := getattr(shape, name, None), tuple)
    }
    match shape:
        case MonthGrid():
            needed = ["person"]
        case Long():
            needed = ["person", "date", "code"]
        case CodeTable():
            needed = ["code", "start"]
        case Table(key=titles):
            keys = {title: (title,) for title in titles}
            needed = [*titles]
        case _:
            needed = []
    return Titles(
        tab,
        tuple(keys[name] for name in needed),
        tuple(keys.items()),
        isinstance(shape, MonthGrid),
    )
