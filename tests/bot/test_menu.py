"""Menus and descriptions: shown where Telegram takes them, and never in the way of anything."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from telegram import BotCommand

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.group import Group
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from tests.fixtures import RunningBot, StartBot
from tests.journeys import until, until_called

People = Callable[..., Person]
pytestmark = [pytest.mark.one_way("off"), pytest.mark.timing(menu=0)]


def events(bot: RunningBot, *levels: str) -> list[str]:
    """What is in the log at these levels."""
    lines = [json.loads(line) for line in bot.log.getvalue().splitlines()]
    return [line["event"] for line in lines if line["level"] in levels]


@pytest.mark.parametrize("target", ["telegram.setMy*", "telegram.getMy*", "telegram.setMyCommands"])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("status", {"status": 429, "retry_after": 3600}),
        ("status", {"status": 400, "reason": "Bad Request: BOT_COMMAND_INVALID"}),
        ("status", {"status": 404, "reason": "Not Found: method not found"}),
        ("status", {"status": 403, "reason": "Forbidden"}),
        ("status", {"status": 500}),
        ("html", {"status": 200}),
        ("drop", {}),
        ("hang", {}),
    ],
)
@pytest.mark.one_way
async def test_the_bot_starts_and_answers_whatever_becomes_of_its_menu(
    start_bot: StartBot,
    google: GoogleControls,
    people: People,
    target: str,
    kind: str,
    options: dict[str, Any],
) -> None:
    """getMe alone decides; what cannot be published is a warning, once."""
    ann = people()
    await google.fault(target, kind, count=0, **options)
    async with asyncio.timeout(20):
        async with start_bot(WEB_PORT=0, ADMIN_USER_IDS="900") as bot:
            await ann.send("/help")
            await ann.wait_for("20 MiB")
            await until(lambda: "menu_not_published" in events(bot, "warning"))
            await google.clear_faults()
    assert events(bot, "error", "critical") == []
    assert events(bot, "warning") == ["menu_not_published"]


async def test_only_what_differs_is_published_and_one_refusal_holds_up_nothing_else(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """A restart that changes nothing asks, and writes nothing."""
    ann, chen = people(501, "Ann", "en"), people(502, "陳", "zh")
    await ann.open()
    await chen.open()
    await google.fault("telegram.setMyDescription", "status", status=400, reason="x", count=0)
    async with start_bot(WEB_PORT=0) as bot:
        await until(lambda: "menu_not_published" in events(bot, "warning"))
        assert ("help", "How it works") in await ann.commands()
        assert dict(await chen.commands())["help"] != "How it works"
    await google.clear_faults()
    await google.forget_calls()
    async with start_bot(WEB_PORT=0) as bot:
        await until_called(google, "telegram.setMyDescription", 2)
        await until_called(google, "telegram.getMyShortDescription", 2)
    await google.forget_calls()
    async with start_bot(WEB_PORT=0) as bot:
        await until_called(google, "telegram.getMyShortDescription", 2)
        assert events(bot, "warning", "error") == []
    called = (await google.calls())["counts"]
    assert [name for name in called if name.startswith("telegram.set")] == []


@pytest.mark.timing(menu_again=0.1)
async def test_a_menu_that_has_to_wait_is_published_when_it_may(
    start_bot: StartBot,
    google: GoogleControls,
    people: People,
) -> None:
    """By itself, without a restart."""
    ann = await people().open()
    await google.fault("telegram.setMyCommands", "status", status=429, retry_after=1, count=1)
    async with start_bot(WEB_PORT=0) as bot:
        await until(lambda: "menu_not_published" in events(bot, "warning"))
        await until_called(google, "telegram.getMyShortDescription", 2)
        assert ("help", "How it works") in await ann.commands()


async def test_a_persons_menu_keeps_nobody_waiting(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Whoever is greeted for the first time, or chooses a language, is answered at once."""
    await until_called(google, "telegram.getMyShortDescription", 2)
    await google.fault("telegram.setMyCommands", "status", status=429, retry_after=3600, count=0)
    ann = people()
    async with asyncio.timeout(10):
        await ann.start()
        await ann.wait_for("your own Google Drive")
        await ann.send("/language")
        await ann.wait_for("Which language?")
        await ann.tap("English")
        await ann.wait_for("From now on")
        await ann.send("/help")
        await ann.wait_for("20 MiB")
    assert events(bot, "warning", "error") == []


@pytest.mark.parametrize(
    "options",
    [
        {"status": 429, "retry_after": 1},
        {"status": 500},
        {"status": 400, "reason": "Bad Request"},
        {"status": 403, "reason": "Forbidden"},
        {"status": 200, "body": "[]"},
        {"status": 200, "body": {"ok": True}},
        {"status": 200, "body": {"ok": True, "result": None}},
        {"status": 200, "body": {"ok": True, "result": {}}},
        {"status": 200, "body": {"ok": True, "result": {"id": "x", "is_bot": 1}}},
        {"status": 200, "body": {"ok": False}},
        {"status": 418, "body": {"ok": False, "parameters": [3]}},
    ],
)
@pytest.mark.one_way
async def test_who_the_bot_is_is_asked_until_it_is_said(
    start_bot: StartBot, google: GoogleControls, people: People, options: dict[str, Any]
) -> None:
    """An answer that is none, or comes too soon after others, ends no start."""
    ann = people()
    await google.fault("telegram.getMe", "status", **options)
    async with start_bot(WEB_PORT=0) as bot:
        await ann.send("/help")
        await ann.wait_for("20 MiB")
        assert events(bot, "error", "critical") == []


async def test_each_chat_has_the_menu_of_what_works_there(
    start_bot: StartBot, google: GoogleControls, telegram: TelegramControls, people: People
) -> None:
    """A group's is in the language of whoever opens it; an earlier version's list goes."""
    ann, chen = await people(501, "Ann", "en").open(), await people(502, "陈", "zh-hans").open()
    number = await telegram.make_group("Depot", [501, 502], told=False)
    async with start_bot(WEB_PORT=0, ALLOWED_CHAT_IDS=str(number)) as bot:
        old = BotCommand("connect", "Connect")
        await bot.application.bot.set_my_commands([old])
        await until_called(google, "telegram.getMyShortDescription", 2)
    async with start_bot(WEB_PORT=0, ALLOWED_CHAT_IDS=str(number)) as bot:
        await until_called(google, "telegram.deleteMyCommands", 1)
        assert await bot.application.bot.get_my_commands() == ()
        async with Group(ann.base_url, number) as group:
            assert await group.by(ann).commands() == [
                ("save", "Reply to a file: I put it into your Drive"),
                ("help", "What I do in a group"),
            ]
            assert dict(await group.by(chen).commands())["help"] == "我在群组里能做什么"
            await group.by(ann).send("/help@drivekeeper_sandbox_bot")
            said = await group.wait_for("Here I take files only")
            assert "/save@drivekeeper_sandbox_bot" in said.text
        assert "connect" in dict(await ann.commands())
        assert "save" not in dict(await ann.commands())
