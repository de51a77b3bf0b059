"""A world per test: one data folder, one sandboxed Google over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox, SandboxConfig
from security.encryption import TokenEncryption
from security.token_store import TokenStore
from tests.security.kit import World
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
async def world(
    sandbox: Sandbox, google: GoogleControls, folder: Path, keyring: TokenEncryption
) -> AsyncIterator[World]:
    """The core over one folder, against one Google."""
    made = World(sandbox, google, folder, keyring)
    yield made
    await made.close()
