"""Connections that nobody uses are given back, to Telegram and to Drive."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.delivery.telegram_request import TelegramRequest
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.server import Sandbox
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, until
from tests.security.kit import AMY

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("off")


def sockets() -> int:
    """How many this process has open."""
    found = 0
    for link in Path("/proc/self/fd").iterdir():
        try:
            found += os.readlink(link).startswith("socket:")  # noqa: PTH115 - no path
        except OSError:
            continue
    return found


async def test_telegrams_are_closed_once_nobody_has_used_them_for_a_while(sandbox: Sandbox) -> None:
    """Twenty answers at once; and after that another one is sent over a new one."""
    url = f"{sandbox.url}/bot{sandbox.config.bot_token}/getMe"
    request = TelegramRequest(connection_pool_size=20)
    await request.initialize()
    before = sockets()
    await asyncio.gather(*(request.post(url) for _ in range(20)))
    busy = sockets() - before
    assert busy >= 20  # both ends are in this process
    await request.close_idle()  # they have just been used
    assert sockets() - before >= busy - 2
    await request.close_idle()
    await until(lambda: sockets() <= before)
    assert await request.post(url)
    await request.shutdown()


async def test_the_bot_looks_after_them(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """By a job of its own."""
    await connect(people(), google, AMY)
    jobs = bot.application.job_queue
    assert jobs is not None
    (job,) = jobs.get_jobs_by_name("_look_after")
    await asyncio.sleep(0.1)
    before = sockets()
    for _ in range(2):
        await job.run(bot.application)
    await until(lambda: sockets() < before)


async def test_nothing_stays_open_once_the_bot_has_stopped(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Neither to Google nor to Telegram, whose files have a client of their own."""
    ann = people()
    async with start_bot(WEB_PORT=0) as bot:
        await connect(ann, google, AMY)
        await ann.send_document(b"content", "a.txt")
        await ann.wait_for("is in your Drive")
        downloads = bot.services.core.downloads
        assert not downloads.is_closed
    assert downloads.is_closed
