"""Connections to the database: private, in one time zone, strict, and few.

What a connection is told when it begins stands here alone; what its errors mean is in `errors/`.
"""

from __future__ import annotations

import sqlite3
import ssl
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import certifi
import pymysql
from pymysql.constants.SERVER_STATUS import SERVER_STATUS_IN_TRANS
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.exc import InvalidatePoolError
from sqlalchemy.pool import ConnectionPoolEntry, PoolResetState

from config.database import DatabaseAddress
from security.errors import OperatorFault
from security.storage.sql.faults import READS, TURN, mark_lost
from security.storage.sql.sqlite_file import SqliteFile

POOL_SIZE: Final = 5
"""Connections of one process at most: an operation takes one, and none takes two."""
_POOL_SECONDS: Final = 30
"""An operation waits so long for one of them."""
_RECYCLE_SECONDS: Final = 280
"""Servers and what stands before them end what was idle for five minutes (TiDB Cloud: 300 s)."""
_IDLE_SECONDS: Final = 1
"""After which a connection is asked whether it lives, before it is given out. One that has ended
since costs a repetition: asking before every transaction would cost each of them a round trip."""
_USED_AT: Final = "used_at"
_CONNECT_SECONDS: Final = 10
_LOCK_SECONDS: Final = 10
"""Shorter than a read: that a row is locked is then an answer, and no lost connection."""
_BUSY_SECONDS: Final = 0.01
_IDLE_IN_TRANSACTION_SECONDS: Final = 15
"""A process that was stopped amid a transaction keeps rows from all others no longer than this."""
_SQL_MODE: Final = (
    "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION"
)
"""What does not fit a column is refused, never cut to fit."""


def make_engine(
    address: DatabaseAddress, *, read_seconds: float = 30, connections: int = POOL_SIZE
) -> Engine:
    """An engine for `address`; nobody is connected to yet.

    Args:
        read_seconds: how long a statement's answer may take.
        connections: at most.

    Raises:
        OperatorFault: the authorities of DATABASE_CA cannot be read.
    """
    if address.file is not None:
        return _of_sqlite(address.file, connections)
    return _of_server(address, read_seconds, connections)


def _of_server(address: DatabaseAddress, read_seconds: float, connections: int) -> Engine:
    password = address.password.get_secret_value() if address.password else ""
    url = URL.create(
        "mysql+pymysql",
        address.user,
        host=address.host or "localhost",
        port=address.port or None,
        database=address.name,
        query={"unix_socket": str(address.socket)} if address.socket else {},
    )
    is_plain = address.is_plain or address.socket is not None
    engine = create_engine(
        url,
        connect_args={
            "password": password.encode(),  # of text PyMySQL would send Latin-1
            "charset": "utf8mb4",
            "connect_timeout": _CONNECT_SECONDS,
            "read_timeout": read_seconds,
            "write_timeout": read_seconds,
            # PyMySQL takes a context as "TLS or nothing", and nothing as "if there is any".
            **({"ssl_disabled": True} if is_plain else {"ssl": _verifying(address)}),
        },
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        pool_recycle=_RECYCLE_SECONDS,
        pool_reset_on_return=None,
        pool_use_lifo=True,
    )
    event.listen(engine, "connect", _begin_session(read_seconds))
    event.listen(engine, "checkout", _look_at)
    event.listen(engine, "checkin", _note_use)
    event.listen(engine, "reset", _end_transaction)
    event.listen(engine, "handle_error", mark_lost)
    return engine


def _verifying(address: DatabaseAddress) -> ssl.SSLContext:
    """The server's certificate is of an authority that is believed, and for this very host."""
    try:
        context = ssl.create_default_context(cafile=address.ca or certifi.where())
    except OSError as error:  # also where it holds no certificate
        reason = (
            f"the file of DATABASE_CA cannot be used ({type(error).__name__}): it must be there "
            "for the user the bot runs as, and hold certificates in PEM form"
        )
        raise OperatorFault(reason, code="database_untrusted") from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _begin_session(read_seconds: float) -> Callable[[Any, ConnectionPoolEntry], None]:
    lock_seconds = max(1, min(_LOCK_SECONDS, int(read_seconds) - 1))

    def begin(connection: Any, _: ConnectionPoolEntry) -> None:
        settings = {
            "time_zone": "'+00:00'",
            "sql_mode": f"'{_SQL_MODE}'",
            "innodb_lock_wait_timeout": lock_seconds,
            "lock_wait_timeout": lock_seconds,  # of whole tables, as for a dump
            "wait_timeout": _RECYCLE_SECONDS + 20,
        }
        if "MariaDB" in connection.server_version:  # MySQL has none such
            settings["idle_transaction_timeout"] = _IDLE_IN_TRANSACTION_SECONDS
        pairs = ", ".join(f"SESSION {name} = {value}" for name, value in settings.items())
        cursor = connection.cursor()
        cursor.execute(f"SET {pairs}")
        cursor.close()

    return begin


def _look_at(connection: Any, record: ConnectionPoolEntry, _: object) -> None:
    if time.monotonic() - record.info.get(_USED_AT, time.monotonic()) < _IDLE_SECONDS:
        return
    try:
        connection.ping(reconnect=False)
    except pymysql.MySQLError:
        raise InvalidatePoolError from None  # the others are no younger: all are made anew


def _note_use(connection: Any, record: ConnectionPoolEntry) -> None:
    record.info[_USED_AT] = time.monotonic()


def _end_transaction(connection: Any, _: ConnectionPoolEntry, state: PoolResetState) -> None:
    """SQLAlchemy's own reset costs a round trip after every COMMIT, where there is nothing left."""
    is_over = state.terminate_only or state.transaction_was_reset
    if not is_over and connection.server_status & SERVER_STATUS_IN_TRANS:
        connection.rollback()


def _of_sqlite(path: Path, connections: int) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": _LOCK_SECONDS},
        execution_options={TURN: threading.Lock()},
        hide_parameters=True,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
    )

    file = SqliteFile(path)
    event.listen(engine, "do_connect", lambda *_: file.prepare())
    event.listen(engine, "checkout", lambda *_: file.check())
    event.listen(engine, "connect", _begin_sqlite)
    event.listen(engine, "begin", _begin_transaction)
    return engine


def _begin_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # Python's own BEGIN comes too late, and is never IMMEDIATE
    cursor = connection.cursor()
    _begin_write_ahead(cursor)
    for setting in ("synchronous = FULL", "foreign_keys = OFF"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _begin_write_ahead(cursor: Any) -> None:
    """Of several who open a new file one does it, and here SQLite has the others not wait."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            is_busy = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_busy or time.monotonic() > deadline:
                raise
        else:
            return
        time.sleep(_BUSY_SECONDS)


def _begin_transaction(connection: Connection) -> None:
    # A transaction that reads and then writes would be refused where another wrote meanwhile.
    reads = connection.get_execution_options().get(READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
