"""The sandbox as python-telegram-bot sees it: a small bot, driven by people."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from telegram import (
    BotCommand,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    LinkPreviewOptions,
    Update,
)
from telegram.error import BadRequest, Conflict, Forbidden, InvalidToken, RetryAfter
from telegram.ext import (
    Application,
    ApplicationBuilder,
    CallbackQueryHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    filters,
)
from telegram.request import HTTPXRequest

from security.google.network import DIRECT
from tests.sandbox.telegram_kit import TOKEN, Kit, eventually, running

App = Application[Any, Any, Any, Any, Any, Any]
Context = ContextTypes.DEFAULT_TYPE


async def greet(update: Update, context: Context) -> None:
    assert update.message is not None
    keyboard = InlineKeyboardMarkup(
        [
            [InlineKeyboardButton("Press me", callback_data="press")],
            [InlineKeyboardButton("Site", url="https://example.org/a")],
        ]
    )
    payload = " ".join(context.args or [])
    await update.message.reply_html(f"<b>Hello</b> {payload}", reply_markup=keyboard)


async def pressed(update: Update, context: Context) -> None:
    query = update.callback_query
    assert query is not None
    await query.answer("Pressed!", show_alert=True)
    await query.edit_message_text("It was pressed")


async def take(update: Update, context: Context) -> None:
    """Download what was sent and say how long it is."""
    message = update.message
    assert message is not None
    attachment = message.effective_attachment
    chosen: Any = attachment[-1] if isinstance(attachment, tuple) else attachment
    try:
        file = await chosen.get_file()
        data = await file.download_as_bytearray()
    except BadRequest as error:
        await message.reply_text(f"refused: {error.message}")
        return
    await message.reply_text(f"{len(data)} bytes")


async def echo(update: Update, context: Context) -> None:
    assert update.message is not None
    await update.message.reply_text(update.message.text or "?")


def builder(kit: Kit) -> Any:
    """A bot's; the authorities of TLS are not read again for it, since the sandbox has no TLS."""
    requests = (
        HTTPXRequest(connection_pool_size=size, httpx_kwargs={"verify": DIRECT.tls})
        for size in (256, 1)  # as the library has them
    )
    base = ApplicationBuilder().base_url(f"{kit.url}/bot").base_file_url(f"{kit.url}/file/bot")
    return base.request(next(requests)).get_updates_request(next(requests))


@asynccontextmanager
async def echo_bot(kit: Kit) -> AsyncIterator[App]:
    """A bot by long polling."""
    app: App = builder(kit).token(TOKEN).build()
    app.add_handler(CommandHandler("start", greet))
    app.add_handler(CallbackQueryHandler(pressed))
    app.add_handler(MessageHandler(filters.ATTACHMENT, take))
    app.add_handler(MessageHandler(filters.TEXT, echo))
    async with app:
        assert app.updater is not None
        await app.bot.set_my_commands([BotCommand("start", "Begin")])
        await app.start()
        await app.updater.start_polling(timeout=2)
        try:
            yield app
        finally:
            await app.updater.stop()
            await app.stop()


def size_of(path: Path) -> int:
    return path.stat().st_size


@pytest.fixture
async def kit(tmp_path: Path) -> AsyncIterator[Kit]:
    async with running(tmp_path) as started:
        yield started


async def test_a_person_talks_with_a_real_bot(kit: Kit) -> None:
    async with echo_bot(kit):
        ann = await kit.person(start=False)
        await ann.start("abc")
        hello = await ann.wait_for("Hello abc")
        assert hello.raw["entities"][0] == {"offset": 0, "length": 5, "type": "bold"}
        assert ann.button_url("Site") == "https://example.org/a"
        answer = await ann.tap("Press me")
        assert (answer.text, answer.show_alert) == ("Pressed!", True)
        changed = await ann.wait_for("It was pressed")
        assert changed.id == hello.id
        assert changed.edited
        assert not changed.buttons
        await ann.send("good day")
        assert (await ann.wait_for("good day")).from_bot
        assert await ann.commands() == [("start", "Begin")]


@pytest.mark.parametrize(
    "kind", ["document", "photo", "video", "audio", "voice", "video_note", "animation", "sticker"]
)
async def test_media_arrive_whole_and_are_parsed_by_the_library(kit: Kit, kind: str) -> None:
    async with echo_bot(kit):
        ann = await kit.person()
        await ann.wait_for("Hello")
        await ann.send_media(kind, b"x" * 300_001, "名字.bin")
        await ann.wait_for("300001 bytes")


async def test_a_file_above_20_mb_is_refused_to_the_library(kit: Kit) -> None:
    async with echo_bot(kit):
        ann = await kit.person()
        await ann.wait_for("Hello")
        await ann.send_document(b"x" * (20 * 1024 * 1024 + 1))
        await ann.wait_for("refused: File is too big")


async def test_local_mode_gives_the_library_a_path_on_disk(tmp_path: Path) -> None:
    async with running(tmp_path, local_mode=True) as kit:
        app: App = builder(kit).token(TOKEN).local_mode(True).build()
        async with app:
            ann = await kit.person()
            await kit.controls.local_mode(delay=0.3)
            sent = await ann.send_document(b"y" * (21 * 1024 * 1024))
            begun = asyncio.get_running_loop().time()
            file = await app.bot.get_file(sent.raw["document"]["file_id"])
            assert asyncio.get_running_loop().time() - begun >= 0.3
            assert file.file_path is not None
            path = Path(file.file_path)
            assert path.is_absolute()
            assert path.is_relative_to(tmp_path)
            assert size_of(path) == 21 * 1024 * 1024


async def test_refusals_become_the_librarys_own_errors(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PTB_TIMEDELTA", "1")  # or the library warns of its own attribute
    async with echo_bot(kit) as app:
        ann = await kit.person()
        await ann.wait_for("Hello")
        message = await app.bot.send_message(ann.id, "same")
        with pytest.raises(BadRequest, match="Message is not modified"):
            await app.bot.edit_message_text("same", ann.id, message.message_id)
        await ann.block()
        with pytest.raises(Forbidden, match="bot was blocked by the user"):
            await app.bot.send_message(ann.id, "hello?")
        await ann.unblock()
        await kit.controls.limits(enforce=True, burst=1, per_second=0.01, retry_after=1)
        await app.bot.send_message(ann.id, "one")
        with pytest.raises(RetryAfter, match="Retry in 0:00:01"):
            await app.bot.send_message(ann.id, "two")


async def test_a_second_instance_is_a_conflict_and_a_wrong_token_invalid(kit: Kit) -> None:
    first: App = builder(kit).token(TOKEN).build()
    second: App = builder(kit).token(TOKEN).build()
    async with first, second:
        poll = asyncio.create_task(first.bot.get_updates(timeout=5))
        await eventually(lambda: kit.world.queue._poll is not None)
        other = asyncio.create_task(second.bot.get_updates(timeout=1))
        with pytest.raises(Conflict, match="only one bot instance"):
            await poll
        await other
    stranger: App = builder(kit).token("42:" + "a" * 35).build()
    with pytest.raises(InvalidToken):
        await stranger.initialize()
    await stranger.bot.request.shutdown()


async def test_files_go_both_ways_and_previews_can_be_turned_off(kit: Kit) -> None:
    async with echo_bot(kit) as app:
        ann = await kit.person()
        await ann.wait_for("Hello")
        document = await app.bot.send_document(ann.id, b"content", filename="a b.txt", caption="c")
        assert document.document is not None
        assert document.document.file_name == "a b.txt"
        again = await app.bot.send_document(ann.id, document.document.file_id)
        assert again.document is not None
        assert (await ann.wait_for(lambda m: m.id == again.message_id)).media is not None
        await app.bot.send_message(
            ann.id, f"{kit.url}/x", link_preview_options=LinkPreviewOptions(is_disabled=True)
        )
        assert not kit.world.previews.opened
        await app.bot.send_message(ann.id, f"{kit.url}/x")
        await eventually(lambda: kit.world.previews.opened[0]["status"] is not None)
        assert kit.world.previews.opened[0]["url"] == f"{kit.url}/x"
