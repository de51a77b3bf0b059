"""Files out of Drive into the chat: whole, in turn, with little memory, and nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from bot.texts.filenames import LOCAL_LIMIT
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from security.credential import Owner
from tests.bot.upkeep import logged
from tests.drive.conftest import put
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, md5_of, until

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"
ANN = Owner.user(501)
MB = 1024 * 1024


@pytest.fixture
async def ann(bot: RunningBot, google: GoogleControls, people: People) -> Person:
    """Somebody connected."""
    person = people()
    await connect(person, google, AMY)
    return person


def is_file(message: Message) -> bool:
    """Whether the bot has sent a file."""
    return message.media is not None


def names(person: Person) -> list[str]:
    """The files the bot has sent, in their order."""
    sent = (m.media for m in person.messages() if m.from_bot)
    return [media[1]["file_name"] for media in sent if media]


async def put_file(bot: RunningBot, name: str, content: bytes) -> None:
    """Into Ann's Drive."""
    await bot.services.core.drives.run(ANN, put(name, content))


async def received(bot: RunningBot, message: Message) -> bytes:
    """The bytes as the person has them."""
    assert message.media is not None
    found = await bot.application.bot.get_file(message.media[1]["file_id"])
    assert found.file_path is not None
    async with httpx.AsyncClient() as http:
        return (await http.get(found.file_path)).content


def large_files(folder: Path) -> list[Path]:
    """Every file there is that may be somebody's."""
    found = []
    for path in folder.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # the bot writes, and moves, meanwhile
            if path.is_file() and path.stat().st_size > 100_000:
                found.append(path)
    return found


async def test_a_file_arrives_whole_under_its_name_and_the_notice_goes(
    bot: RunningBot, ann: Person
) -> None:
    """Over several pieces, with the chat's own sign of it meanwhile."""
    content = os.urandom(5 * MB + 1)
    await put_file(bot, "名字 <b>.bin", content)
    await ann.send("/get 名字")
    notice = await ann.wait_for("Sending 名字 <b>.bin (5 MiB)")
    message = await ann.wait_for(is_file)
    assert md5_of(await received(bot, message)) == md5_of(content)
    assert names(ann) == ["名字 <b>.bin"]
    await until(lambda: "upload_document" in ann.actions())
    await ann.wait_gone(notice.id)
    await until(lambda: '"file_sent"' in bot.log.getvalue())


async def test_memory_stays_flat_and_no_file_is_to_be_seen(bot: RunningBot, ann: Person) -> None:
    """Of 16 MiB a few are held; what is on disk has no name."""
    await put_file(bot, "large.bin", bytes(16 * MB))
    tracemalloc.start()
    try:
        await ann.send("/get large")
        await ann.wait_for("Sending large.bin")
        assert large_files(bot.folder) == []
        await ann.wait_for(is_file, timeout=25)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 12 * MB  # the sandbox's own share included
    assert large_files(bot.folder) == []


async def test_what_telegram_would_not_take_is_explained_before_a_byte_moves(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """Too big, with the link; or empty."""
    await put_file(bot, "film.mkv", bytes(50 * MB + 1))
    await put_file(bot, "nothing.txt", b"")
    await google.forget_calls()
    await ann.send("/get film")
    message = await ann.wait_for("too big for Telegram: I can send files of up to 50 MiB")
    assert message.button("Open in Drive") is not None
    await ann.send("/get nothing")
    await ann.wait_for("Telegram takes no empty files")
    counts = (await google.calls())["counts"]
    assert counts.get("google.drive.files.get", 0) == 0
    assert counts.get("telegram.sendDocument", 0) == 0


async def test_a_local_bot_api_server_takes_what_the_cloud_does_not(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Up to 2000 MiB, over the same way."""
    ann = people()
    async with start_bot(TELEGRAM_LOCAL_MODE="true") as bot:
        async with TelegramControls(ann.base_url) as telegram:
            await telegram.local_mode(True)
        assert bot.services.sender.limit == LOCAL_LIMIT
        await connect(ann, google, AMY)
        await put_file(bot, "film.mkv", b"film")
        await ann.send("/get film")
        await ann.wait_for(is_file)


async def test_one_person_gets_one_file_at_a_time_in_their_order(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """What is on its way already is not sent twice; others need not wait for it."""
    for name in ("a.bin", "b.bin", "c.bin"):
        await put_file(bot, name, os.urandom(200_000))
    await google.fault("telegram.sendDocument", "latency", seconds=60)
    await ann.send("/get a.bin")
    await ann.send("/get b.bin")
    await ann.send("/get c.bin")
    await ann.send("/get c.bin")
    await ann.wait_for("c.bin is on its way already")
    assert names(ann) == []
    await google.clear_faults()
    await until(lambda: len(names(ann)) == 3)
    assert names(ann) == ["a.bin", "b.bin", "c.bin"]


async def test_no_more_than_two_people_are_sent_files_at_once(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The third one's comes when another is through."""
    cast = [people(501 + number, f"P{number}") for number in range(3)]
    for number, person in enumerate(cast):
        await connect(person, google, f"p{number}@example.com")
        work = put("a.bin", os.urandom(150_000))
        await bot.services.core.drives.run(Owner.user(person.id), work)
    await google.rate("telegram.sendDocument", 150_000)
    for person in cast:
        await person.send("/get a.bin")
        await person.wait_for("Sending a.bin")
    await cast[0].wait_for(is_file)
    assert names(cast[2]) == []
    await cast[2].wait_for(is_file)
    assert names(cast[1]) == ["a.bin"]


async def test_a_flood_limit_is_obeyed_and_the_file_sent_whole_afterwards(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """The second try sends the file from its beginning."""
    content = os.urandom(300_000)
    await put_file(bot, "a.bin", content)
    await google.fault("telegram.sendDocument", "status", status=429, retry_after=1)
    await ann.send("/get a.bin")
    message = await ann.wait_for(is_file)
    assert await received(bot, message) == content


async def test_what_drive_breaks_off_is_asked_for_again_and_a_lasting_fault_is_said(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """Nothing half comes into the chat; Try again does it."""
    content = os.urandom(3 * MB)
    await put_file(bot, "a.bin", content)
    await google.fault("google.drive.files.get", "cut_response", after_bytes=100_000, skip=1)
    await ann.send("/get a.bin")
    assert await received(bot, await ann.wait_for(is_file)) == content
    await google.fault(
        "google.drive.files.get", "cut_response", after_bytes=10_000, skip=1, count=0
    )
    await ann.send("/get a.bin")
    message = await ann.wait_for("does not answer just now")
    assert len(names(ann)) == 1
    await google.clear_faults()
    await ann.tap("Try again", message)
    await ann.wait_for(is_file)


async def test_what_telegram_refuses_is_said_and_can_be_tried_again(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """Whatever its reason."""
    await put_file(bot, "a.bin", b"abc")
    await google.fault("telegram.sendDocument", "status", status=400)
    await ann.send("/get a.bin")
    message = await ann.wait_for("did not get through to Telegram")
    refusal = '{"ok":false,"error_code":413,"description":"Request Entity Too Large"}'
    await google.fault("telegram.sendDocument", "status", status=413, body=refusal)
    await ann.tap("Try again", message)
    await ann.wait_for("too big for Telegram")


async def test_cancel_ends_what_is_being_sent_and_what_waits_for_that(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """Nothing of it comes later; each says so in its own message, and can be asked for again."""
    for name in ("a.bin", "b.bin"):
        await put_file(bot, name, os.urandom(500_000))
    await google.rate("telegram.sendDocument", 100_000)
    await ann.send("/get a.bin")
    await ann.wait_for("Sending a.bin")
    await ann.send("/get b.bin")
    since = (await ann.wait_for("Sending b.bin")).seq
    await ann.send("/cancel")
    await ann.wait_for("⏹ Cancelled. Files on their way to you: 2")
    for name in ("a.bin", "b.bin"):
        cancelled = await ann.wait_for(f"{name} was cancelled", since=since)
    assert [line["result"] for line in logged(bot, "file_not_sent")] == ["cancelled"] * 2
    assert large_files(bot.folder) == []
    await google.rate("telegram.sendDocument", None)
    await ann.tap("Try again", cancelled)
    await ann.wait_for(is_file)
    assert names(ann) == ["b.bin"]
    await ann.send("/cancel")
    await ann.wait_for("There is nothing to cancel")


async def test_a_stop_in_the_middle_tells_the_person_and_leaves_nothing(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """The next start knows nothing of it, and needs not; the button does."""
    ann = people()
    async with start_bot() as bot:
        await connect(ann, google, AMY)
        await put_file(bot, "a.bin", os.urandom(3 * MB))
        await google.rate("telegram.sendDocument", 500_000)
        await ann.send("/get a.bin")
        await ann.wait_for("Sending a.bin")
        await asyncio.sleep(0.5)
        assert large_files(bot.folder) == []
    message = await ann.wait_for("did not get through to Telegram")
    assert large_files(bot.folder) == []
    await google.rate("telegram.sendDocument", None)
    async with start_bot():
        await ann.tap("Try again", message)
        await ann.wait_for(is_file)
