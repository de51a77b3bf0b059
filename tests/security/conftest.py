"""A world per test: one data folder, one sandboxed Google over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from pydantic import SecretStr

from config.database import DatabaseAddress
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox, SandboxConfig
from security.encryption import TokenEncryption
from security.token_store import TokenStore
from tests.running import in_rest
from tests.security.kit import World
from tests.security.processes import Processes, several
from tests.stores import store_in


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """Google's half, alone."""
    config = SandboxConfig(tmp_path / "google", parts=frozenset({"google"}))
    async with Sandbox(config) as running:
        yield running


@pytest.fixture
def folder(run_way: str, tmp_path: Path) -> Path:
    """The data folder, not made yet, or what a database stands for."""
    return tmp_path / "user_data"


@pytest.fixture
def store(folder: Path, keyring: TokenEncryption) -> TokenStore:
    """A prepared store with the keys of this run."""
    made = store_in(folder, keyring)
    made.prepare()
    return made


@pytest.fixture
def clock() -> Iterator[FrozenDateTimeFactory]:
    """Stands still until told; the event loop's own clock goes on."""
    # Never before what the file system says: files are stamped by the real clock.
    with freeze_time(datetime.now(UTC).replace(tzinfo=None), real_asyncio=True) as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)  # it does not tick by itself
        yield frozen


@pytest.fixture
async def processes() -> AsyncIterator[Processes]:
    """Several over one shelf, whose leases last thirty seconds."""
    async with several() as made:
        yield made


@pytest.fixture(params=["shelf", *in_rest("database")])
async def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Processes]:
    """Several over one shelf, or one database."""
    address = DatabaseAddress.parse(SecretStr(f"sqlite:///{tmp_path / 'kept.db'}"))
    async with several(address if request.param == "database" else None) as made:
        yield made


@pytest.fixture
async def world(
    sandbox: Sandbox, google: GoogleControls, folder: Path, keyring: TokenEncryption
) -> AsyncIterator[World]:
    """The core over one folder, against one Google."""
    made = World(sandbox, google, folder, keyring)
    yield made
    await made.close()
