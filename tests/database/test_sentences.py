"""What an operator reads where the database cannot be asked: what is wrong, and what to do."""

from __future__ import annotations

import sqlite3

import pymysql
import pytest

from security.storage.sql.errors.server import of_server
from security.storage.sql.errors.sqlite import of_sqlite

pytestmark = pytest.mark.one_way("off")


@pytest.mark.parametrize(
    ("number", "code", "what", "then"),
    [
        (1040, "database_unreachable", "no room for another connection", "max_connections"),
        (1129, "database_unreachable", "shuts this machine out", "FLUSH HOSTS"),
        (1226, "database_unreachable", "no more connections", "MAX_USER_CONNECTIONS"),
        (1047, "database_unreachable", "others of its cluster", "look there"),
        (1205, "locked", "a conflict with others", "try again"),
        (1290, "store_failed", "it is read-only", "make it writable"),
        (1114, "store_failed", "its disk is full", "make room"),
        (1969, "store_failed", "ended a statement", "max_statement_time"),
        (1054, "store_failed", "a table lacks a column", "put a dump from before back"),
        (1146, "store_failed", "a table is missing", "`drivekeeper db check`"),
        (1049, "database_refused", "no database of that name", "make it, or correct DATABASE_URL"),
        (1130, "database_refused", "does not let the account in", "not come from this machine"),
        (1142, "database_refused", "the account may not what it must", "`drivekeeper db check`"),
        (3159, "database_refused", "it wants TLS", "take tls=off away"),
        (2026, "database_untrusted", "it offers no TLS", "turn it on at the server"),
        (1064, "store_failed", "it refused a statement", "`drivekeeper db check`"),
    ],
)
def test_of_each_error_is_said_what_it_is_and_what_to_do(
    number: int, code: str, what: str, then: str
) -> None:
    """Its number stands between the two; its own text is nowhere."""
    found = of_server(pymysql.OperationalError(number, "canary"), is_gone=False).fault
    assert found.code == code
    says = str(found)
    assert says.index(what) < says.index(then)
    assert "canary" not in says


@pytest.mark.parametrize(
    ("number", "then"),
    [
        (sqlite3.SQLITE_BUSY, "try again"),
        (sqlite3.SQLITE_FULL, "make room"),
        (sqlite3.SQLITE_READONLY, "neither its disk nor its folder"),
        (sqlite3.SQLITE_CANTOPEN, "may read and write it"),
        (sqlite3.SQLITE_NOTADB, "name the right one"),
        (sqlite3.SQLITE_CORRUPT, "put a dump from before back"),
        (sqlite3.SQLITE_IOERR, "the system's log"),
        (sqlite3.SQLITE_IOERR_FSYNC, "the system's log"),
        (sqlite3.SQLITE_IOERR_SHORT_READ, "put it back"),
        (sqlite3.SQLITE_READONLY_DBMOVED, "put it back"),
        (sqlite3.SQLITE_READONLY_ROLLBACK, "neither its disk nor its folder"),
        (sqlite3.SQLITE_IOERR_NOMEM, "what takes it"),
    ],
)
def test_of_sqlites_errors_as_well(number: int, then: str) -> None:
    error = sqlite3.OperationalError("canary")
    error.sqlite_errorcode = number
    says = str(of_sqlite(error).fault)
    assert says.index(f"(error {number})") < says.index(then)
    assert "canary" not in says
