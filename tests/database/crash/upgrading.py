"""The schema made, and cut amid it: the next one goes on from there."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import SecretStr
from sqlalchemy import Engine

from config.database import DatabaseAddress
from security.errors import CustodyError
from security.storage.sql import schema
from security.storage.sql.engine import make_engine
from security.storage.sql.tables import metadata
from tests.database.crash.custody import Database

_HALF = (schema.State.EMPTY, schema.State.BEHIND, schema.State.CURRENT)


class UpgradingSubject:
    """`drivekeeper db upgrade`, of an empty database."""

    name = "upgrade"

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self) -> None:
        """There is nothing."""
        with self._database.cursor() as cursor:
            for table in (*metadata.tables, schema.HISTORY.name):
                cursor.execute(f"DROP TABLE IF EXISTS `{table}`")

    def run(self) -> None:
        """The command, but for what it prints."""
        with self._engine(self._database.url) as engine:
            schema.upgrade(engine)

    def losses(self) -> list[str]:
        """It is our database still; the next upgrade ends well, and all of it is there."""
        with self._engine(self._database.url_beside) as engine:
            found = schema.state_of(engine)
            if found not in _HALF:
                return [f"taken for one that is {found}"]
            try:
                schema.upgrade(engine)
                schema.check(engine)
            except CustodyError as error:
                return [f"cannot be done again: {error}"]
        return self._database.lacks()

    @contextmanager
    def _engine(self, url: SecretStr) -> Iterator[Engine]:
        engine = make_engine(DatabaseAddress.parse(url, None))
        try:
            yield engine
        finally:
            engine.dispose()
