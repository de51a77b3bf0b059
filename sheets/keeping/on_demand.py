"""Looks that somebody asks for: soon enough for whoever waits, not oftener than Google likes."""

from __future__ import annotations

import asyncio
from typing import Final

from limits import parse
from limits.strategies import FixedWindowRateLimiter

from departments.limits import Limit, MemoryCounts, TooSoon
from sheets.keeping.forms import SheetState
from sheets.keeping.mirror import Mirror
from sheets.shapes.file import Sheet

PATIENCE_SECONDS: Final = 3.0
"""What is asked for while a host wakes up is answered by what there is, if Google takes longer."""
MOST: Final = 10
"""Looks a minute at one spreadsheet; Google lets a service account read 60 times."""


class OnDemand:
    """One for a process."""

    def __init__(self, mirror: Mirror, most: int = MOST) -> None:
        """
        Args:
            most: looks a minute at one spreadsheet.
        """
        self.patience_seconds = PATIENCE_SECONDS
        self._mirror = mirror
        self._limit = Limit(FixedWindowRateLimiter(MemoryCounts()), parse(f"{most} per minute"))

    async def catch_up(self, department: str) -> None:
        """See `Mirror.catch_up`; what takes longer than somebody waits for goes on by itself.

        Args:
            department: its slug.
        """
        try:
            async with asyncio.timeout(self.patience_seconds):
                await self._mirror.catch_up(department)
        except TimeoutError:
            pass

    async def sync(self, sheet: Sheet) -> SheetState | None:
        """Look now; how it stands then. Whoever asks at the same time has the same look.

        Raises:
            TooSoon: it was asked for too often.
            CustodyError: as `Mirror.sync`.
        """
        if (seconds := self._limit.count(f"{sheet.department} {sheet.spreadsheet}")) is not None:
            raise TooSoon(seconds)
        return (await self._mirror.sync([sheet.id])).get(sheet.id)
