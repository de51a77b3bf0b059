"""Where the documents of a test are kept: in its folder, or in a database that stands for it.

Tests of custody know a data folder and ask `stores.storage_in` for what is kept there. The same
test runs over a database when its way says so: one for each folder, gone with the test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

import structlog
from pydantic import SecretStr
from sqlalchemy import Engine

from config.database import DatabaseAddress
from processes.storage import KINDS, open_storage
from security.credential import Owner
from security.encryption import TokenEncryption
from security.storage.catalogue import Kind
from security.storage.events import Event
from security.storage.protocol import Storage
from security.storage.refusals import Refusals
from security.storage.sealing import Sealer
from security.storage.sql import schema
from security.storage.sql.engine import make_engine
from security.storage.sql.storage import SqlStorage
from tests.databases import Borrowed

if TYPE_CHECKING:  # a plugin of pytest's is not to be imported before pytest does
    from tests.mariadb import MariaDB

Place = Literal["files", "sqlite", "mariadb"]
DATABASES: Final = ("sqlite", "mariadb")
_log = structlog.get_logger()


class Databases:
    """Of one test: one for each data folder that it asks for."""

    def __init__(self, server: MariaDB | None) -> None:
        """
        Args:
            server: None: SQLite.
        """
        self._borrowed = None if server is None else Borrowed(server)
        self._addresses: dict[Path, DatabaseAddress] = {}
        self._engines: list[Engine] = []

    def address(self, folder: Path) -> DatabaseAddress:
        """The database that stands for a folder."""
        if folder not in self._addresses:
            self._addresses[folder] = self._make(folder)
            if self._borrowed is None:
                schema.make_or_check(self.engine(folder))  # a folder needs no making either
        return self._addresses[folder]

    def engine(self, folder: Path) -> Engine:
        """A process's own connections to it."""
        self._engines.append(make_engine(self.address(folder)))
        return self._engines[-1]

    def close(self) -> None:
        """Give all connections back."""
        for engine in self._engines:
            engine.dispose()
        if self._borrowed is not None:
            self._borrowed.give_back()

    def _make(self, folder: Path) -> DatabaseAddress:
        if self._borrowed is not None:
            return DatabaseAddress.parse(self._borrowed.borrow(), self._borrowed.ca)
        folder.parent.mkdir(parents=True, exist_ok=True)
        return DatabaseAddress.parse(SecretStr(f"sqlite:///{folder}.db"))


_databases: Databases | None = None


@contextmanager
def in_databases(server: MariaDB | None) -> Iterator[Databases]:
    """Within, what would be kept in folders is kept in databases."""
    global _databases
    _databases = Databases(server)
    try:
        yield _databases
    finally:
        _databases.close()
        _databases = None


def storage(
    folder: Path, keyring: TokenEncryption, mask: Callable[[str], str], *, tells: bool
) -> Storage:
    """What is kept for `folder`; nothing of it has been touched yet."""
    if _databases is None:
        return open_storage(folder, keyring, mask, tells=tells)

    def tell(kind: Kind, owner: Owner | None, code: str) -> None:
        if tells:
            _log.warning("document_refused", kind=kind.label, owner=owner, result=code)
            made.record([Event("refused", owner, code)])

    engine = _databases.engine(folder)
    made = SqlStorage(engine, Sealer(keyring, Refusals(tell)), mask, KINDS)
    return made
