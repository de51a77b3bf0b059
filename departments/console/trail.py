"""The audit trail for people: filtered, a page at a time, and as a file for a spreadsheet."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final

from security.storage.events import Action, AuditEntry
from security.storage.protocol import Storage

_MOST_LOOKED_AT: Final = 20_000
"""Entries that one page goes through: rare ones among millions are found page by page."""
MOST_IN_FILE: Final = 50_000
_BOM: Final = "\ufeff"
"""Without it Excel takes UTF-8 for the machine's own code page."""
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula.
https://owasp.org/www-community/attacks/CSV_Injection
"""
_CURSOR: Final = re.compile(r"(\d{1,14})\.(\d{1,6})")
_BEGINNING: Final = datetime.fromtimestamp(0, UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which entries. Moments are aware."""

    actions: frozenset[Action] | None = None
    """None: all."""
    owner: str | None = None
    """A mask."""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where the next page begins: behind so many entries of one moment."""

    moment: datetime
    skipped: int

    def __str__(self) -> str:
        return f"{(self.moment - _BEGINNING) // _MILLISECOND}.{self.skipped}"

    @classmethod
    def parse(cls, text: str) -> Cursor | None:
        """The inverse of `str`; None: it is none."""
        found = _CURSOR.fullmatch(text)
        return found and cls(_BEGINNING + int(found[1]) * _MILLISECOND, int(found[2]))


@dataclass(frozen=True, slots=True)
class TrailPage:
    """Entries, newest first."""

    entries: Sequence[AuditEntry]
    older: Cursor | None
    """Where it goes on; None: there are no older ones."""
    looked_to: datetime | None = None
    """Where so many were looked through that the page has ended early: how far back it has come."""


@dataclass(slots=True)
class _Place:
    """How far a walk from the newest to the oldest has come."""

    moment: datetime | None = None
    passed: int = 0

    def step(self, entry: AuditEntry) -> None:
        self.passed = self.passed + 1 if entry.time == self.moment else 1
        self.moment = entry.time

    def cursor(self) -> Cursor | None:
        """Where one goes on from here; None: it has not begun."""
        return Cursor(self.moment, self.passed) if self.moment else None


def trail_page(storage: Storage, wanted: Wanted, start: Cursor | None, size: int) -> TrailPage:
    """At most `size` entries that fit. Blocks.

    Raises:
        OperatorFault: the trail cannot be read.
    """
    place, entries = _Place(), list[AuditEntry]()
    for looked, entry in enumerate(_from(storage, wanted, start, place)):
        if len(entries) == size:
            return TrailPage(entries, place.cursor())
        if looked == _MOST_LOOKED_AT:
            return TrailPage(entries, place.cursor(), place.moment)
        place.step(entry)
        if _fits(wanted, entry):
            entries.append(entry)
    return TrailPage(entries, None)


def _from(
    storage: Storage, wanted: Wanted, start: Cursor | None, place: _Place
) -> Iterator[AuditEntry]:
    """The entries from a place on, which `place` is set to."""
    until = wanted.until
    if start is not None and (until is None or start.moment <= until):
        until = start.moment
        place.moment, place.passed = start.moment, start.skipped
    skip = place.passed
    [only] = wanted.actions if wanted.actions and len(wanted.actions) == 1 else [None]
    for entry in storage.events(owner=wanted.owner, action=only, since=wanted.since, until=until):
        if skip and entry.time == place.moment:
            skip -= 1
            continue
        skip = 0
        yield entry


def _fits(wanted: Wanted, entry: AuditEntry) -> bool:
    return wanted.actions is None or entry.action in wanted.actions


def trail_file(storage: Storage, wanted: Wanted, name: Mapping[str, str]) -> tuple[str, bool]:
    """The newest `MOST_IN_FILE` entries that fit as CSV (RFC 4180), and whether those are all of
    them. Blocks.

    Args:
        name: what to call owners instead of their mask, by mask.

    Raises:
        OperatorFault: the trail cannot be read.
    """
    fitting = (e for e in _from(storage, wanted, None, _Place()) if _fits(wanted, e))
    entries = list(islice(fitting, MOST_IN_FILE + 1))
    rows = [
        (
            entry.time.isoformat(timespec="milliseconds"),
            entry.action,
            name.get(entry.owner or "", entry.owner or ""),
            entry.result,
        )
        for entry in entries[:MOST_IN_FILE]
    ]
    return as_csv([("time", "action", "owner", "result"), *rows]), len(entries) <= MOST_IN_FILE


def as_csv(rows: Sequence[Sequence[str]]) -> str:
    """Rows for a spreadsheet: with a byte order mark, and no cell that it takes for a formula."""
    text = io.StringIO()
    text.write(_BOM)
    writer = csv.writer(text, quoting=csv.QUOTE_MINIMAL, lineterminator="\r\n")
    writer.writerows([[_harmless(cell) for cell in row] for row in rows])
    return text.getvalue()


def _harmless(cell: str) -> str:
    return f"'{cell}" if cell.startswith(_FORMULA) else cell
