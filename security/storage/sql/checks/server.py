"""What server a database is on, and how the session with it stands."""

from __future__ import annotations

import re
import sqlite3
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine, text

from security.storage.sql.checks.privileges import Privileges, read_grants
from security.storage.sql.clock import DatabaseClock
from security.storage.sql.faults import run

_NUMBER: Final = re.compile(r"\d{1,4}(\.\d{1,6}){0,3}")


@dataclass(frozen=True, slots=True)
class Server:
    """What was found."""

    product: str
    """MariaDB, MySQL, TiDB or SQLite."""
    version: str
    tls: str | None
    """The protocol, such as TLSv1.3; None: there is none, or the server does not say."""
    isolation: str
    """Such as READ COMMITTED."""
    skew_seconds: float | None
    """How far the server's clock is ahead of this machine's; None: it is this machine's."""
    is_durable: bool
    """Whether what is committed outlives the server's crash."""
    most_bytes: int | None
    """The longest statement it takes; None: any."""
    privileges: Privileges | None
    """Of the account; None: there are no accounts."""


def look_at(engine: Engine) -> Server:
    """Ask the server; changes nothing.

    Raises:
        OperatorFault: it cannot be asked.
    """
    if engine.dialect.name == "sqlite":
        return run(engine, _sqlite, writes=False)
    clock = DatabaseClock()
    clock.ask(engine)
    return run(engine, lambda connection: _server(connection, -clock.skew()), writes=False)


def _sqlite(connection: Connection) -> Server:
    synchronous = int(connection.scalar(text("PRAGMA synchronous")) or 0)
    return Server(
        product="SQLite",
        version=sqlite3.sqlite_version,
        tls=None,
        isolation="SERIALIZABLE",
        skew_seconds=None,
        is_durable=synchronous >= 2,  # FULL: https://www.sqlite.org/pragma.html#pragma_synchronous
        most_bytes=None,
        privileges=None,
    )


def _server(connection: Connection, skew_seconds: float) -> Server:
    product, version = product_of(str(connection.scalar(text("SELECT VERSION()"))))
    variables = _named(
        connection,
        "SHOW VARIABLES WHERE Variable_name IN "
        "('innodb_flush_log_at_trx_commit', 'max_allowed_packet')",
    )
    status = _named(connection, "SHOW SESSION STATUS LIKE 'Ssl_version'")
    grants = [str(row[0]) for row in connection.execute(text("SHOW GRANTS"))]
    database = str(connection.scalar(text("SELECT DATABASE()")))
    return Server(
        product=product,
        version=version,
        tls=status.get("ssl_version") or None,
        isolation=str(connection.get_isolation_level()).replace("-", " "),
        skew_seconds=skew_seconds,
        is_durable=product == "TiDB" or variables.get("innodb_flush_log_at_trx_commit") == "1",
        most_bytes=int(variables.get("max_allowed_packet", 0)) or None,
        privileges=read_grants(grants, database),
    )


def product_of(said: str) -> tuple[str, str]:
    """By what `VERSION()` says: `8.0.11-TiDB-v8.5.0`, `10.11.19-MariaDB-0+deb12u1`, `8.4.3`."""
    if "-TiDB-" in said:
        number = _NUMBER.match(said.partition("-TiDB-")[2].removeprefix("v"))
        return "TiDB", number[0] if number else "?"
    number = _NUMBER.match(said)
    return "MariaDB" if "mariadb" in said.lower() else "MySQL", number[0] if number else "?"


def _named(connection: Connection, statement: str) -> dict[str, str]:
    return {str(row[0]).lower(): str(row[1]) for row in connection.execute(text(statement))}
