"""Ann's Drive, ready."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from security.encryption import TokenEncryption
from tests.security.kit import ANN, World
from tests.upload.kit import Desk


@pytest.fixture
async def desk(sandbox: Sandbox, google: GoogleControls, tmp_path: Path) -> AsyncIterator[Desk]:
    """Ann is connected, and her folder is made."""
    world = World(sandbox, google, tmp_path / "user_data", TokenEncryption())
    await world.connect()
    file_id, folder_id = await world.drives.run(
        ANN, lambda drive: (drive.new_file_id(), drive.ensure_folder("Telegram"))
    )
    yield Desk(world, sandbox, file_id, folder_id)
    await world.close()
