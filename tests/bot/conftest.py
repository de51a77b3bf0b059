"""What tests of the bot share."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bot.uploads.journal import UploadJournal
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.telegram_controls import TelegramControls
from sandbox.server import Sandbox
from security.encryption import TokenEncryption
from tests.bot.upkeep import Upkeep
from tests.bot.upload_line import Disk
from tests.security.kit import World
from tests.stores import storage_in


@pytest.fixture
async def telegram(sandbox: Sandbox) -> AsyncIterator[TelegramControls]:
    """What can be done on Telegram's side."""
    async with TelegramControls(sandbox.url) as controls:
        yield controls


@pytest.fixture
async def upkeep(
    sandbox: Sandbox, google: GoogleControls, tmp_path: Path, keyring: TokenEncryption
) -> AsyncIterator[Upkeep]:
    """Over the folder the bot is, or will be, started on."""
    world = World(sandbox, google, tmp_path / "user_data", keyring)
    yield Upkeep(world)
    await world.close()


@pytest.fixture
def journal(upkeep: Upkeep) -> UploadJournal:
    """Of uploads, and nothing is in it."""
    world = upkeep.world
    made = UploadJournal(storage_in(world.folder, world.keyring))
    made.prepare()
    return made


@pytest.fixture
async def disk() -> AsyncIterator[Disk]:
    """Where that journal is."""
    made = Disk()
    yield made
    if made.writes is not None:
        made.writes.set()
    await made.close()
