"""Databases that the contract is held against."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr
from sqlalchemy import Engine

from config.database import DatabaseAddress
from security.encryption import TokenEncryption
from security.storage.protocol import Key, Storage
from security.storage.sealing import Sealer
from security.storage.sql import schema
from security.storage.sql.engine import make_engine
from security.storage.sql.storage import SqlStorage
from tests.databases import Borrowed
from tests.places import full_disk
from tests.spots import drop_row, plant_row
from tests.storage.backends import KINDS, MASK, Backend


@cache
def _empty_sqlite() -> bytes:
    """A database with its tables: made once, for that takes longer than a test."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "empty.db"
        engine = make_engine(DatabaseAddress.parse(SecretStr(f"sqlite:///{file}")))
        schema.make_or_check(engine)
        engine.dispose()  # the last connection puts all of it into the one file
        return file.read_bytes()


class SqlBackend(Backend):
    """A database."""

    is_atomic = True
    is_of_processes = True
    is_database = True

    def __init__(self, folder: Path, keyring: TokenEncryption) -> None:
        self._engines: list[Engine] = []
        super().__init__(folder, keyring)

    def close(self) -> None:
        for engine in self._engines:
            engine.dispose()

    def _address(self) -> DatabaseAddress:
        raise NotImplementedError

    def _make(self, sealer: Sealer) -> Storage:
        engine = make_engine(self._address())
        self._engines.append(engine)
        return SqlStorage(engine, sealer, MASK, KINDS, lease_seconds=self.lease_seconds)

    def plant(self, key: Key, raw: bytes) -> None:
        with self._by_hand() as storage:
            plant_row(storage, key, raw)

    def take_away(self, key: Key) -> None:
        with self._by_hand() as storage:
            drop_row(storage, key)

    @contextmanager
    def _by_hand(self) -> Iterator[SqlStorage]:
        storage = self._make(Sealer(self.keyring))
        assert isinstance(storage, SqlStorage)
        yield storage
        self._engines.pop().dispose()

    def withhold(self, key: Key) -> None:
        raise NotImplementedError

    def spoil_lease(self, name: str) -> None:
        raise NotImplementedError


class MariaBackend(SqlBackend):
    """A server, over TLS."""

    databases: Borrowed
    """Set by the fixture of the tests."""

    def _address(self) -> DatabaseAddress:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        noted = self.folder / "database.json"  # for the processes that a test starts
        if not noted.exists():
            made = self.databases.borrow()
            noted.write_text(json.dumps([made.get_secret_value(), str(self.databases.ca)]))
        url, ca = json.loads(noted.read_text())
        return DatabaseAddress.parse(SecretStr(url), Path(ca))

    def close(self) -> None:
        super().close()
        self.databases.give_back()

    @contextmanager
    def full(self) -> Iterator[None]:
        name = self._address().name
        self.databases.fill(name)
        try:
            yield
        finally:
            self.databases.make_room(name)


class SqliteBackend(SqlBackend):
    """A database in one file."""

    def _address(self) -> DatabaseAddress:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = self.folder / "drivekeeper.db"
        if not file.exists():
            file.touch(0o600)
            file.write_bytes(_empty_sqlite())
        return DatabaseAddress.parse(SecretStr(f"sqlite:///{file}"))

    @contextmanager
    def full(self) -> Iterator[None]:
        with full_disk():
            yield
