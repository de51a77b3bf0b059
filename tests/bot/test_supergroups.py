"""A group that becomes a supergroup while a file is on its way: another id, the same people."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from bot.uploads.jobs import UploadJob
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.group import Group
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from sandbox.server import Sandbox
from security.encryption import TokenEncryption
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, until
from tests.stores import uploads_in

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("off")
AMY = "amy@example.com"
BOT = "@drivekeeper_sandbox_bot"


@pytest.fixture
async def group(
    sandbox: Sandbox, telegram: TelegramControls, people: People
) -> AsyncIterator[Group]:
    """A basic group of Ann's."""
    ann = await people(501, "Ann").open()
    number = await telegram.make_group("Depot", [501], kind="group", told=False)
    async with Group(sandbox.url, number) as group:
        yield group.by(ann)


@pytest.fixture
async def bot(start_bot: StartBot, group: Group) -> AsyncIterator[RunningBot]:
    """The bot, whose settings name the group as it was."""
    async with start_bot(ALLOWED_CHAT_IDS=str(group.id), WEB_PORT=0) as running:
        yield running


@asynccontextmanager
async def upgraded(telegram: TelegramControls, group: Group, ann: Person) -> AsyncIterator[Group]:
    """What it has become."""
    number = await telegram.upgrade(group.id)
    async with Group(telegram.base_url, number) as supergroup:
        yield supergroup.by(ann)


def jobs_of(bot: RunningBot) -> list[UploadJob]:
    """What the bot has written down."""
    keyring = TokenEncryption(bot.settings.encryption_keys)
    return uploads_in(bot.folder, keyring)


def errors(bot: RunningBot) -> list[dict[str, Any]]:
    """Lines of the log that tell of a defect."""
    lines = [json.loads(line) for line in bot.log.getvalue().splitlines()]
    return [line for line in lines if line["level"] in ("error", "critical")]


async def test_files_on_their_way_are_told_of_where_the_people_are_now(
    bot: RunningBot,
    google: GoogleControls,
    telegram: TelegramControls,
    people: People,
    group: Group,
) -> None:
    """The one that runs, and the one behind it, each once; and the private chat has its links."""
    ann = people()
    await connect(ann, google, AMY)
    await google.fault("google.upload.*", "latency", seconds=60)
    for name in ("a.bin", "b.bin"):
        await group.send_document(os.urandom(300), name, caption=BOT)
        await group.wait_for(name)
    async with upgraded(telegram, group, ann) as supergroup:
        await google.clear_faults()
        for name in ("a.bin", "b.bin"):
            await supergroup.wait_for(f"{name} is in Ann's Drive", since=0, timeout=30)
            await ann.wait_for(f"{name} (300 bytes) is in your Drive", since=0)
        await until(lambda: {job.state for job in jobs_of(bot)} == {"done"})
        assert {job.chat_id for job in jobs_of(bot)} == {supergroup.id}
        results = [m.text for m in supergroup.messages() if "is in Ann's" in m.text]
        assert len(results) == 2
    assert errors(bot) == []


async def test_what_waits_and_what_failed_follow_the_group(
    bot: RunningBot,
    google: GoogleControls,
    telegram: TelegramControls,
    people: People,
    group: Group,
) -> None:
    """A file that waits for a connection, asked for before the group moved."""
    ann = people()
    await ann.start()
    await ann.wait_for("Drivekeeper")
    await group.send_document(os.urandom(300), "a.bin", caption=BOT)
    await group.wait_for("is waiting")
    await ann.wait_for("Connect", since=0)
    async with upgraded(telegram, group, ann) as supergroup:
        await until(lambda: {job.chat_id for job in jobs_of(bot)} == {supergroup.id})
        await connect(ann, google, AMY)
        await supergroup.wait_for("a.bin is in Ann's Drive", since=0)
    assert errors(bot) == []


async def test_new_wishes_wait_for_the_settings_and_old_buttons_say_so(
    start_bot: StartBot,
    google: GoogleControls,
    telegram: TelegramControls,
    people: People,
    group: Group,
) -> None:
    """Which groups the bot works in is the operator's to say; with the new id, its buttons work."""
    ann = people()
    async with start_bot(ALLOWED_CHAT_IDS=str(group.id), WEB_PORT=0) as bot:
        await connect(ann, google, AMY)
        await google.fault("google.upload.*", "latency", seconds=60)
        await group.send_document(os.urandom(300), "a.bin", caption=BOT)
        await group.wait_for("a.bin")
        number = await telegram.upgrade(group.id)
        await google.clear_faults()
        async with Group(telegram.base_url, number) as supergroup:
            supergroup.by(ann)
            await supergroup.wait_for("Send it to whoever runs this bot", since=0)
            await supergroup.wait_for("a.bin is in Ann's Drive", since=0)
            assert "no longer works" in (await supergroup.tap("Show")).text
            await supergroup.send_document(b"x", "new.bin", caption=BOT)
            await until(lambda: bot.log.getvalue().count('"not_private"') == 2)
        await until(lambda: {job.state for job in jobs_of(bot)} == {"done"})
    async with (
        start_bot(ALLOWED_CHAT_IDS=str(number), WEB_PORT=0),
        Group(telegram.base_url, number) as supergroup,
    ):
        await supergroup.by(ann).tap("Show")
        await supergroup.wait_for(lambda m: "http" in str(m.raw.get("entities")))


async def test_a_file_that_was_sent_before_the_group_moved_is_answered_in_one_message(
    bot: RunningBot,
    google: GoogleControls,
    telegram: TelegramControls,
    people: People,
    group: Group,
) -> None:
    """The bot hears of the file only afterwards: "on its way" becomes the result all the same."""
    ann = people()
    await connect(ann, google, AMY)
    await google.fault("telegram.getUpdates", "status", status=502, count=2)
    await group.send("hello " + BOT)  # so that the fault strikes
    await group.send_document(os.urandom(300), "a.bin", caption=BOT)
    async with upgraded(telegram, group, ann) as supergroup:
        await supergroup.wait_for("a.bin is in Ann's Drive", since=0, timeout=30)
        about = {m.id for m in supergroup.messages() if m.from_bot and "a.bin" in m.text}
        assert len(about) == 1
        await until(lambda: {job.chat_id for job in jobs_of(bot)} == {supergroup.id})
    assert errors(bot) == []
