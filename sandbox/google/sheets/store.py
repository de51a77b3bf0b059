"""All spreadsheets, and how many reads a minute their readers have."""

from __future__ import annotations

import secrets
from collections import deque
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta, timezone
from typing import Any

from sandbox.google.sheets.model import Spreadsheet
from sandbox.google.sheets.refusals import quota_exceeded

_MINUTE = 60.0
_TAIPEI = timezone(timedelta(hours=8))  # without daylight saving
READS_OF_USER, READS_OF_PROJECT = 60, 300


class SheetStore:
    """Everything of the Sheets API's."""

    def __init__(self, now: Callable[[], float]):
        self._now = now
        self.all: dict[str, Spreadsheet] = {}
        self.note: Callable[[], str] = str
        """What its pages say to planners of whoever reads along."""
        self.reads_of_user, self.reads_of_project = READS_OF_USER, READS_OF_PROJECT
        self._reads: deque[tuple[float, str]] = deque()

    def add(self, spreadsheet: Spreadsheet) -> None:
        """Keep it; one of the same id goes."""
        self.all[spreadsheet.id] = spreadsheet

    def today(self) -> date:
        """The day it is for those who plan shifts."""
        return datetime.fromtimestamp(self._now(), _TAIPEI).date()

    def count_read(self, account: str) -> None:
        """Count one; refuse it where the account or the project has had enough of this minute."""
        now, reads = self._now(), self._reads
        while reads and (reads[0][0] <= now - _MINUTE or reads[0][0] > now):
            reads.popleft()
        if sum(reader == account for _, reader in reads) >= self.reads_of_user:
            raise quota_exceeded(self.reads_of_user)
        if len(reads) >= self.reads_of_project:
            raise quota_exceeded(self.reads_of_project, of_project=True)
        reads.append((now, account))

    def as_list(self) -> list[dict[str, Any]]:
        """All of it, as JSON can hold it."""
        return [spreadsheet.as_dict() for spreadsheet in self.all.values()]

    def load(self, kept: Iterable[dict[str, Any]]) -> None:
        """Take what `as_list` gave."""
        for item in kept:
            self.add(Spreadsheet.from_dict(item))

    def summary(self) -> dict[str, Any]:
        """By id what the control panel and tests look at."""
        return {
            found.id: {
                "title": found.title,
                "shared": found.shared,
                "reads": found.reads,
                "tabs": [{"gid": tab.gid, "title": tab.title} for tab in found.tabs],
            }
            for found in self.all.values()
        }


def new_spreadsheet_id() -> str:
    """As long as Google's."""
    return "1" + secrets.token_urlsafe(33)[:43]
