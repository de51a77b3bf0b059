"""How uploads end: told until it is said, in nobody's place, and with what did arrive."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.uploads.jobs import UploadJob
from bot.uploads.scheduler import Ending, Load, Scheduler
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.bot.upload_line import ANN, BOB, job
from tests.fixtures import RunningBot
from tests.journeys import connect, until
from upload import StopSignal

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"


def loading(*jobs: UploadJob) -> Load:
    """What reads one of these from a disk."""
    found = {one.id: one for one in jobs}

    async def load(job_id: str) -> UploadJob | None:
        return found.get(job_id)

    return load


async def test_whose_end_is_still_being_told_takes_nobodys_place() -> None:
    """One place: Bob's runs while Telegram makes Ann's message wait; Ann's next does not."""
    begun: list[str] = []
    ended: list[str] = []
    may_tell = asyncio.Event()

    async def tell() -> None:
        await may_tell.wait()

    async def run(one: UploadJob, stop: StopSignal) -> Ending:
        begun.append(one.id)
        return Ending(one, tell())

    first, second, other = jobs = job(ANN, 1), job(ANN, 2), job(BOB, 1)
    lines = Scheduler(loading(*jobs), run, ended.append, at_once=1)
    for one in jobs:
        lines.add(one.owner, one.id)
    await until(lambda: len(begun) == 2)
    assert begun == [first.id, other.id]
    assert ended == []
    assert lines.is_running(ANN, first.id)
    may_tell.set()
    await until(lambda: lines.counts() == (0, 0))
    assert begun == [first.id, other.id, second.id]
    assert sorted(ended) == sorted(begun)


async def test_what_comes_in_during_a_stop_is_left_for_the_next_start() -> None:
    """Handlers go on for some seconds: nobody would end what they begin."""
    begun: list[str] = []

    async def run(one: UploadJob, stop: StopSignal) -> None:
        begun.append(one.id)

    one = job(ANN, 1)
    lines = Scheduler(loading(one), run, lambda _: None, at_once=1)
    await lines.stop()
    lines.add(one.owner, one.id)
    for _ in range(5):
        await asyncio.sleep(0)
    assert begun == []
    assert lines.counts() == (1, 0)


async def test_who_has_to_connect_first_is_told_though_telegram_fails_at_first(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Nothing else would ever tell them."""
    ann = people()
    await google.fault("telegram.sendMessage", "status", status=502, count=2)
    await ann.send_document(b"x", "plan.txt")
    message = await ann.wait_for("plan.txt", timeout=30)
    assert message.button("Connect") is not None


async def test_an_album_that_meets_a_full_drive_says_what_did_arrive(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """And once there is space, the same button brings the rest."""
    ann = people()
    await connect(ann, google, AMY)
    refusal = {"status": 403, "reason": "storageQuotaExceeded", "skip": 1}
    await google.fault("google.upload.start", "status", **refusal)
    items: list[tuple[str, bytes | Path | str, str]] = [
        ("document", os.urandom(100), f"{number}.bin") for number in range(3)
    ]
    await ann.send_album(items)
    message = await ann.wait_for("Only 1 of 3 files are in your Drive", timeout=30)
    assert "0.bin" in message.text
    assert "rest of the album (2 files) was not uploaded: your Google Drive is" in message.text
    assert message.text.endswith("Not in your Drive yet: 1.bin, 2.bin")
    await ann.tap("Try again", message)
    await ann.wait_for("3 of 3 files are in your Drive", timeout=30)
