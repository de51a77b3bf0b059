"""SIGTERM at the worst moment: the process ends soon, and what Google has answered is saved.

And one end without a word, at a moment when somebody is about to be told something.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.run import bot_settings
from sandbox.server import Sandbox
from security.credential import Owner
from tests.bot.processes import LONGEST, process
from tests.bot.upkeep import Upkeep
from tests.journeys import until_struck

pytestmark = pytest.mark.encryption("on")


@pytest.fixture
def settings(
    sandbox: Sandbox, tmp_path: Path, encryption_keys: tuple[SecretStr, ...]
) -> dict[str, str]:
    """What the process gets; its data folder is the one of `upkeep`."""
    return {
        **bot_settings(sandbox, tmp_path / "user_data", "device"),
        "TOKEN_ENCRYPTION_KEY": ",".join(key.get_secret_value() for key in encryption_keys),
        "LOG_FORMAT": "json",
    }


@pytest.mark.one_way
async def test_with_google_hanging_everywhere_it_ends_in_time_and_saves_what_was_answered(
    settings: dict[str, str],
    tmp_path: Path,
    upkeep: Upkeep,
    google: GoogleControls,
    people: Callable[..., Person],
) -> None:
    """A sweep, uploads, a /status and a page under way; one answer comes after the signal."""
    uploading, asking = people(501), people(502, "Bob")
    for person in (uploading, asking):
        await upkeep.connect(person, minutes_left=60)
    due = [Owner.user(number) for number in range(601, 607)]
    before = {owner: (await upkeep.connect(owner)).generation for owner in due}
    # The first to be asked is answered, late; nobody else is, ever.
    await google.fault("google.token.refresh", "latency", seconds=3, count=1)
    await google.fault("google.token.refresh", "hang", skip=1, count=None)
    await google.fault("google.upload.chunk", "hang", count=None)
    async with process(tmp_path, settings) as bot:
        await uploading.start()
        for number in range(3):
            await uploading.send_document(os.urandom(300_000), f"{number}.bin")
        await until_struck(google, "google.upload.chunk", 1)
        await google.fault("google.drive.about", "hang", count=None)
        await asking.start()
        await asking.send("/status")
        await until_struck(google, "google.drive.about", 1)
        await until_struck(google, "google.token.refresh", len(due))
        assert await bot.stop() < LONGEST
        assert bot.log().count('"token_refreshed"') == 1
    generations = {owner: upkeep.world.store.load(owner) for owner in due}
    newer = [o for o, c in generations.items() if c is not None and c.generation > before[o]]
    assert len(newer) == 1
    assert all(c is not None for c in generations.values())


@pytest.mark.one_way
async def test_with_telegram_hanging_it_ends_in_time(
    settings: dict[str, str], tmp_path: Path, google: GoogleControls, people: Callable[..., Person]
) -> None:
    """An answer is on its way to somebody, and Telegram takes nothing any more."""
    ann = people()
    async with process(tmp_path, settings) as bot:
        await ann.start()
        await ann.wait_for("Drivekeeper")
        await google.fault("telegram.sendMessage", "hang", count=None)
        for _ in range(3):
            await ann.send("/help")
        await until_struck(google, "telegram.sendMessage", 1)
        await google.fault("telegram.*", "hang", count=None)
        assert await bot.stop() < LONGEST


@pytest.mark.one_way
async def test_who_was_not_told_that_a_file_waits_before_a_kill_is_told_after_it(
    settings: dict[str, str], tmp_path: Path, google: GoogleControls, people: Callable[..., Person]
) -> None:
    """Once: it is written down, and waits for a connection nobody else would ask for."""
    ann = people()
    async with process(tmp_path, settings) as bot:
        await ann.start()
        await ann.wait_for("Drivekeeper")
        await google.fault("telegram.sendMessage", "hang", count=None)
        await ann.send_document(b"x", "waiting.txt")
        await until_struck(google, "telegram.sendMessage")
        assert any((tmp_path / "user_data" / "uploads").iterdir())
        await bot.kill()
    await google.clear_faults()
    async with process(tmp_path, settings):
        message = await ann.wait_for("waiting.txt is waiting. Connect your Google Drive", since=0)
        assert message.button("connect") is not None
        await ann.send("/help")
        await ann.wait_for("20 MiB")
    assert [m.id for m in ann.messages() if "is waiting" in m.text] == [message.id]
