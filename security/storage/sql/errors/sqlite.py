"""What SQLite's errors mean (https://www.sqlite.org/rescode.html)."""

from __future__ import annotations

import sqlite3
from typing import Final

from security.storage.sql.errors.meaning import (
    Meaning,
    meaning,
    named,
    not_taken,
    number_of,
    numbered,
)

_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_NOT_OPENED: Final = (
    "its file cannot be opened: see that the user the bot runs as may read and write it, and its "
    "folder"
)
_SAYS: Final = {
    sqlite3.SQLITE_FULL: "its disk is full: make room",
    sqlite3.SQLITE_READONLY: "its file is read-only: see that neither its disk nor its folder is",
    sqlite3.SQLITE_CANTOPEN: _NOT_OPENED,
    sqlite3.SQLITE_PERM: _NOT_OPENED,
    sqlite3.SQLITE_NOTADB: "its file is no database of SQLite's: name the right one",
    sqlite3.SQLITE_CORRUPT: "its file is damaged: look at the disk, and put a dump from before "
    "back (docs/backup.md)",
    sqlite3.SQLITE_IOERR: "its disk fails: look at what the system's log says of it",
}


def of_sqlite(error: sqlite3.Error) -> Meaning:
    """What it means, without its text."""
    kind = _kind(error)
    if kind in _BUSY:
        says = f"another process keeps it busy ({named(error)}): try again when that has ended"
        return meaning(says, "locked", again=True)
    known = _SAYS.get(kind)
    return meaning(numbered(known, error)) if known else not_taken(named(error))


def is_undone(error: sqlite3.Error) -> bool:
    """Whether a COMMIT that failed so has certainly changed nothing."""
    return _kind(error) in _BUSY | {sqlite3.SQLITE_FULL}


def _kind(error: sqlite3.Error) -> int:
    return (number_of(error) or 0) & 0xFF
