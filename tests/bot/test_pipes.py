"""A pipe, a folder or a socket in the place of a document hangs nobody, and stops nobody else."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.clients.person import Person
from tests.bot.upkeep import Upkeep, by_hand, sweep
from tests.fixtures import StartBot

PLACES = (
    *("token_501.json", "tombstones/token_501.json", "consents/token_501.json"),
    *("quarantine/token_501.20260101t000000000001.json", "updates/7.json", "updates/ledger.json"),
    *("uploads/501-7.json", "preferences/token_501.json", "maintenance/pauses.json"),
)


def a_socket(path: Path) -> None:
    """What a server leaves behind."""
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, a_socket], ids=["pipe", "folder", "socket"])
async def test_the_bot_starts_and_serves_beside_them(
    start_bot: StartBot,
    upkeep: Upkeep,
    people: Callable[..., Person],
    make: Callable[[Path], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Bob's credential is refreshed in the same pass, and his file arrives."""
    bob, folder = people(502, "Bob"), upkeep.world.folder
    await upkeep.connect(bob)
    for name in PLACES:
        (folder / name).parent.mkdir(mode=0o700, exist_ok=True)
        monkeypatch.chdir((folder / name).parent)  # a socket's path may not be long
        make(Path((folder / name).name))
    async with start_bot() as bot:
        by_hand(bot)
        await sweep(bot)
        (report,) = bot.services.core.state.sweeps
        assert (report.refreshed, report.ended_by) == (1, None)
        await bob.send_document(b"mine", "mine.pdf")
        await bob.wait_for("is in your Drive")
