"""Databases of the tests' MariaDB, used again: making one and its tables costs what a test does."""

from __future__ import annotations

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

    def _make(self) -> str:
        name = self.server.make_database()
        engine = make_engine(DatabaseAddress.parse(self.server.url(name), self.ca))
        schema.make_or_check(engine)
        engine.dispose()
        return name
