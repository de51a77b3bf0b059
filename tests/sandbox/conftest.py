"""A sandbox per test, over real HTTP on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox, SandboxConfig
from tests.sandbox.google_kit import Kit


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """Google's half, alone."""
    async with Sandbox(SandboxConfig(tmp_path, parts=frozenset({"google"}))) as running:
        yield running


@pytest.fixture
async def google(sandbox: Sandbox) -> AsyncIterator[GoogleControls]:
    """The controls."""
    async with GoogleControls(sandbox.url) as controls:
        yield controls


@pytest.fixture
async def kit(sandbox: Sandbox, google: GoogleControls) -> AsyncIterator[Kit]:
    """Everything to talk to the sandbox with."""
    async with aiohttp.ClientSession() as http:
        yield Kit(sandbox, google, http)
