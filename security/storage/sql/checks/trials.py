"""Whether a database keeps what the storage counts on: tried on documents of their own kind.

Whoever has a server that nobody here could run sees it there. Processes may work on the database
meanwhile, and several may try at once.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Engine, delete, select
from sqlalchemy.exc import DBAPIError

from security.errors import CustodyError, OperatorFault
from security.storage.catalogue import Kind
from security.storage.each import only
from security.storage.leases import Lease
from security.storage.protocol import ABSENT, Conflict, Drop, Key, Put, Storage, Stored, Unit
from security.storage.sql.errors.meaning import StatementRefused
from security.storage.sql.faults import database_faults
from security.storage.sql.tables import DOCUMENTS, LEASES

TRIALS: Final = Kind("trials", in_use=False)
"""What is tried is tried on these; nobody else reads them."""
_LONG: Final = 700_000
"""Characters of the long document: sealed, it is nearly as long as any may be."""
_LEFT_AFTER_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Trial:
    """What one of them came to."""

    name: str
    says: str
    """What was seen, where it went well."""
    fault: str | None = None
    """What was seen instead."""
    is_unkept: bool = False
    """Whether that is the database's own way; False: something kept it from being tried."""


class Unkept(Exception):
    """The database did not do what is counted on; the text says what it did."""


class Trials:
    """All of them, in an order in which each counts on those before it."""

    def __init__(self, engine: Engine, open_storage: Callable[[], Storage]) -> None:
        """
        Args:
            open_storage: makes a storage over the engine, as a process of its own would, which
                keeps `TRIALS`.
        """
        self._engine = engine
        self._here, self._there = open_storage(), open_storage()
        self._name = f"{int(time.time())}-{secrets.token_hex(8)}"

    def run(self) -> Iterator[Trial]:
        """Try everything, and take away what was made for it; the first that fails is the last."""
        try:
            for name, says, attempt in (
                ("a document", "What is put is read by another process", self._keeps),
                ("a long document", "It comes back as it was", self._keeps_long),
                ("versions", "A change of what has changed since is refused", self._compares),
                ("units", "Of steps that belong together, all are made or none", self._is_atomic),
                ("leases", "What one process holds, no other gets", self._leases),
                ("locks", "A row that a transaction has read for a change waits", self._locks),
                ("isolation", "What is not committed is seen by nobody", self._isolates),
            ):
                try:
                    attempt()
                except (Unkept, CustodyError) as error:
                    kept_off = isinstance(error, OperatorFault)
                    refused = isinstance(error, StatementRefused)
                    yield Trial(name, says, str(error), is_unkept=refused or not kept_off)
                    return
                yield Trial(name, says)
        finally:
            self._clean_up()

    def _key(self, which: str) -> Key:
        return Key(TRIALS, f"{self._name}-{which}")

    def _put(self, storage: Storage, which: str, value: str, expected: str = ABSENT) -> str:
        [version] = only(storage.apply([Unit([Put(self._key(which), {"value": value}, expected)])]))
        return version

    def _read(self, storage: Storage, which: str) -> Stored | None:
        return only(storage.read([self._key(which)]))

    def _expect(self, storage: Storage, which: str, value: str | None, otherwise: str) -> None:
        found = self._read(storage, which)
        if (None if found is None else found.open().get("value")) != value:
            raise Unkept(otherwise)

    def _keeps(self) -> None:
        self._put(self._here, "one", "first")
        self._expect(self._there, "one", "first", "Another process does not find what was put")

    def _keeps_long(self) -> None:
        value = secrets.token_hex(_LONG // 2)
        self._put(self._here, "long", value)
        self._expect(self._there, "long", value, "It comes back changed")

    def _compares(self) -> None:
        found = self._read(self._here, "one")
        old = "" if found is None else found.version
        self._put(self._here, "one", "second", old)
        with suppress(Conflict):
            self._put(self._there, "one", "third", old)
            raise Unkept("A change on an old version took the place of a newer one")
        self._expect(self._here, "one", "second", "A change that was refused was made all the same")

    def _is_atomic(self) -> None:
        steps = [
            Put(self._key("two"), {"value": "first"}, ABSENT),
            Put(self._key("one"), {"value": "third"}, ABSENT),
        ]
        with suppress(Conflict):
            only(self._here.apply([Unit(steps)]))
            raise Unkept("Steps were made though one of them conflicts")
        self._expect(self._there, "two", None, "One step was made, and the next was not")

    def _leases(self) -> None:
        held = self._lease(self._here)
        if held is None:
            raise Unkept("A lease that nobody holds was not given")
        if self._lease(self._there) is not None:
            raise Unkept("Two processes were given the same lease")
        held.release()
        again = self._lease(self._there)
        if again is None:
            raise Unkept("A lease that was given back is still held")
        again.release()

    def _lease(self, storage: Storage) -> Lease | None:
        return only(storage.lease([self._name]))

    def _locks(self) -> None:
        with database_faults(), self._engine.connect() as first, self._engine.connect() as second:
            self._lock_row(first)
            try:
                _wait_little(second)
                self._lock_row(second)
            except DBAPIError:
                return  # it was kept waiting, as it should be
            finally:
                second.invalidate()  # no other session shall wait so little
        raise Unkept("Two transactions hold the same row at once: FOR UPDATE locks nothing here")

    def _lock_row(self, connection: Connection) -> None:
        key = self._key("one")
        row = select(DOCUMENTS.c.version).where(
            DOCUMENTS.c.kind == key.kind.name, DOCUMENTS.c.name == key.name
        )
        connection.execute(row.with_for_update()).all()

    def _isolates(self) -> None:
        key = self._key("one")
        with database_faults(), self._engine.connect() as connection:
            connection.execute(
                delete(DOCUMENTS).where(
                    DOCUMENTS.c.kind == key.kind.name, DOCUMENTS.c.name == key.name
                )
            )
            seen = self._read(self._there, "one")
            connection.rollback()
        if seen is None:
            raise Unkept("A change that was not committed was seen, or was not taken back")

    def _clean_up(self) -> None:
        with suppress(CustodyError):
            mine = [name for name in self._here.names(TRIALS) if self._is_over(name)]
            self._here.apply([Unit([Drop(Key(TRIALS, name))]) for name in mine])
        with suppress(CustodyError), database_faults(), self._engine.begin() as connection:
            connection.execute(delete(LEASES).where(LEASES.c.name == self._name))

    def _is_over(self, name: str) -> bool:
        """Whether it is of these trials, or of some that were killed."""
        made = name.partition("-")[0]
        is_old = made.isdecimal() and int(made) < time.time() - _LEFT_AFTER_SECONDS
        return name.startswith(self._name) or is_old


def _wait_little(connection: Connection) -> None:
    if connection.dialect.name == "sqlite":  # before its transaction begins, which waits already
        file: Any = connection.connection.driver_connection
        file.execute("PRAGMA busy_timeout = 200")
    else:
        connection.exec_driver_sql("SET SESSION innodb_lock_wait_timeout = 1")
