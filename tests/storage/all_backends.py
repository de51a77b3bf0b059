"""Every backend there is: one line makes the contract hold one more to account."""

from __future__ import annotations

from typing import Final

from tests.storage.backends import AtomicMemoryBackend, Backend, FileBackend, MemoryBackend
from tests.storage.sql_backends import MariaBackend, SqliteBackend

BACKENDS: Final[tuple[type[Backend], ...]] = (
    FileBackend,
    MemoryBackend,
    AtomicMemoryBackend,
    SqliteBackend,
    MariaBackend,
)
