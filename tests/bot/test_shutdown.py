"""SIGTERM at the worst moment: the process ends soon, and what Google has answered is saved.

And one end without a word, at a moment when somebody is about to be told something.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from config import child_environment
from sandbox.client import Person
from sandbox.google_client import GoogleControls
from sandbox.run import bot_settings
from sandbox.server import Sandbox
from security.credential import Owner
from tests.bot.upkeep import Upkeep
from tests.journeys import until_struck
from tests.security.kit import ROOT

LONGEST = 15
"""Seconds; docs/operations.md and compose.yaml promise it."""

pytestmark = pytest.mark.encryption("on")


class BotProcess:
    """`drivekeeper bot`, as an operator runs it."""

    def __init__(self, process: asyncio.subprocess.Process, output: Path) -> None:
        self._process = process
        self._output = output

    def log(self) -> str:
        """All it has printed."""
        return self._output.read_text("utf-8", "replace")

    async def prints(self, text: str) -> None:
        """Wait until it has printed `text`."""
        async with asyncio.timeout(60):
            while text not in self.log():
                assert self._process.returncode is None, "it has ended"
                await asyncio.sleep(0.02)

    async def stop(self) -> float:
        """SIGTERM; the seconds until its orderly end."""
        began = time.monotonic()
        self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(2 * LONGEST):
            code = await self._process.wait()
        assert code == 0
        assert '"bot_stopped"' in self.log()
        seconds = time.monotonic() - began
        print(f"stopped within {seconds:.1f} s")
        return seconds

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    async def kill(self) -> None:
        """SIGKILL, unless it has ended; nothing stays behind."""
        if self._process.returncode is None:
            self._process.kill()
        await self._process.wait()


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


@asynccontextmanager
async def process(
    tmp_path: Path, settings: dict[str, str], *python: str
) -> AsyncIterator[BotProcess]:
    """The bot until the end of the block; `python`: what runs it, if not the module itself."""
    output = tmp_path / "output.log"
    with output.open("wb") as sink:
        started = await asyncio.create_subprocess_exec(
            *(sys.executable, *(python or ("-m", "cli")), "bot", "--env-file", os.devnull),
            env=child_environment(settings),
            cwd=ROOT,
            stdout=sink,
            stderr=sink,
        )
    bot = BotProcess(started, output)
    try:
        await bot.prints('"bot_started"')
        yield bot
    finally:
        print(bot.log())  # pytest shows it when the test has failed
        await bot.kill()


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
        await ann.wait_for("20 MB")
    assert [m.id for m in ann.messages() if "is waiting" in m.text] == [message.id]
