"""What a cell makes of what is typed into it, and how it shows what it has.

https://developers.google.com/workspace/sheets/api/guides/formats
"""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta

from sandbox.google.sheets.model import ERRORS, Cell, Value

_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001 - a spreadsheet's times have no zone
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?")
_DATE = re.compile(r"([0-9]{4})[-/]([0-9]{1,2})[-/]([0-9]{1,2})")
_DAY = re.compile(r"([0-9]{1,2})/([0-9]{1,2})")
_TIME = re.compile(r"([0-9]{1,3}):([0-5][0-9])(?::([0-5][0-9]))?")
_TOKEN = re.compile(r'"([^"]*)"|\\(.)|(\[h+\]|yyyy|yy|m{1,2}|d{1,2}|h{1,2}|s{1,2})|(.)', re.DOTALL)
_TIMES = frozenset({"DATE", "TIME", "DATE_TIME"})


def entered(text: str, before: Cell, today: date) -> Cell:
    """The cell after somebody has typed `text` into it: its format stays, if it has one."""
    kind, pattern = before.kind, before.pattern
    if not text:
        return Cell(kind=kind, pattern=pattern)
    if text.startswith("'"):
        return Cell(text[1:], kind=kind, pattern=pattern)
    if kind == "TEXT":
        return Cell(text, kind=kind, pattern=pattern)
    for error, (shown, _) in ERRORS.items():
        if text == shown:
            return Cell(error=error, formula=f"={shown}", kind=kind, pattern=pattern)
    if text.startswith("="):
        found = next((error for error, (shown, _) in ERRORS.items() if shown in text), "NAME")
        return Cell(error=found, formula=text, kind=kind, pattern=pattern)
    if text.upper() in ("TRUE", "FALSE"):
        return Cell(text.upper() == "TRUE", kind=kind, pattern=pattern)
    if _NUMBER.fullmatch(text):
        return Cell(float(text) if "." in text else int(text), kind=kind, pattern=pattern)
    value, own_kind, own_pattern = _moment(text, today)
    if value is None:
        return Cell(text, kind=kind, pattern=pattern)
    return Cell(value, kind=kind or own_kind, pattern=pattern or own_pattern)


def _moment(text: str, today: date) -> tuple[Value, str, str]:
    if match := _TIME.fullmatch(text):
        hours, minutes, seconds = int(match[1]), int(match[2]), int(match[3] or 0)
        pattern = "[h]:mm" if hours >= 24 else "h:mm"
        return (hours * 3600 + minutes * 60 + seconds) / 86400, "TIME", pattern
    try:
        if match := _DATE.fullmatch(text):
            return serial(date(*map(int, match.groups()))), "DATE", "yyyy/m/d"
        if match := _DAY.fullmatch(text):
            return serial(date(today.year, int(match[1]), int(match[2]))), "DATE", "m/d"
    except ValueError:
        pass  # 2/30 is a text
    return None, "", ""


def serial(day: date) -> int:
    """A day's number."""
    return (day - _EPOCH.date()).days


def shown(cell: Cell) -> str:
    """What people see."""
    if cell.error:
        return ERRORS[cell.error][0]
    value = cell.value
    if isinstance(value, bool):
        return str(value).upper()
    if value is None or isinstance(value, str):
        return value or ""
    if cell.kind in _TIMES:
        return _time_shown(value, cell.pattern or "yyyy/m/d")
    return _number_shown(value, cell.pattern)


def _number_shown(value: float, pattern: str) -> str:
    whole, _, part = pattern.partition(".")
    if whole.strip("#,0") or not pattern:
        return f"{value:.10g}" if isinstance(value, float) else str(value)
    text = f"{abs(value):.{part.count('0')}f}"
    digits, dot, rest = text.partition(".")
    digits = digits.zfill(whole.count("0"))
    if "," in whole:
        digits = f"{int(digits):,}"
    return ("-" if value < 0 else "") + digits + dot + rest


def _time_shown(value: float, pattern: str) -> str:
    moment = _EPOCH + timedelta(seconds=round(value * 86400))
    tokens = [match.groups() for match in _TOKEN.finditer(pattern)]
    names = [name for _, _, name, _ in tokens if name]
    shown, seen = "", -1
    for quoted, escaped, name, other in tokens:
        if not name:
            shown += quoted or escaped or other or ""
            continue
        seen += 1
        around = (names[seen - 1] if seen else "", names[seen + 1] if seen + 1 < len(names) else "")
        is_minute = "h" in around[0] or "s" in around[1]
        match name[0]:
            case "[":
                shown += str(round(value * 86400) // 3600).zfill(len(name) - 2)
            case "y":
                shown += f"{moment.year:04}"[-len(name) :]
            case "m":
                shown += str(moment.minute if is_minute else moment.month).zfill(len(name))
            case "d":
                shown += str(moment.day).zfill(len(name))
            case "h":
                shown += str(moment.hour).zfill(len(name))
            case _:
                shown += str(moment.second).zfill(len(name))
    return shown
