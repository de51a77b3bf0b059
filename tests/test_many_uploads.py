"""Many people, many files, and failures at random: each file arrives once, in its owner's order."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from pydantic import SecretStr

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from tests.fixtures import RunningBot
from tests.many_uploads import Crowd
from tests.test_load import sandbox_process


@pytest.mark.paced
@pytest.mark.one_way
async def test_a_few_people_with_faults_at_random(
    bot: RunningBot, google: GoogleControls, people: Callable[..., Person]
) -> None:
    """Five send four files each; the seed is the same each time."""
    crowd = Crowd(google, [people(600 + n, f"P{n}") for n in range(5)], each=4, seed=4)
    await crowd.go(faults=12, patience=25)
    await crowd.check()
    async with TelegramControls(google.base_url) as telegram:
        assert await telegram.violations() == 0, (await telegram.state())["recent_violations"]


@pytest.mark.load
@pytest.mark.paced
@pytest.mark.encryption("on")
@pytest.mark.timeout(400)
async def test_fifty_people_send_twenty_files_each_with_faults_at_random(
    tmp_path: Path, encryption_keys: tuple[SecretStr, ...]
) -> None:
    """Telegram's limits are counted, as it documents them: nobody is written to too fast."""
    seed = int.from_bytes(os.urandom(2))
    async with sandbox_process(tmp_path / "sandbox", encryption_keys) as url, AsyncExitStack() as s:
        google = await s.enter_async_context(GoogleControls(url))
        await google.device_interval(1)
        telegram = await s.enter_async_context(TelegramControls(url))
        people = [
            await s.enter_async_context(Person(url, 3000 + n, f"P{n}", "en")) for n in range(50)
        ]
        crowd = Crowd(google, people, each=20, seed=seed)
        seconds = await crowd.go(faults=200, patience=240)
        struck = sum(fault["hits"] for fault in await google.faults())
        violations = await telegram.violations()
        print(
            f"50 people, 20 files each, seed {seed}: {seconds:.0f} s, {struck} faults, "
            f"{violations} violations of Telegram's limits"
        )
        await crowd.check()
        assert violations == 0, (await telegram.state())["recent_violations"]
        assert struck > 100
