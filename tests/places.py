"""Where the documents of a test are kept: in its folder, or in a database that stands for it.

Tests of custody know a data folder and ask `stores.storage_in` for what is kept there. The same
test runs over a database when its way says so: one for each folder, gone with the test.
"""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import structlog
from pydantic import SecretStr
from sqlalchemy import Engine

from config.database import DatabaseAddress
from processes.storage import KINDS, LEASE_SECONDS, open_storage
from security.credential import Owner
from security.encryption import TokenEncryption
from security.storage.catalogue import Kind
from security.storage.events import Event
from security.storage.protocol import Storage
from security.storage.refusals import Refusals
from security.storage.sealing import Sealer
from security.storage.sql import schema
from security.storage.sql.clock import DatabaseClock
from security.storage.sql.engine import make_engine
from security.storage.sql.storage import SqlStorage
from tests.databases import Borrowed

if TYPE_CHECKING:  # a plugin of pytest's is not to be imported before pytest does
    from tests.mariadb import MariaDB

_log = structlog.get_logger()


def _is_elsewhere() -> bool:
    """Whether the test is elsewhere in time (freezegun)."""
    return abs(time.time() - time.clock_gettime(time.CLOCK_REALTIME)) > 0.5


class TravellingClock(DatabaseClock):
    """The database's clock, which goes with the test's."""

    def now(self) -> float:
        return time.time() if _is_elsewhere() else super().now()


class _TravellingStorage(SqlStorage):
    """Its database's clock goes with the test's."""

    def now(self) -> float:
        return time.time() if _is_elsewhere() else super().now()

    def skew(self) -> float:
        return time.time() - self.now()


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
        self._opened: list[tuple[Path, SqlStorage]] = []
        self._hands: dict[Path, SqlStorage] = {}

    def address(self, folder: Path) -> DatabaseAddress:
        """The database that stands for a folder."""
        if folder not in self._addresses:
            url, ca = self._make(folder)
            self._addresses[folder] = DatabaseAddress.parse(url, ca)
            noted = [url.get_secret_value(), None if ca is None else str(ca)]
            _note(folder).write_text(json.dumps(noted))
            if self._borrowed is None:
                schema.make_or_check(self.engine(folder))  # a folder needs no making either
        return self._addresses[folder]

    def engine(self, folder: Path) -> Engine:
        """A process's own connections to it."""
        self._engines.append(make_engine(self.address(folder)))
        return self._engines[-1]

    def storage(self, folder: Path, sealer: Sealer, mask: Callable[[str], str]) -> SqlStorage:
        """What a process keeps for a folder."""
        made = _TravellingStorage(self.engine(folder), sealer, mask, KINDS)
        self._opened.append((folder, made))
        return made

    def folder_of(self, storage: Storage) -> Path:
        """Which folder a storage stands for."""
        return next(folder for folder, opened in self._opened if opened is storage)

    def hands(self, folder: Path) -> SqlStorage:
        """For whoever looks and changes past the program: with the keys of who came last."""
        keyrings = [opened.sealer.keyring for its, opened in self._opened if its == folder]
        keyring = keyrings[-1] if keyrings else TokenEncryption()
        hands = self._hands.get(folder)
        if hands is None or hands.sealer.keyring is not keyring:
            hands = SqlStorage(self.engine(folder), Sealer(keyring), str, KINDS)
            self._hands[folder] = hands
        return hands

    @contextmanager
    def full(self, folder: Path) -> Iterator[None]:
        """Within, there is no room for anything in it."""
        name = self.address(folder).name
        if self._borrowed is None:
            with full_disk():
                yield
            return
        self._borrowed.fill(name)
        try:
            yield
        finally:
            self._borrowed.make_room(name)

    @contextmanager
    def gone(self, folder: Path) -> Iterator[str]:
        """Within, its file is elsewhere, or the server does not let its account in."""
        address = self.address(folder)
        if self._borrowed is not None:
            with self._borrowed.locked_out(address.name):
                yield "database_refused"
            return
        assert address.file is not None
        away = address.file.with_suffix(".away")
        address.file.rename(away)
        yield "database_unreachable"
        assert not address.file.exists(), "it was made anew"
        away.rename(address.file)

    def close(self) -> None:
        """Give all connections back."""
        for engine in self._engines:
            engine.dispose()
        if self._borrowed is not None:
            self._borrowed.give_back()

    def _make(self, folder: Path) -> tuple[SecretStr, Path | None]:
        folder.parent.mkdir(parents=True, exist_ok=True)
        if self._borrowed is not None:
            return self._borrowed.borrow(), self._borrowed.ca
        folder.with_name(f"{folder.name}.db").touch()  # as somebody has made a server's
        return SecretStr(f"sqlite:///{folder}.db"), None


def _note(folder: Path) -> Path:
    """Beside a folder: the database that stands for it, for the processes that a test starts."""
    return folder.with_name(f"{folder.name}.database")


_databases: Databases | None = None


def settings_of(folder: Path) -> dict[str, str]:
    """By which the program keeps in the database what it would keep in a folder."""
    if _databases is None:
        return {}
    _databases.address(folder)
    url, ca = json.loads(_note(folder).read_text())
    return {"DATABASE_URL": url} | ({"DATABASE_CA": ca} if ca else {})


def databases() -> Databases | None:
    """Those that stand for folders in this test; None: folders are what they are."""
    return _databases


@contextmanager
def full_disk(room: int = 0) -> Iterator[None]:
    """Within, the operating system takes only `room` bytes into any file of this process."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


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
    folder: Path,
    keyring: TokenEncryption,
    mask: Callable[[str], str],
    *,
    tells: bool,
    lease_seconds: float = LEASE_SECONDS,
) -> Storage:
    """What is kept for `folder`; nothing of it has been touched yet.

    Args:
        lease_seconds: in a database, for a process that the test has started.
    """
    if _databases is None:
        place: Path | DatabaseAddress = folder
        if _note(folder).exists():
            url, ca = json.loads(_note(folder).read_text())
            place = DatabaseAddress.parse(SecretStr(url), ca and Path(ca))
        return open_storage(place, keyring, mask, tells=tells, lease_seconds=lease_seconds)

    def tell(kind: Kind, owner: Owner | None, code: str) -> None:
        if tells:
            _log.warning("document_refused", kind=kind.label, owner=owner, result=code)
            made.record([Event("refused", owner, code)])

    made = _databases.storage(folder, Sealer(keyring, Refusals(tell)), mask)
    return made
