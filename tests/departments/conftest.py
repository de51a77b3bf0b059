"""A storage per test, with a key: departments' documents are never in plaintext."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory

from departments.secret import AccessSecret
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox, SandboxConfig
from security.encryption import TokenEncryption
from security.storage.protocol import Storage
from tests.security.kit import World
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


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """Google's half, alone."""
    config = SandboxConfig(tmp_path / "google", parts=frozenset({"google"}))
    async with Sandbox(config) as running:
        yield running


@pytest.fixture
async def world(
    sandbox: Sandbox, google: GoogleControls, folder: Path, keyring: TokenEncryption
) -> AsyncIterator[World]:
    """The core over one folder, against one Google."""
    made = World(sandbox, google, folder, keyring)
    yield made
    await made.close()
