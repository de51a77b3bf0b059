"""A storage per test, with a key: departments' documents are never in plaintext."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory

from departments.secret import AccessSecret
from security.encryption import TokenEncryption
from security.storage.protocol import Storage
from tests.stores import storage_in


@pytest.fixture
def folder(run_way: str, tmp_path: Path) -> Path:
    """The data folder, not made yet, or what a database stands for."""
    return tmp_path / "user_data"


@pytest.fixture
def storage(folder: Path, keyring: TokenEncryption) -> Iterator[Storage]:
    """The storage, ready."""
    made = storage_in(folder, keyring)
    made.prepare()
    yield made
    made.close()


@pytest.fixture
def secret(storage: Storage) -> AccessSecret:
    """What keyed hashes are made with there."""
    return AccessSecret.of(storage)


@pytest.fixture
def clock() -> Iterator[FrozenDateTimeFactory]:
    """The time, which passes as the test says."""
    with freeze_time(datetime(2026, 11, 29, 12, 0, tzinfo=UTC)) as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield frozen
