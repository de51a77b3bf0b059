"""Every backend there is: one line makes the contract hold one more to account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from tests.running import in_rest
from tests.storage.backends import AtomicMemoryBackend, Backend, FileBackend, MemoryBackend
from tests.storage.sql_backends import MariaBackend, SqliteBackend

BACKENDS: Final[tuple[type[Backend], ...]] = (
    FileBackend,
    MemoryBackend,
    AtomicMemoryBackend,
    SqliteBackend,
    MariaBackend,
)


def mariadb_in_rest(backends: Sequence[type[Backend]]) -> list[Any]:
    """What holds MariaDB to the contract holds SQLite to it over the same code: the one is left to
    `make test-rest`."""
    here = [one for one in backends if one is not MariaBackend]
    return [*here, *in_rest(*(one for one in backends if one is MariaBackend))]


def databases_in_rest(backends: Sequence[type[Backend]]) -> list[Any]:
    """For what takes long: databases are left to `make test-rest`."""
    here = [one for one in backends if not one.is_database]
    return [*here, *in_rest(*(one for one in backends if one.is_database))]
