"""What must hold when Telegram, the disk or other people are in the way."""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable

import pytest
from telegram import Document, Message
from telegram.constants import ChatType

from bot.texts.filenames import incoming_file
from processes import bot as bot_process
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from security.credential import Owner
from tests.bot.upkeep import logged
from tests.fixtures import RunningBot, StartBot
from tests.journeys import (
    ask_device_code,
    connect,
    forge_tap,
    md5_of,
    out_of_place,
    put,
    times_told,
    unfinished,
    until,
    until_struck,
    until_uploading,
)

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("off")
AMY = "amy@example.com"


async def test_a_refusal_that_cannot_be_sent_still_refuses(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """An error in the gate must not open it."""
    eve, ann = people(666, "Eve"), people(501, "Ann")
    async with start_bot(ALLOWED_USER_IDS="501") as bot:
        await google.fault("telegram.sendMessage", "status", status=502, count=1)
        await eve.send("/connect")
        await ann.send("/help")
        await ann.wait_for("20 MiB")
        assert (await google.calls())["counts"].get("google.device_code", 0) == 0
        await until(lambda: '"access_denied"' in bot.log.getvalue())


async def test_a_full_disk_stops_no_worker(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Once there is room again, everybody's next file is uploaded."""
    ann, journal = people(), bot.folder / "uploads"
    await connect(ann, google, AMY)
    await google.rate("google.upload.chunk", 150_000)
    for number in range(9):  # more than there are workers
        await ann.send_document(os.urandom(300_000), f"{number}.bin")
    await until_uploading(google)
    with out_of_place(journal):  # every write fails, as on a full disk
        await until(lambda: "store_failed" in bot.log.getvalue())
    await google.rate("google.upload.chunk", None)
    await ann.send_document(b"later", "later.txt")
    await ann.wait_for("later.txt (5 bytes) is in your Drive", timeout=30)


async def test_a_file_whose_end_cannot_be_written_down_is_in_drive_and_is_said_to_be(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """The disk fills up before Drive's last answer; the next start finds the file there, once."""
    ann, content = people(), os.urandom(5000)
    async with start_bot() as bot:
        await connect(ann, google, AMY)
        await google.fault("google.upload.chunk", "latency", seconds=100)
        await ann.send_document(content, "once.bin")
        await until_struck(google, "google.upload.chunk")
        journal, aside = bot.folder / "uploads", bot.folder.with_name("aside")
        journal.rename(aside)
        wrong = bot.folder.with_name("wrong")
        wrong.write_text("")
        put(wrong, journal)
        await google.clear_faults()
        said = await ann.wait_for("once.bin (4.9 KiB) is in your Drive")
        assert [entry["result"] for entry in logged(bot, "upload_not_saved")] == ["store_failed"]
        assert len(logged(bot, "upload_finished")) == 1
        await until(lambda: bot.services.uploads.counts() == (0, 0))
        put(aside, journal)
        assert [job.state for job in unfinished(bot.settings)] == ["queued"]
    async with start_bot() as bot:
        await until(lambda: len(logged(bot, "upload_finished")) == 1)
        await until(lambda: not unfinished(bot.settings))
    files = [file for file in await google.files(AMY) if file["md5"]]
    assert [(file["name"], file["md5"]) for file in files] == [("once.bin", md5_of(content))]
    assert [m.id for m in ann.messages() if "once.bin" in m.text and m.from_bot] == [said.id]
    assert not any("⚠️" in message.text for message in ann.messages())


async def test_a_language_that_cannot_be_written_down_keeps_nobody_from_an_answer(
    bot: RunningBot, people: People
) -> None:
    """The disk is full when Ann writes for the first time."""
    (bot.folder / "preferences" / "token_501.json").mkdir()
    ann = people(501, "安", "zh-hant")
    await ann.send("/help")
    assert "文件" in (await ann.wait_for("20 MiB")).text
    assert "handler_failed" not in bot.log.getvalue()


@pytest.mark.paced
@pytest.mark.timing(last_handlers=0.5)  # nobody reads the other answers
async def test_one_persons_flood_keeps_nobody_else_waiting(
    bot: RunningBot,
    google: GoogleControls,
    people: People,
) -> None:
    """Updates that wait for their own person take no place."""
    ann, ben = people(501, "Ann"), people(502, "Ben")
    await ben.start()
    await ben.wait_for("Drivekeeper")
    await google.fault("telegram.sendMessage", "latency", seconds=0.15, count=0)
    for _ in range(300):
        await ann.send("hello")
    began = time.monotonic()
    await ben.send("/help")
    await ben.wait_for("20 MiB")
    assert time.monotonic() - began < 15  # of the 45 that the answers to Ann take


async def test_one_chats_flood_limit_halts_no_other_chat(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """AIORateLimiter by itself would halt them all."""
    ann, ben = people(501, "Ann"), people(502, "Ben")
    await ann.start()
    await ben.start()
    await ben.wait_for("Drivekeeper")
    await google.fault(
        "telegram.sendMessage", "status", status=429, retry_after=6, owner=501, count=1
    )
    await ann.send("/help")
    await ben.send("/help")
    await ben.wait_for("20 MiB")
    assert times_told(ann, "20 MiB") == 0
    await ann.wait_for("20 MiB")


async def test_a_file_whose_acknowledgement_fails_is_uploaded_once(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The person is not asked to send it again."""
    ann = people()
    await connect(ann, google, AMY)
    await google.fault("telegram.sendMessage", "status", status=502, count=1)
    await ann.send_document(b"once", "once.txt")
    await ann.wait_for("once.txt (4 bytes) is in your Drive")
    assert len([f for f in await google.files(AMY) if f["name"] == "once.txt"]) == 1


async def test_a_tap_that_grew_old_is_carried_out(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Only the toast is lost."""
    ann = people()
    code = await ask_device_code(ann)
    await google.approve_device(code, AMY)
    await ann.wait_for("has approved")
    async with TelegramControls(ann.base_url) as telegram:
        await telegram.callback_lifetime(0)
    with contextlib.suppress(AssertionError):
        await ann.tap("Yes, that is mine", timeout=1)
    await ann.wait_for("Connected", since=0)


async def test_a_lost_message_after_connecting_strands_no_file(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """What must happen comes before what is said about it."""
    ann = people()
    await ann.send_document(b"wait", "wait.txt")
    await ann.wait_for("is waiting")
    code = await ask_device_code(ann)
    await google.approve_device(code, AMY)
    await ann.wait_for("has approved")
    await google.fault("telegram.editMessageText", "status", status=502, count=1)
    await ann.tap("Yes, that is mine")
    await ann.wait_for("wait.txt (4 bytes) is in your Drive")


async def test_files_that_waited_over_a_stop_are_released_at_the_start(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """The stop fell between the saving of the consent and the release."""
    ann = people()
    async with start_bot() as bot:
        await ann.send_document(b"wait", "wait.txt")
        await ann.wait_for("is waiting")
        (waiting,) = (bot.folder / "uploads").glob("*.json")
        kept = waiting.read_bytes()
        await connect(ann, google, AMY)
        await ann.wait_for("is in your Drive", since=0)
        await until(lambda: not unfinished(bot.settings))
    waiting.write_bytes(kept)
    async with start_bot() as bot:
        await until(lambda: not unfinished(bot.settings))


async def test_disconnecting_happens_even_if_nobody_can_be_told(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """One lost message is no reason to stay connected."""
    ann = people()
    await connect(ann, google, AMY)
    await google.rate("google.upload.chunk", 300_000)
    await ann.send_document(os.urandom(3_000_000), "a.bin")
    await ann.send_document(os.urandom(3_000), "b.bin")
    await ann.wait_for("b.bin")
    await ann.send("/disconnect")
    await ann.wait_for("Disconnect your Google Drive?")
    await google.fault("telegram.editMessageText", "status", status=502, count=2)
    await ann.tap("Yes, disconnect")
    await until(lambda: not (bot.folder / "token_501.json").exists())
    await google.rate("google.upload.chunk", None)


async def test_yes_then_no_tells_the_truth(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """After "Yes" nothing was thrown away, whatever is tapped next."""
    ann = people()
    code = await ask_device_code(ann)
    await google.approve_device(code, AMY)
    question = await ann.wait_for("has approved")
    await ann.tap("Yes, that is mine", question)
    await ann.wait_for("Connected as")
    no = question.button("No, not mine")
    assert no is not None
    await forge_tap(ann, str(no.callback_data))
    await ann.wait_for("You are connected as amy@example.com. Nothing has changed")


async def test_another_persons_upload_cannot_be_cancelled_by_a_forged_tap(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The job in a button belongs to somebody."""
    ann, eve = people(501, "Ann"), people(666, "Eve")
    await eve.start()
    await eve.wait_for("Drivekeeper")
    await connect(ann, google, AMY)
    await google.fault("google.upload.chunk", "latency", seconds=60)
    await ann.send_document(os.urandom(2_000_000), "hers.bin")
    message = await ann.wait_for(lambda m: bool(m.buttons) and "hers.bin" in m.text)
    await forge_tap(eve, str(message.buttons[0].callback_data))
    await until(lambda: '"not_yours"' in bot.log.getvalue())
    await google.clear_faults()
    await ann.wait_for("is in your Drive", timeout=30)


async def test_connect_again_and_again_asks_google_once(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The quota of device codes is the whole project's."""
    ann = people()
    codes = {await ask_device_code(ann) for _ in range(5)}
    assert len(codes) == 1
    assert (await google.calls())["counts"]["google.device_code"] == 1


@pytest.mark.timing(ask_account_again=0.2)
async def test_an_approval_nobody_could_be_shown_is_shown_again(
    bot: RunningBot,
    google: GoogleControls,
    people: People,
) -> None:
    """One lost message does not lose the approval."""
    ann = people()
    code = await ask_device_code(ann)
    await google.fault("telegram.editMessageText", "status", status=502, count=1)
    await google.approve_device(code, AMY)
    await ann.wait_for("has approved")


async def test_erasing_in_the_middle_of_an_upload_leaves_no_name(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Nothing of the file is kept for a connection that is gone."""
    ann = people()
    await connect(ann, google, AMY)
    await google.rate("google.upload.chunk", 100_000)
    await ann.send_document(os.urandom(6_000_000), "secret-name.bin")
    await until_uploading(google)
    await ann.send("/privacy")
    await ann.wait_for("What I keep about you")
    await ann.tap("Delete all my data")
    await ann.wait_for("Delete everything I keep")
    await ann.tap("Yes, delete everything")
    await ann.wait_for("deleted too")
    await ann.wait_for("secret-name.bin was cancelled", since=0)
    await google.rate("google.upload.chunk", None)
    await until(lambda: not any((bot.folder / "uploads").iterdir()))


async def test_two_bots_do_not_share_a_data_folder(
    bot: RunningBot,
) -> None:
    """Both would upload what the journal holds."""
    storage = bot.services.core.storage
    async with bot_process.only_bot_on(storage):
        with pytest.raises(bot_process.StartupError, match="another Drivekeeper"):
            async with bot_process.only_bot_on(storage, 0.1):
                pass


async def test_a_token_telegram_no_longer_accepts_is_noticed(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """python-telegram-bot just stops polling, and looks alive."""
    await google.fault("telegram.getUpdates", "status", status=401, count=1)
    await people().send("/help")  # ends the poll that is under way
    await asyncio.wait_for(bot.services.telegram_health.token_refused.wait(), 15)


@pytest.mark.parametrize(
    ("claimed", "used"),
    [
        ("image/png", "image/png"),
        ("text/плохо", "application/octet-stream"),
        ("a/b\r\nX-Evil: 1", "application/octet-stream"),
        ("application/vnd.google-apps.folder", "application/octet-stream"),
        ("", "application/octet-stream"),
    ],
)
def test_a_claimed_type_is_used_only_if_it_is_one(claimed: str, used: str) -> None:
    """It goes into headers, and Google makes its own kinds into folders."""
    from datetime import UTC, datetime

    from telegram import Chat

    document = Document("id", "unique", file_name="a.bin", mime_type=claimed)
    message = Message(1, datetime.now(UTC), Chat(1, ChatType.PRIVATE), document=document)
    found = incoming_file(message)
    assert found is not None
    assert found.mime_type == used


async def test_an_owner_is_never_shown_by_its_repr() -> None:
    """Tracebacks and debuggers show reprs."""
    assert "501" not in repr(Owner.user(501))
