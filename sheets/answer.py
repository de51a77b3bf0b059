"""The answer of `spreadsheets.get`, taken apart as far as its tabs.

https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_core import from_json

from security.errors import OperatorFault, TransientFault

FIELDS: Final = (
    "spreadsheetId,properties(title,timeZone),sheets(properties(sheetId,title,index,hidden),merges,"
    "data(startRow,startColumn,rowData(values(effectiveValue,formattedValue,"
    "effectiveFormat(numberFormat(type))))))"
)
"""What is asked for, and nothing else: no formulas, no notes, nobody's address."""
TITLES: Final = "spreadsheetId,properties(title,timeZone),sheets(properties(sheetId,title,hidden))"
"""What is asked for where it has to be seen which tabs there are."""
MAX_BODY: Final = 16 * 1024 * 1024
"""Bytes of an answer; sixty people and a month are about 200 kB."""


@dataclass(frozen=True, slots=True)
class Tab:
    """One tab as it came. What is in its cells is not looked at yet."""

    gid: int
    title: str
    hidden: bool = False
    data: list[Any] = field(default_factory=list, repr=False)
    merges: list[Any] = field(default_factory=list, repr=False)


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at one spreadsheet."""

    spreadsheet: str = field(repr=False)
    """Its id."""
    title: str
    zone: str
    """Of IANA's; empty: it names none."""
    tabs: tuple[Tab, ...]


def raw_digest(body: bytes) -> str:
    """Of an answer as it came. Where it is the one of last time nothing has changed, and the answer
    need not be read at all."""
    return hashlib.sha256(body).hexdigest()


def open_answer(body: bytes) -> Reading:
    """What has been read.

    Raises:
        OperatorFault: there is more of it than one look may take.
        TransientFault: it is no answer of Sheets'.
    """
    if len(body) > MAX_BODY:
        raise OperatorFault(
            f"the spreadsheet's answer is larger than {MAX_BODY // 1024 // 1024} MiB"
        )
    found = _json(body)
    if not isinstance(found, dict):
        raise TransientFault("the answer for a spreadsheet is no JSON object")
    properties = _table(found.get("properties"))
    return Reading(
        spreadsheet=_text(found.get("spreadsheetId")),
        title=_text(properties.get("title")),
        zone=_text(properties.get("timeZone")),
        tabs=tuple(_tabs(found.get("sheets"))),
    )


def _json(body: bytes) -> object:
    """What it says; None: it is no JSON. By pydantic's reader, which takes half of the time; what
    that does not take (halves of characters, deep lists) by Python's own."""
    try:
        return from_json(body)
    except ValueError:
        try:
            return json.loads(body)
        except (ValueError, RecursionError):
            return None


def _tabs(sheets: object) -> Iterator[Tab]:
    for sheet in map(_table, _list(sheets)):
        properties = _table(sheet.get("properties"))
        gid = properties.get("sheetId", 0)
        yield Tab(
            gid=gid if isinstance(gid, int) else 0,
            title=_text(properties.get("title")),
            hidden=properties.get("hidden") is True,
            data=_list(sheet.get("data")),
            merges=_list(sheet.get("merges")),
        )


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
