"""Connections to the database: private, in one time zone, strict, and few.

What a connection is told when it begins stands here alone; what its errors mean is in `faults.py`.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any, Final

import certifi
from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from config.database import DatabaseAddress
from security.storage.sql import sqlite_file
from security.storage.sql.faults import READS, database_faults, mark_lost

POOL_SIZE: Final = 5
"""Connections of one process at most: an operation takes one, and none takes two."""
_POOL_SECONDS: Final = 30
"""An operation waits so long for one of them."""
_RECYCLE_SECONDS: Final = 280
"""Servers and what stands before them end what was idle for five minutes (TiDB Cloud: 300 s)."""
_CONNECT_SECONDS: Final = 10
_LOCK_SECONDS: Final = 10
"""Shorter than a read: that a row is locked is then an answer, and no lost connection."""
_IDLE_IN_TRANSACTION_SECONDS: Final = 15
"""A process that was stopped amid a transaction keeps rows from all others no longer than this."""
_SQL_MODE: Final = (
    "STRICT_ALL_TABLES,NO_ZERO_DATE,NO_ZERO_IN_DATE,ERROR_FOR_DIVISION_BY_ZERO,"
    "NO_ENGINE_SUBSTITUTION"
)
"""What does not fit a column is refused, never cut to fit."""


def make_engine(address: DatabaseAddress, *, read_seconds: float = 30) -> Engine:
    """An engine for `address`; nobody is connected to yet.

    Args:
        read_seconds: how long a statement's answer may take.

    Raises:
        OperatorFault: the authorities of DATABASE_CA cannot be read.
    """
    if address.file is not None:
        return _of_sqlite(address.file)
    return _of_server(address, read_seconds)


def _of_server(address: DatabaseAddress, read_seconds: float) -> Engine:
    password = address.password.get_secret_value() if address.password else None
    url = URL.create(
        "mysql+pymysql",
        address.user,
        password,
        address.host or "localhost",
        address.port or None,
        address.name,
        query={"unix_socket": str(address.socket)} if address.socket else {},
    )
    is_plain = address.is_plain or address.socket is not None
    engine = create_engine(
        url,
        connect_args={
            "charset": "utf8mb4",
            "connect_timeout": _CONNECT_SECONDS,
            "read_timeout": read_seconds,
            "write_timeout": read_seconds,
            # PyMySQL takes a context as "TLS or nothing", and nothing as "if there is any".
            **({"ssl_disabled": True} if is_plain else {"ssl": _verifying(address)}),
        },
        isolation_level="READ COMMITTED",
        hide_parameters=True,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
        pool_recycle=_RECYCLE_SECONDS,
        pool_pre_ping=True,
        pool_use_lifo=True,
    )
    event.listen(engine, "connect", _begin_session(read_seconds))
    event.listen(engine, "handle_error", mark_lost)
    return engine


@database_faults()
def _verifying(address: DatabaseAddress) -> ssl.SSLContext:
    """The server's certificate is of an authority that is believed, and for this very host."""
    context = ssl.create_default_context(cafile=address.ca or certifi.where())
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _begin_session(read_seconds: float) -> Any:
    lock_seconds = max(1, min(_LOCK_SECONDS, int(read_seconds) - 1))

    def begin(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        settings = {
            "time_zone": "'+00:00'",
            "sql_mode": f"'{_SQL_MODE}'",
            "innodb_lock_wait_timeout": lock_seconds,
            "wait_timeout": _RECYCLE_SECONDS + 20,
        }
        version = str(getattr(connection, "server_version", ""))
        if "MariaDB" in version:
            settings["idle_transaction_timeout"] = _IDLE_IN_TRANSACTION_SECONDS
        pairs = ", ".join(f"SESSION {name} = {value}" for name, value in settings.items())
        cursor = connection.cursor()
        cursor.execute(f"SET {pairs}")
        cursor.close()

    return begin


def _of_sqlite(path: Path) -> Engine:
    engine = create_engine(
        URL.create("sqlite", database=str(path)),
        connect_args={"timeout": _LOCK_SECONDS},
        hide_parameters=True,
        pool_size=POOL_SIZE,
        max_overflow=0,
        pool_timeout=_POOL_SECONDS,
    )

    def prepare(*_: object) -> None:
        sqlite_file.prepare(path)

    event.listen(engine, "do_connect", prepare)
    event.listen(engine, "connect", _begin_sqlite)
    event.listen(engine, "begin", _begin_transaction)
    return engine


def _begin_sqlite(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    connection.isolation_level = None  # Python's own BEGIN comes too late, and is never IMMEDIATE
    cursor = connection.cursor()
    for setting in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = OFF"):
        cursor.execute(f"PRAGMA {setting}")
    cursor.close()


def _begin_transaction(connection: Connection) -> None:
    # A transaction that reads and then writes would be refused where another wrote meanwhile.
    reads = connection.get_execution_options().get(READS)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")
