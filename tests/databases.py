"""Databases of the tests' MariaDB, used again: making one and its tables costs what a test does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from config.database import DatabaseAddress
from security.storage.sql import schema
from security.storage.sql.engine import make_engine
from security.storage.sql.tables import metadata

if TYPE_CHECKING:  # a plugin of pytest's is not to be imported before pytest does
    from tests.mariadb import MariaDB

_free: Final[list[str]] = []
"""Of this worker: made, and used by no test just now."""


_FULL: Final = 1114
_CHANGES: Final = ("INSERT", "UPDATE")


class Borrowed:
    """Empty databases for one test."""

    def __init__(self, server: MariaDB) -> None:
        self.server = server
        self._lent: list[str] = []

    @property
    def ca(self) -> Path:
        """The authority of the server's certificate."""
        return self.server.ca

    def borrow(self) -> SecretStr:
        """DATABASE_URL of one, with its tables and nothing in them."""
        name = _free.pop() if _free else self._make()
        self._lent.append(name)
        return self.server.url(name)

    def give_back(self) -> None:
        """All of them, emptied."""
        for name in self._lent:
            tables = metadata.sorted_tables
            self.server.sql(*(f"DELETE FROM {name}.{table.name}" for table in tables))
            _free.append(name)
        self._lent.clear()

    def fill(self, name: str) -> None:
        """From now on nothing goes into any table of one of them: what a full disk answers."""
        for table in metadata.sorted_tables:
            for change in _CHANGES:
                self.server.sql(
                    f"CREATE TRIGGER {name}.{table.name}_{change} BEFORE {change} "
                    f"ON {name}.{table.name} FOR EACH ROW SIGNAL SQLSTATE 'HY000' "
                    f"SET MYSQL_ERRNO = {_FULL}, MESSAGE_TEXT = 'The table is full'"
                )

    def make_room(self, name: str) -> None:
        """It is over."""
        tables = metadata.sorted_tables
        self.server.sql(
            *(f"DROP TRIGGER {name}.{table.name}_{how}" for table in tables for how in _CHANGES)
        )

    @contextmanager
    def locked_out(self, name: str) -> Iterator[None]:
        """Within, whoever uses one of them is thrown out, and not let in again."""
        for host in ("%", "localhost"):
            self.server.sql(f"ALTER USER '{name}'@'{host}' ACCOUNT LOCK")
        self.server.sql(f"KILL USER '{name}'")
        yield
        for host in ("%", "localhost"):
            self.server.sql(f"ALTER USER '{name}'@'{host}' ACCOUNT UNLOCK")

    def _make(self) -> str:
        name = self.server.make_database()
        engine = make_engine(DatabaseAddress.parse(self.server.url(name), self.ca))
        schema.make_or_check(engine)
        engine.dispose()
        return name
