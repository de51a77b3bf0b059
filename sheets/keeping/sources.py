"""Spreadsheets as they are read: once for all sheets that are in one."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sheets.shapes.file import Sheet
from sheets.timing import zone_of
from sheets.wanted import TabWanted, wanted


@dataclass(frozen=True, slots=True)
class Source:
    """One spreadsheet of one department's."""

    department: str
    spreadsheet: str
    sheets: tuple[Sheet, ...]

    @property
    def lease(self) -> str:
        """What whoever reads it holds."""
        digest = hashlib.sha256(self.spreadsheet.encode()).hexdigest()[:16]
        return f"sheets.{self.department}.{digest}"


def sources_of(sheets: Iterable[Sheet]) -> list[Source]:
    """Every spreadsheet, with what is in it."""
    found: dict[tuple[str, str], list[Sheet]] = {}
    for sheet in sheets:
        found.setdefault((sheet.department, sheet.spreadsheet), []).append(sheet)
    return [Source(*key, tuple(these)) for key, these in found.items()]


def today_of(sheet: Sheet, now: float, spreadsheets: str = "") -> date:
    """The day that it is where a sheet's times are.

    Args:
        now: Unix seconds.
        spreadsheets: the zone that the spreadsheet names, as far as that is known.
    """
    return datetime.fromtimestamp(now, zone_of(sheet.shape, spreadsheets) or UTC).date()


def days_of(source: Source, now: float, spreadsheets: str = "") -> dict[str, date]:
    """`today_of` of each of its sheets."""
    return {sheet.id: today_of(sheet, now, spreadsheets) for sheet in source.sheets}


def tabs_of(source: Source, days: dict[str, date]) -> tuple[TabWanted, ...]:
    """Every tab that is wanted of it, each once.

    Args:
        days: by sheet the day that it is there.
    """
    every = (one for sheet in source.sheets for one in wanted(sheet, days[sheet.id]))
    return tuple(dict.fromkeys(every))


def day_at(now: float, zone: str) -> date:
    """The day that it is in a zone of IANA's; by UTC, where that is none.

    Args:
        now: Unix seconds.
    """
    try:
        return datetime.fromtimestamp(now, ZoneInfo(zone)).date()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return datetime.fromtimestamp(now, UTC).date()
