"""Answers of `spreadsheets.get`, put together cell by cell as Google does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date
from typing import Any

from sheets.answer import Tab, open_answer
from sheets.shapes.file import Sheet, parse_shapes

ID = "1AbCdEfGhIjKlMnOpQrStUvWxYz0123456789abcdefgh"
NEAR = date(2025, 12, 5)
ROSTER = f"""
[tanhae.roster]
title = "班表"
spreadsheet = "{ID}"
tab = "{{roc}}{{mm}}班表"
months = [0, 1]
kind = "month-grid"
person = ["編號", "員編", "工號"]
person_name = ["姓名"]
zone = "Asia/Taipei"
codes = "tanhae.codes"
[tanhae.roster.cell]
shift = '(?P<rest>R(\\(國\\))?/)?(?P<code>\\d{{4}}[A-Z]?)(\\(\\+(?P<overtime>\\d)\\))?'
leave = '\\((?P<leave>.{{1,2}})\\)'
[tanhae.codes]
kind = "code-table"
tab = "代碼"
code = ["代碼", "勤務代碼"]
start = ["報到", "上班"]
end = ["收班", "下班"]
route = ["路線"]
"""

Cell = dict[str, Any]


def text(shown: str) -> Cell:
    """What somebody typed; nothing typed is an empty object."""
    if not shown:
        return {}
    return {"effectiveValue": {"stringValue": shown}, "formattedValue": shown}


def number(value: float, shown: str | None = None, kind: str = "") -> Cell:
    """A number, shown as its format has it."""
    found: Cell = {
        "effectiveValue": {"numberValue": value},
        "formattedValue": f"{value:g}" if shown is None else shown,
    }
    return {**found, "effectiveFormat": {"numberFormat": {"type": kind}}} if kind else found


def day(value: date, shown: str | None = None) -> Cell:
    """A date, as a serial number."""
    serial = (value - date(1899, 12, 30)).days
    return number(serial, shown or f"{value.year}/{value.month}/{value.day}", "DATE")


def clock(minutes: float, shown: str) -> Cell:
    """A time, as a fraction of a day."""
    return number(minutes / 1440, shown, "TIME")


def error(kind: str = "REF", shown: str = "#REF!") -> Cell:
    """What a formula has come to."""
    return {
        "effectiveValue": {"errorValue": {"type": kind, "message": "…"}},
        "formattedValue": shown,
    }


def cell(value: object) -> Cell:
    """A cell for a text, a whole number, a date, or one that is made already."""
    match value:
        case dict():
            return value
        case date():
            return day(value)
        case int() | float():
            return number(value)
    return text(str(value))


def row(*values: object) -> dict[str, Any]:
    """A row, without the empty cells at its end."""
    cells = [cell(value) for value in values]
    while cells and not cells[-1]:
        cells.pop()
    return {"values": cells} if cells else {}


def merge(top: int, bottom: int, left: int, right: int) -> dict[str, int]:
    """Cells that are one: from a row and a column until before others."""
    names = ("startRowIndex", "endRowIndex", "startColumnIndex", "endColumnIndex")
    return {"sheetId": 0, **dict(zip(names, (top, bottom, left, right), strict=True))}


def tab(
    title: str,
    rows: Sequence[Sequence[object]],
    *,
    gid: int = 0,
    merges: Sequence[dict[str, int]] = (),
    start: tuple[int, int] = (0, 0),
) -> dict[str, Any]:
    """One tab of an answer."""
    part: dict[str, Any] = {"rowData": [row(*each) for each in rows]} if rows else {}
    part |= {name: at for name, at in zip(("startRow", "startColumn"), start, strict=True) if at}
    return {
        "properties": {"sheetId": gid, "title": title, "index": 0},
        "data": [part],
        **({"merges": [*merges]} if merges else {}),
    }


def answer(*tabs: dict[str, Any], zone: str = "Asia/Taipei") -> bytes:
    """The body of an answer."""
    properties = {"title": "淡海", "timeZone": zone}
    found = {"spreadsheetId": ID, "properties": properties, "sheets": [*tabs]}
    return json.dumps(found, ensure_ascii=False).encode()


def opened(*tabs: dict[str, Any]) -> Tab:
    """The first tab of an answer, as the program has it."""
    return open_answer(answer(*tabs)).tabs[0]


def sheets(toml: str = ROSTER) -> dict[str, Sheet]:
    """The sheets of a settings file."""
    return parse_shapes(toml, {"tanhae", "anping"})


def sheet(name: str = "tanhae.roster", toml: str = ROSTER) -> Sheet:
    """One of them."""
    return sheets(toml)[name]
