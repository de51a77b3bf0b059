"""What tests of the bot's upkeep share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.google_client import GoogleControls
from sandbox.server import Sandbox
from security.encryption import TokenEncryption
from tests.bot.upkeep import Upkeep
from tests.security.kit import World


@pytest.fixture
async def upkeep(
    sandbox: Sandbox, google: GoogleControls, tmp_path: Path, keyring: TokenEncryption
) -> AsyncIterator[Upkeep]:
    """Over the folder the bot is, or will be, started on."""
    world = World(sandbox, google, tmp_path / "user_data", keyring)
    yield Upkeep(world)
    await world.close()
