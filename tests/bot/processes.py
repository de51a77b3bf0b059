"""`drivekeeper bot` as a process of its own."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from config import child_environment
from tests.security.kit import ROOT

LONGEST = 15
"""Seconds; docs/operations.md and compose.yaml promise it."""


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
