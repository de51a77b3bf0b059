"""Ranges in A1 notation: "'11412班表'!A1:AH30", "代碼", "B2:B".

https://developers.google.com/workspace/sheets/api/guides/concepts#cell
"""

from __future__ import annotations

import re

from sandbox.google.sheets.model import Area, Spreadsheet, Tab

_TITLED = re.compile(r"(?:'((?:[^']|'')+)'|([^'!]+))(?:!(.*))?", re.DOTALL)
_CORNER = r"([A-Za-z]{1,3})?([1-9][0-9]{0,6})?"
_CELLS = re.compile(rf"{_CORNER}(?:(:){_CORNER})?")


def find(text: str, spreadsheet: Spreadsheet) -> tuple[Tab, Area]:
    """The tab and its part that a range names.

    Raises:
        ValueError: there is no such tab, or it is no range.
    """
    if spreadsheet.tabs and (area := _area(text, spreadsheet.tabs[0])) is not None:
        return spreadsheet.tabs[0], area
    match = _TITLED.fullmatch(text)
    if match is None:
        raise ValueError(text)
    title = match[2] if match[1] is None else match[1].replace("''", "'")
    tab = next((tab for tab in spreadsheet.tabs if tab.title == title), None)
    if tab is None:
        raise ValueError(text)
    area = Area(0, 0, tab.rows, tab.columns) if match[3] is None else _area(match[3], tab)
    if area is None:
        raise ValueError(text)
    return tab, area


def name(tab: Tab, area: Area) -> str:
    """A range as Google writes it; a title that is not of letters and digits alone is quoted."""
    title = tab.title
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", title):
        title = "'" + title.replace("'", "''") + "'"
    first, last = place_name(area.top, area.left), place_name(area.bottom - 1, area.right - 1)
    return f"{title}!{first}" + (f":{last}" if last != first else "")


def place_name(row: int, column: int) -> str:
    """A cell's name."""
    return f"{letters(column)}{row + 1}"


def letters(column: int) -> str:
    """A column's name: A, …, Z, AA, …"""
    found, column = "", column + 1
    while column:
        column, rest = divmod(column - 1, 26)
        found = chr(65 + rest) + found
    return found


def place_of(text: str) -> tuple[int, int] | None:
    """Row and column of one cell's name; None: it is none."""
    match = _CELLS.fullmatch(text.strip())
    if match is None or not match[1] or not match[2] or match[3]:
        return None
    return int(match[2]) - 1, _column(match[1])


def _column(text: str) -> int:
    found = 0
    for letter in text.upper():
        found = found * 26 + ord(letter) - 64
    return found - 1


def _area(text: str, tab: Tab) -> Area | None:
    match = _CELLS.fullmatch(text)
    if match is None or not text:
        return None
    column, row, colon, last_column, last_row = match.groups()
    if colon is None:
        if column is None or row is None:  # "A" is a tab's title, and so is "114"
            return None
        last_column, last_row = column, row
    elif last_column is None and last_row is None:
        return None
    top = int(row or 1) - 1
    left = _column(column) if column else 0
    bottom = int(last_row) if last_row else tab.rows
    right = _column(last_column) + 1 if last_column else tab.columns
    top, bottom = min(top, bottom - 1), max(top + 1, bottom)
    left, right = min(left, right - 1), max(left + 1, right)
    if top >= tab.rows or left >= tab.columns:
        return None
    return Area(top, left, min(bottom, tab.rows), min(right, tab.columns))
