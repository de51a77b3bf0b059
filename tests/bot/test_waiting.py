"""While Google is silent: people see that it goes on, are told in time, and served meanwhile."""

from __future__ import annotations

import asyncio
import socket
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from pydantic import SecretStr

from bot.updates.journal import UpdateJournal
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from tests.bot.test_updates import BOT_ID, kept, message
from tests.bot.upkeep import Upkeep, logged
from tests.bot.upload_line import ANN, job
from tests.fixtures import RunningBot, StartBot
from tests.journeys import (
    ask_to_connect,
    connect,
    forge_tap,
    times_told,
    until,
    until_struck,
)
from tests.stores import storage_in

People = Callable[..., Person]
AMY = "amy@example.com"
SOON = 10.0
"""Seconds, on a busy machine, for what comes at once."""


async def silence(google: GoogleControls, *operations: str) -> None:
    """Google answers none of these any more; without any: nothing at all."""
    for operation in operations or ("google.*",):
        await google.fault(operation, "hang", count=None)


@asynccontextmanager
async def within(least: float, most: float) -> AsyncIterator[None]:
    """What happens in here takes so many seconds."""
    began = time.monotonic()
    yield
    assert least <= time.monotonic() - began <= most


def said_nothing_of_google(person: Person) -> int:
    """How often the bot has said that Google does not answer."""
    return sum("does not answer" in message.text for message in person.messages())


@pytest.mark.one_way("on")
@pytest.mark.timing(answer=6)
async def test_what_needs_no_google_is_answered_beside_what_waits_for_it(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """And so is a file; the questions wait in their line, and end in time."""
    ann = people()
    await connect(ann, google, AMY)
    await silence(google)
    began = time.monotonic()
    for text in ("/status", "/files", "/folder"):
        await ann.send(text)
    await until(lambda: ann.actions() == ["typing"], SOON)
    for text, answer in (
        ("/help", "How it works"),
        ("/language", "Which language"),
        ("/uploads", "Nothing is on its way"),
        ("/privacy", "What I keep"),
        ("/start", "You are connected"),
        ("/disconnect", "Disconnect your Google Drive?"),
        ("/get", "Which file shall I send?"),
        ("hello", "Send me a file"),
    ):
        await ann.send(text)
        await ann.wait_for(answer, SOON)
    await ann.send_document(b"x", "a.txt")
    await ann.wait_for("a.txt", SOON)
    assert said_nothing_of_google(ann) == 0
    await ann.wait_for("does not answer", since=0)
    assert time.monotonic() - began > 5.9
    await until(lambda: said_nothing_of_google(ann) == 3)
    assert time.monotonic() - began < 17  # one after the other they would take 18


@pytest.mark.one_way("off")
async def test_status_ends_within_fifteen_seconds_whatever_google_does(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """In earnest, typing all the while."""
    ann = people()
    await connect(ann, google, AMY)
    await silence(google)
    async with within(10, 20):  # of a busy machine; of an idle one it is 12
        await ann.send("/status")
        await ann.wait_for("does not answer just now")
    assert ann.actions() in (["typing"] * 2, ["typing"] * 3)


@pytest.mark.one_way("on")
@pytest.mark.timing(busy_after=20)
async def test_what_is_answered_at_once_shows_no_typing(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    ann = people()
    await connect(ann, google, AMY)
    for text in ("/status", "/help", "/files", "hello"):
        await ann.send(text)
        await ann.wait_for(lambda m: bool(m.text))
    await ann.send_document(b"x", "a.txt")
    await ann.wait_for("is in your Drive")
    assert (await google.calls())["counts"].get("telegram.sendChatAction", 0) == 0


@pytest.mark.one_way("off")
@pytest.mark.timing(answer=5, busy_after=1)
async def test_an_action_that_telegram_refuses_or_has_no_time_for_changes_nothing(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """It is tried no more after a 429, which is for what matters more."""
    ann = people()
    await connect(ann, google, AMY)
    await silence(google)
    await google.fault("telegram.sendChatAction", "status", status=429, retry_after=1, count=None)
    async with within(4.5, 13):
        await ann.send("/status")
        await ann.wait_for("does not answer")
    # Of all calls some are of connecting, where that took long.
    assert [fault["hits"] for fault in await google.faults()][-1] == 1


@pytest.mark.one_way("on")
@pytest.mark.timing(answer=1.5, busy_after=0.1)
async def test_typing_is_shown_in_the_topic_in_which_it_was_asked(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    ann = people()
    await connect(ann, google, AMY)
    await silence(google)
    async with TelegramControls(ann.base_url) as telegram:
        ann.topic = await telegram.make_topic(ann.id, "Letters")
    await ann.send("/status")
    await ann.wait_for("does not answer")
    await until(lambda: ann.topics_of_actions() == [ann.topic])


def threads_at_work() -> list[str]:
    """The threads for calls to Drive that are not idle."""
    frames = sys._current_frames()
    found = []
    for thread in threading.enumerate():
        frame = frames.get(thread.ident or 0)
        while thread.name.startswith("drive-") and frame is not None:
            if frame.f_code.co_name == "_do":
                found.append(thread.name)
                break
            frame = frame.f_back
    return found


@contextmanager
def nobody_accepts() -> Iterator[int]:
    """A port where connections are asked for in vain: the queue of those that wait is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        try:
            yield listener.getsockname()[1]
        finally:
            for one in waiting:
                one.close()


@pytest.mark.one_way("on")
@pytest.mark.timing(answer=1.5)
@pytest.mark.parametrize("kind", ["silent", "drip", "token", "connect"])
async def test_whatever_google_does_a_question_ends_and_its_thread_is_free(
    start_bot: StartBot, google: GoogleControls, people: People, upkeep: Upkeep, kind: str
) -> None:
    """Silent, a byte a second, a token endpoint without an answer, a connection nobody accepts."""
    ann = people()
    await upkeep.connect(ann)
    settings = {}
    with nobody_accepts() as port:
        if kind == "connect":
            settings["GOOGLE_API_ENDPOINT"] = f"http://127.0.0.1:{port}"
        async with start_bot(WEB_PORT=0, **settings):
            if kind == "drip":
                await google.rate("google.drive.about", 1)
            elif kind == "token":
                await google.expire_access_tokens()
                await silence(google, "google.token.refresh")
            elif kind == "silent":
                await silence(google, "google.drive.*")
            async with within(1.4, 20):
                await ann.send("/status")
                await ann.wait_for("does not answer")
            await until(lambda: threads_at_work() == [], SOON)
            await google.clear_faults()
            await google.rate("google.drive.about", None)
            if kind != "connect":
                await ann.send("/status")
                await ann.wait_for("Connected")


@pytest.mark.one_way("on")
@pytest.mark.timing(answer=4)
async def test_a_refresh_goes_on_to_its_save_though_nobody_waits_for_it(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """What ends is the waiting: Google is asked once, and what it gives is kept."""
    ann = people()
    await connect(ann, google, AMY)
    await google.expire_access_tokens()
    await google.fault("google.token.refresh", "latency", seconds=60)
    await ann.send("/status")
    await ann.wait_for("does not answer")
    await google.clear_faults()
    await until(lambda: '"token_refreshed"' in bot.log.getvalue())
    await ann.send("/status")
    await ann.wait_for("Connected")
    assert (await google.calls())["counts"]["google.token.refresh"] == 1


@pytest.mark.one_way("on")
@pytest.mark.timing(answer=40)
async def test_a_tap_that_waits_for_its_turn_is_acknowledged_at_once(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """No button spins while Google is asked something else."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send_document(b"x", "a.txt")
    await ann.wait_for("is in your Drive")
    await ann.send("/files")
    listed = await ann.wait_for("Your files")
    await silence(google)
    for _ in range(3):
        await ann.tap("a.txt", listed, timeout=SOON)


@pytest.mark.one_way("off")
@pytest.mark.timing(answer=40)
async def test_cancel_ends_questions_that_were_asked_before_it_and_none_after(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Whether they are being asked or wait for that; they are answered no more."""
    ann = people()
    await connect(ann, google, AMY)
    await silence(google)
    for text in ("/status", "/files", "/folder"):
        await ann.send(text)
    await until_struck(google, "google.*")
    await ann.send("/cancel")
    await ann.wait_for("not answer what you asked before", SOON)
    await google.clear_faults()
    await ann.send("/status")
    await ann.wait_for("Connected as", SOON)
    assert said_nothing_of_google(ann) == 0
    await until(lambda: threads_at_work() == [], SOON)


@pytest.mark.one_way("on")
@pytest.mark.timing(answer=40)
async def test_a_question_that_cancel_all_has_ended_is_said_to_have_ended(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The list of uploads shows none."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send("/uploads")
    await ann.wait_for("Nothing is on its way")
    await silence(google)
    await ann.send("/status")
    await until_struck(google, "google.*")
    await forge_tap(ann, "cancel-all")
    await ann.wait_for("not answer what you asked before", SOON)


@pytest.mark.one_way("on")
@pytest.mark.timing(answer=40)
async def test_what_is_given_up_by_the_dozen_leaves_threads_to_questions(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """What was begun in Drive is taken back there; a Drive that is silent holds nobody else up."""
    ann, bo = people(501, "Ann"), people(502, "Bo")
    await connect(ann, google, AMY)
    await connect(bo, google, "ben@example.com")
    session = SecretStr(f"{google.base_url}/upload/drive/v3/files?upload_id=x")
    for number in range(20):
        failed = job(ANN, number, state="failed")
        begun = failed.with_file(0, drive_file_id=f"begun-{number}", session=session)
        await bot.services.uploads.save(begun)
    await silence(google, "google.upload.cancel")
    await ann.send("/cancel")
    await until_struck(google, "google.upload.cancel", 2)
    await bo.send("/status")
    await bo.wait_for("Connected as", SOON)
    await until(lambda: len(threads_at_work()) <= 2, SOON)
    await google.clear_faults()


@pytest.mark.one_way("off")
@pytest.mark.timing(answer=40)
async def test_a_change_that_is_cancelled_amid_is_said_to_be_perhaps_done(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Nobody knows by then, and how to look is said."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send_document(b"x", "a.txt")
    arrived = await ann.wait_for("is in your Drive")
    await ann.tap("Delete", arrived)
    await ann.wait_for("into your Drive's bin?")
    await google.fault("google.drive.files.update", "after", count=None)
    await google.fault("google.drive.files.update", "latency", seconds=30, count=None)
    await ann.tap("Yes, into the bin")
    await until_struck(google, "google.drive.files.update")
    await ann.send("/cancel")
    await ann.wait_for("may have done it all the same", SOON)


@pytest.mark.one_way("on")
@pytest.mark.timing(answer=40)
async def test_a_disconnection_that_waits_for_google_is_not_said_to_be_cancelled(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Nobody can end it any more; it goes on, and says so."""
    ann = people()
    await connect(ann, google, AMY)
    await google.fault("google.revoke", "latency", seconds=60)
    await ann.send("/disconnect")
    await ann.tap("Yes", await ann.wait_for("Disconnect your Google Drive?"))
    await until_struck(google, "google.revoke")
    await ann.send("/cancel")
    await ann.wait_for("There is nothing to cancel")
    assert times_told(ann, "Disconnected.") == 0
    await google.clear_faults()
    await ann.wait_for("Disconnected.", since=0)


@pytest.mark.one_way("on")
@pytest.mark.timing(answer=4)
async def test_a_disconnection_that_fails_after_nobody_waited_for_it_says_so(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """That it would say so was promised."""
    ann = people()
    await connect(ann, google, AMY)
    (bot.folder / "preferences" / "token_501.folder.json" / "in the way").mkdir(parents=True)
    await google.fault("google.revoke", "latency", seconds=60)
    await ann.send("/disconnect")
    await ann.tap("Yes", await ann.wait_for("Disconnect your Google Drive?"))
    await ann.wait_for("I go on by myself, and say so here when it is done")
    await google.clear_faults()
    await ann.wait_for("Something is wrong with this bot's set-up")
    await until(lambda: '"handler_failed"' in bot.log.getvalue())


@pytest.mark.one_way("on")
@pytest.mark.parametrize("way", ["/cancel", "the button"])
async def test_a_request_for_consent_is_cancelled_while_a_refresh_waits_for_google(
    bot: RunningBot, google: GoogleControls, people: People, way: str
) -> None:
    """The refresh holds the owner's lease for as long; afterwards the request is gone."""
    ann = people()
    await connect(ann, google, AMY)
    asked = await ask_to_connect(ann, "Enter this code")
    await google.expire_access_tokens()
    await silence(google, "google.token.refresh")
    await ann.send("/status")
    await until_struck(google, "google.token.refresh")
    if way == "/cancel":
        await ann.send("/cancel")
    else:
        await ann.tap("Cancel", asked, timeout=SOON)
    await ann.wait_for("Nothing was connected", SOON)
    consents = bot.folder / "consents"
    await google.clear_faults()
    await until(lambda: not list(consents.glob("*501*")))


@pytest.mark.one_way("on")
@pytest.mark.timing(last_handlers=30)  # who is cut short fails, and says so
async def test_a_cancel_that_the_stop_comes_upon_is_answered_all_the_same(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Amid its handling, or before: then by the next start."""
    ann = people()
    async with start_bot(WEB_PORT=0) as bot:
        await connect(ann, google, AMY)
        await ask_to_connect(ann, "Enter this code")
        await google.expire_access_tokens()
        await google.fault("google.token.refresh", "latency", seconds=60)
        await ann.send("/status")
        await until_struck(google, "google.token.refresh")
        before = kept(bot.folder)
        await ann.send("/cancel")
        await until(lambda: bool(kept(bot.folder) - before))

        async def answer_amid_the_stop() -> None:
            await asyncio.sleep(1)
            await google.clear_faults()

        answering = asyncio.create_task(answer_amid_the_stop())
    await answering
    async with start_bot(WEB_PORT=0) as next_bot:  # which finds it where it was not begun
        await ann.wait_for("Nothing was connected", since=0)
    for run in (bot, next_bot):
        for event in ("handler_failed", "python_warning"):
            assert logged(run, event) == []


@pytest.mark.one_way("off")
@pytest.mark.timing(answer=1.5)
async def test_a_file_sent_after_connect_is_taken_in_after_it(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Whoever taps Connect and then sends a file means it in this order."""
    ann = people()
    await ann.start()
    began = (await ann.wait_for("Drivekeeper")).seq
    await silence(google, "google.device_code")
    await ann.send("/connect")
    await ann.send_document(b"x", "a.txt")
    await ann.wait_for("is waiting")
    said = [m.text for m in ann.versions(began) if m.from_bot]
    assert ["does not answer" in text for text in said] == [True, False]


@pytest.mark.one_way("on")
async def test_a_file_sent_after_choosing_a_folder_goes_into_it(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """However long Google takes for the choice."""
    ann = people()
    await connect(ann, google, AMY)
    for folder in ("Taxes", "Letters"):
        await ann.send("/folder")
        await ann.wait_for("folder")
        await ann.tap("New folder")
        question = await ann.wait_for("be called?")
        await ann.send(folder, reply_to=question.id)
        made = await ann.wait_for(folder)
    await google.fault("google.drive.files.list", "latency", seconds=3, count=None)
    tapping = asyncio.create_task(ann.tap("Use", made))
    await until_struck(google, "google.drive.files.list")
    await ann.send_document(b"x", "a.txt")
    await tapping
    await google.clear_faults()
    arrived = await ann.wait_for("is in your Drive", since=0)
    assert "Letters" in arrived.text


@pytest.mark.one_way("on")
async def test_cancel_means_a_file_that_is_just_being_taken_in_and_none_sent_later(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Several in a row: only what came after the last one arrives."""
    ann = people()
    await connect(ann, google, AMY)
    await google.rate("google.upload.chunk", 2000)
    await google.fault("telegram.sendMessage", "latency", seconds=0.5, count=None)
    for number in range(3):
        await ann.send_document(b"x" * 6000, f"{number}.bin")
        await ann.send("/cancel")
    await ann.send_document(b"y", "last.txt")
    await ann.wait_for("last.txt (1 byte) is in your Drive", since=0)
    await until(lambda: bot.services.inbox.waiting.count(ann.id) == (0, 0))
    names = {file["name"] for file in await google.files(AMY) if not file["trashed"]}
    assert names == {"Telegram", "last.txt"}


@pytest.mark.one_way("off")
@pytest.mark.timing(answer=5)
async def test_after_a_restart_what_needs_no_google_is_answered_beside_what_does(
    start_bot: StartBot, google: GoogleControls, people: People, upkeep: Upkeep
) -> None:
    """What was left is judged by the table as well."""
    ann = people()
    await upkeep.connect(ann)
    journal = UpdateJournal(storage_in(upkeep.world.folder, upkeep.world.keyring), BOT_ID)
    for number, text in ((9, "/status"), (10, "/files"), (11, "/help")):
        journal.write(number, message(ann, number, text))
    await silence(google, "google.drive.*")
    await ann.start()  # whom a bot may write to
    async with start_bot(WEB_PORT=0):
        await ann.wait_for("How it works", since=0)
        assert said_nothing_of_google(ann) == 0
        await until(lambda: said_nothing_of_google(ann) == 2)
