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
_FILES_GONE: Final = (
    "its file, or one of those beside it (-wal, -shm), was removed, cut short or replaced: put it "
    "back, or stop every process that works with it, and start them again"
)
_SAYS: Final = {
    # Extended numbers first of all: of SQLITE_IOERR these are no fault of the disk's.
    **dict.fromkeys(
        (
            *(sqlite3.SQLITE_IOERR_SHORT_READ, sqlite3.SQLITE_IOERR_DELETE_NOENT),
            *(sqlite3.SQLITE_IOERR_VNODE, sqlite3.SQLITE_READONLY_DBMOVED),
        ),
        _FILES_GONE,
    ),
    sqlite3.SQLITE_IOERR_NOMEM: "there is no memory left for it: see what takes it",
    sqlite3.SQLITE_IOERR_SHMSIZE: "its disk takes no more beside it (-shm): make room, and look at "
    "what the system's log says of it",
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
    known = _SAYS.get(number_of(error) or 0) or _SAYS.get(kind)
    return meaning(numbered(known, error)) if known else not_taken(named(error))


def is_undone(error: sqlite3.Error) -> bool:
    """Whether a COMMIT that failed so has certainly changed nothing."""
    return _kind(error) in _BUSY | {sqlite3.SQLITE_FULL}


def _kind(error: sqlite3.Error) -> int:
    return (number_of(error) or 0) & 0xFF
