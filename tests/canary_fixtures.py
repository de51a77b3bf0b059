"""What every test stands on that marks secrets and looks for them: imported by name."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from sandbox.server import Sandbox
from tests.canaries import Canaries, MarkedWorld


@pytest.fixture
def canaries() -> Canaries:
    """The marked secrets of this run."""
    return Canaries()


@pytest.fixture
def world(
    canaries: Canaries, tmp_path: Path, encryption_keys: tuple[SecretStr, ...]
) -> MarkedWorld:
    """A sandbox's settings, marked."""
    for key in encryption_keys:
        canaries.add("encryption key", key.get_secret_value().rstrip("="))
    return MarkedWorld(canaries, tmp_path)


@pytest.fixture
async def sandbox(world: MarkedWorld) -> AsyncIterator[Sandbox]:
    """What is played on loopback, marked. Takes the place of conftest's."""
    async with Sandbox(world.config) as running:
        world.watch(running)
        yield running
