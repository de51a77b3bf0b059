"""Days as sheets write them: serial numbers, ISO, `114/12/01`, `12/1`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from sheets.months import ROC, Month

_EPOCH: Final = date(1899, 12, 30)
_SERIALS: Final = range(20_000, 80_000)
"""From 1954 to 2119: other numbers are no days."""
_YEARS: Final = range(1950, 2150)
_WEEKDAY: Final = (
    r"\s*(\(?\s*(星期|週|周|禮拜)?\s*[一二三四五六日天](・國)?\s*\)?"
    r"|\(?(mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?\)?)?"
)
_FULL: Final = re.compile(
    r"(民國\s*)?(?P<year>\d{2,4})\s*(?P<sign>[-/.年])\s*(?P<month>\d{1,2})\s*[-/.月]\s*"
    r"(?P<day>\d{1,2})(\s*日|[T ]\d{1,2}:\d{2}(:\d{2})?)?" + _WEEKDAY,
    re.IGNORECASE,
)
_RUN: Final = re.compile(r"(?P<year>\d{3,4})(?P<month>\d{2})(?P<day>\d{2})")
_SHORT: Final = re.compile(
    r"(?P<month>\d{1,2})\s*[-/.月]\s*(?P<day>\d{1,2})\s*日?" + _WEEKDAY, re.IGNORECASE
)
_OF_MONTH: Final = re.compile(r"(?P<day>\d{1,2})\s*日?" + _WEEKDAY, re.IGNORECASE)
_MONTH: Final = re.compile(
    r"(?<!\d)(?P<year>\d{4}|\d{3})\s*[-/.年]\s*(?P<month>\d{1,2})(?!\d)(\s*月)?(?![-/.]\d)"
)


@dataclass(frozen=True, slots=True)
class Day:
    """What a cell says of a day."""

    day: date | None
    """None: it says none that there is."""
    impossible: bool = False
    """It is written as a day, and the month does not have it."""
    without_year: bool = False
    """The year was taken from elsewhere."""


NONE: Final = Day(None)


def day_of(text: str, serial: float | None, near: date) -> Day:
    """The day that a cell says.

    Args:
        text: of a normalised cell.
        serial: its number, where it is formatted as a date.
        near: a day about which a day without a year is.
    """
    if serial is not None:
        return Day(_EPOCH + timedelta(days=int(serial))) if int(serial) in _SERIALS else NONE
    for form in (_FULL, _RUN):
        if match := form.fullmatch(text):
            return _made(_year(match["year"]), int(match["month"]), int(match["day"]))
    if match := _SHORT.fullmatch(text):
        month, day = int(match["month"]), int(match["day"])
        years = (near.year, near.year - 1, near.year + 1)
        # The 29th of February is not in every one of them.
        found = [each for y in years if (each := _made(y, month, day, without_year=True)).day]
        if not found:
            return Day(None, impossible=True)
        best = min(found, key=lambda each: abs(((each.day or near) - near).days))
        # A 29th of February that is almost a year away: the year that is meant has none.
        is_far = best.day is None or abs((best.day - near).days) > 300
        return Day(None, impossible=True) if is_far else best
    if text.isdecimal() and text.isascii() and len(text) == 5 and int(text) in _SERIALS:
        return Day(_EPOCH + timedelta(days=int(text)))
    return NONE


def column_day(text: str, serial: float | None, month: Month | None) -> int | date | None:
    """What the title of a day's column says: the number of the day, or a whole date; None: it is no
    day's. The number may be one that the month does not have."""
    if serial is not None:
        return day_of(text, serial, date.min).day
    if match := _OF_MONTH.fullmatch(text):
        return int(match["day"]) if 1 <= int(match["day"]) <= 31 else None
    if match := _SHORT.fullmatch(text):
        number = int(match["day"])
        is_this = month is None or int(match["month"]) == month.month
        if not 1 <= int(match["month"]) <= 12 or not 1 <= number <= 31:
            return None
        year = month.year if month else date.min.year
        other = _made(year, int(match["month"]), number).day
        return number if is_this else other
    if len(text) <= 5:
        return None
    if (found := day_of(text, None, month.first if month else date.min)).impossible:
        match = _FULL.fullmatch(text) or _RUN.fullmatch(text)
        if match is None or month is None or int(match["month"]) != month.month:
            return None
        return int(match["day"]) if int(match["day"]) <= 31 else None
    return found.day


def month_in(text: str) -> Month | None:
    """The month that a heading names with its year: `114年12月`, `2025/12`."""
    match = _MONTH.search(text)
    if match is None or not 1 <= int(match["month"]) <= 12:
        return None
    year = _year(match["year"])
    return Month(year, int(match["month"])) if year in _YEARS else None


def _year(text: str) -> int:
    year = int(text)
    # The Republic of China's years have three figures since 2011.
    return year + 2000 if len(text) == 2 else year + ROC if len(text) == 3 else year


def _made(year: int, month: int, day: int, *, without_year: bool = False) -> Day:
    if year not in _YEARS:
        return NONE
    try:
        return Day(date(year, month, day), without_year=without_year)
    except ValueError:
        return Day(None, impossible=True)


def weekday_in(text: str) -> bool:
    """Whether a cell says nothing but which day of the week it is."""
    return bool(text) and re.fullmatch(_WEEKDAY, text, re.IGNORECASE) is not None
