"""The web front over a real port, and Google beside it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from departments.limits import Limits
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox, SandboxConfig
from tests.web.kit import RunningWeb, running_web
from tests.web.sheets_kit import SheetsWeb, sheet_settings, sheets_web


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """Google's half, alone."""
    config = SandboxConfig(tmp_path / "google", parts=frozenset({"google"}))
    async with Sandbox(config) as running:
        yield running


@pytest.fixture
async def web(
    sandbox: Sandbox,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[RunningWeb]:
    """What `drivekeeper web` serves, over what this test's way keeps documents in."""
    async with running_web(sandbox, tmp_path / "user_data", encryption_keys, monkeypatch) as made:
        yield made


@pytest.fixture
async def unlimited_web(
    sandbox: Sandbox,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[RunningWeb]:
    """The same without limits, which would answer for everything after a minute's worth; and with
    sheets, of which none was read."""
    limits = Limits(tokens=1_000_000, uploads=1_000_000, sheets=1_000_000, failures=1_000_000)
    folder = tmp_path / "user_data"
    async with running_web(
        sandbox, folder, encryption_keys, monkeypatch, limits, **sheet_settings(tmp_path, sandbox)
    ) as made:
        yield made


@pytest.fixture
async def front(
    sandbox: Sandbox,
    google: GoogleControls,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> AsyncIterator[SheetsWeb]:
    """The same with sheets that were read."""
    async with sheets_web(sandbox, google, tmp_path, encryption_keys, monkeypatch) as made:
        yield made
