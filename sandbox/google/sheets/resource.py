"""Spreadsheets as the Sheets API has them.

https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sandbox.google.sheets import a1
from sandbox.google.sheets.formats import shown
from sandbox.google.sheets.model import ERRORS, Area, Cell, Spreadsheet, Tab, Value

Parts = Sequence[tuple[Tab, Area]]


def spreadsheet_resource(
    spreadsheet: Spreadsheet, parts: Parts | None, origin: str, *, with_data: bool
) -> dict[str, Any]:
    """All of it, or what `parts` touch.

    Args:
        parts: None: every tab, whole.
    """
    tabs: list[Tab] = []
    for tab in spreadsheet.tabs:
        if parts is None or any(tab is one for one, _ in parts):
            tabs.append(tab)
    return {
        "spreadsheetId": spreadsheet.id,
        "properties": {
            "title": spreadsheet.title,
            "locale": spreadsheet.locale,
            "autoRecalc": "ON_CHANGE",
            "timeZone": spreadsheet.zone,
        },
        "sheets": [
            _sheet(spreadsheet, tab, parts if with_data else (), whole=parts is None)
            if with_data
            else _without_data(spreadsheet, tab)
            for tab in tabs
        ],
        "spreadsheetUrl": f"{origin}/spreadsheets/d/{spreadsheet.id}/edit",
    }


def _without_data(spreadsheet: Spreadsheet, tab: Tab) -> dict[str, Any]:
    properties: dict[str, Any] = {
        "sheetId": tab.gid,
        "title": tab.title,
        "index": spreadsheet.tabs.index(tab),
        "sheetType": "GRID",
        "gridProperties": {"rowCount": tab.rows, "columnCount": tab.columns},
    }
    if tab.hidden:
        properties["hidden"] = True
    found: dict[str, Any] = {"properties": properties}
    if tab.merges:
        found["merges"] = [
            {
                "sheetId": tab.gid,
                "startRowIndex": one.top,
                "endRowIndex": one.bottom,
                "startColumnIndex": one.left,
                "endColumnIndex": one.right,
            }
            for one in tab.merges
        ]
    return found


def _sheet(
    spreadsheet: Spreadsheet, tab: Tab, parts: Parts | None, *, whole: bool
) -> dict[str, Any]:
    areas = [Area(0, 0, tab.rows, tab.columns)] if whole else []
    areas += [area for one, area in parts or () if one is tab]
    return {**_without_data(spreadsheet, tab), "data": [_grid(tab, area) for area in areas]}


def _grid(tab: Tab, area: Area) -> dict[str, Any]:
    """Where it begins is left out where that is 0, as are cells and rows at the end that have
    neither content nor format."""
    found: dict[str, Any] = {}
    if area.top:
        found["startRow"] = area.top
    if area.left:
        found["startColumn"] = area.left
    rows = [
        {"values": [cell_resource(cell) for cell in cells]} if cells else {}
        for cells in cells_of(tab, area)
    ]
    if rows:
        found["rowData"] = rows
    return found


def cells_of(tab: Tab, area: Area) -> list[list[Cell | None]]:
    """The rows of an area, without what is empty at the end of each and at the end of all."""
    rows: list[list[Cell | None]] = []
    inside = [
        (row, column)
        for row, column in tab.cells
        if area.top <= row < area.bottom and area.left <= column < area.right
    ]
    ends: dict[int, int] = {}
    for row, column in inside:
        ends[row] = max(ends.get(row, 0), column + 1)
    for row in range(area.top, max(ends, default=area.top - 1) + 1):
        rows.append(
            [tab.cells.get((row, column)) for column in range(area.left, ends.get(row, area.left))]
        )
    return rows


def cell_resource(cell: Cell | None) -> dict[str, Any]:
    """CellData; {}: nothing is there."""
    if cell is None:
        return {}
    found: dict[str, Any] = {}
    if not cell.is_empty:
        value = _value(cell.value)
        found["userEnteredValue"] = {"formulaValue": cell.formula} if cell.formula else value
        if cell.error:
            text = {"message": message} if (message := ERRORS[cell.error][1]) else {}
            value = {"errorValue": {"type": cell.error, **text}}
        found["effectiveValue"] = value
        found["formattedValue"] = shown(cell)
    if cell.kind:
        number_format = {"type": cell.kind} | ({"pattern": cell.pattern} if cell.pattern else {})
        if not cell.formula:  # a formula's format is that of what it comes to
            found["userEnteredFormat"] = {"numberFormat": number_format}
        found["effectiveFormat"] = {"numberFormat": number_format}
    return found


def _value(value: Value) -> dict[str, Any]:
    if isinstance(value, bool):
        return {"boolValue": value}
    return {"stringValue" if isinstance(value, str) else "numberValue": value}


def value_range(
    tab: Tab, area: Area, *, render: str, times: str, by_columns: bool
) -> dict[str, Any]:
    """ValueRange: rows (or columns) of plain values; what is empty at an end is left out."""
    rows = [[_plain(cell, render, times) for cell in cells] for cells in cells_of(tab, area)]
    if by_columns:
        width = max(map(len, rows), default=0)
        rows = [[row[at] if at < len(row) else "" for row in rows] for at in range(width)]
    for row in rows:
        while row and row[-1] == "":
            row.pop()
    while rows and not rows[-1]:
        rows.pop()
    found: dict[str, Any] = {
        "range": a1.name(tab, area),
        "majorDimension": "COLUMNS" if by_columns else "ROWS",
    }
    return found | ({"values": rows} if rows else {})


def _plain(cell: Cell | None, render: str, times: str) -> Value:
    if cell is None or cell.is_empty:
        return ""
    if render == "FORMULA" and cell.formula:
        return cell.formula
    is_time = cell.kind in ("DATE", "TIME", "DATE_TIME") and times == "FORMATTED_STRING"
    if render == "FORMATTED_VALUE" or cell.error or is_time:
        return shown(cell)
    return cell.value
