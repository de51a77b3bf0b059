"""Ann is connected, and puts small files into her Drive."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from googleapiclient.http import MediaInMemoryUpload

from drive import Drive, DriveFile
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from security.encryption import TokenEncryption
from tests.security.kit import World


@pytest.fixture
async def world(sandbox: Sandbox, google: GoogleControls, tmp_path: Path) -> AsyncIterator[World]:
    """One data folder, one Google; Ann is connected."""
    made = World(sandbox, google, tmp_path / "user_data", TokenEncryption())
    await made.connect()
    yield made
    await made.close()


def put(name: str, content: bytes = b"x", **body: Any) -> Callable[[Drive], DriveFile]:
    """For `drives.run`: a file, in one chunk."""

    def work(drive: Drive) -> DriveFile:
        media = MediaInMemoryUpload(content, "application/octet-stream", resumable=True)
        request = drive.creation_request({"name": name, **body}, media, size=len(content))
        return DriveFile.from_answer(request.execute(http=drive.http))

    return work


async def calls(world: World) -> dict[str, int]:
    """How often each operation was called."""
    counts: dict[str, int] = (await world.google.calls())["counts"]
    return counts
