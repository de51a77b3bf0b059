"""More than can be handled at once: kept in bounds, in order, and nobody else waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from telegram import Update

from bot.updates.fair_queue import AT_ONCE, FairQueue
from bot.updates.queued_update import QueuedUpdate
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from tests.bot.test_inbox import BOT, Runs, handled, is_idle, message, queued, update
from tests.bot.test_inbox import runs as runs  # a fixture
from tests.bot.test_updates import answers, kept
from tests.bot.upkeep import logged
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, md5_of, unfinished, until

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"


def file(number: int, user: int = 501) -> Update:
    """An update that brings a file, as Telegram sends it."""
    document = message(number, user=user)
    del document["message"]["text"]
    document["message"]["document"] = {"file_id": f"f{number}", "file_unique_id": f"u{number}"}
    return Update.de_json(document, BOT)


def reply(number: int, to: int) -> Update:
    """A text that answers another message."""
    document = message(number)
    document["message"]["reply_to_message"] = message(to)["message"]
    return Update.de_json(document, BOT)


@pytest.mark.one_way
async def test_twice_as_many_files_as_have_room_forwarded_at_once_all_arrive_in_order(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Though Drive takes them slower than Telegram would bring them."""
    async with start_bot(WEB_PORT=0, UPLOADS_PER_USER=30) as bot:
        await _forward_files(60, bot, google, people(501, "Ann"), people(502, "Bo"))


@pytest.mark.one_way
async def test_four_hundred_files_forwarded_at_once_all_arrive_in_order(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """By default settings."""
    async with start_bot(WEB_PORT=0) as bot:
        await _forward_files(400, bot, google, people(501, "Ann"), people(502, "Bo"))


async def _forward_files(
    count: int, bot: RunningBot, google: GoogleControls, ann: Person, bo: Person
) -> None:
    await connect(ann, google, AMY)
    await google.fault("google.upload.start", "latency", seconds=15)
    contents = [f"{number}".encode() * 7 for number in range(count)]
    for number, content in enumerate(contents):
        await ann.send_document(content, f"{number:03}.txt")
    await bo.send("/help")
    await bo.wait_for("20 MiB")
    await ann.send("/language")
    await ann.wait_for("Which language?", timeout=15)
    await until(lambda: len(logged(bot, "upload_finished")) == count, 240)
    files = [(f["name"], f["md5"]) for f in await google.files(AMY) if f["md5"]]
    assert files == [(f"{n:03}.txt", md5_of(content)) for n, content in enumerate(contents)]
    assert answers(ann, "was not taken") == []
    assert logged(bot, "handler_failed") == []


@pytest.mark.one_way
async def test_a_thousand_texts_from_a_stranger_add_no_document(
    start_bot: StartBot, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is refused in the log, the person is told once, and others are answered."""
    await _write_texts(1_000, start_bot, people, monkeypatch)


@pytest.mark.one_way
async def test_ten_thousand_texts_from_a_stranger_add_no_document(
    start_bot: StartBot, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    await _write_texts(10_000, start_bot, people, monkeypatch)


async def _write_texts(
    count: int, start_bot: StartBot, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    eve, ann = people(666, "Eve"), people(501, "Ann")
    async with start_bot(ALLOWED_USER_IDS="501") as bot, TelegramControls(eve.base_url) as telegram:
        written: list[int] = []

        def note(number: int, document: dict[str, Any]) -> int:
            written.append(number)
            return 0

        monkeypatch.setattr(bot.services.inbox._journal, "write", note)
        await eve.send("hello")
        await eve.wait_for("This bot is private")
        for start in range(0, count, 500):
            await asyncio.gather(
                *(
                    telegram.inject("message", message(start + n, "hello", 666)["message"])
                    for n in range(500)
                )
            )
        await until(lambda: len(logged(bot, "access_denied")) > count, 90)
        assert written == []
        assert kept(bot.folder) == set()
        monkeypatch.undo()
        await ann.send("/help")
        await ann.wait_for("20 MiB")
        assert len(answers(eve, "This bot is private")) <= 2


async def test_texts_go_before_files_and_an_answer_to_a_file_after_it(runs: Runs) -> None:
    """Whoever has forwarded hundreds of files may still cancel, ask, and rename one of them."""
    inbox = await runs.start()
    for item in (file(1), file(2), file(3), update(4), reply(5, to=3), update(6), reply(7, to=1)):
        await inbox.put(item)
    assert await handled(inbox, 7) == [1, 4, 6, 7, 2, 3, 5]


@pytest.mark.one_way
async def test_of_one_person_so_many_are_kept_and_the_first_without_room_is_told(
    runs: Runs,
) -> None:
    """What is over is acknowledged, and does not come back; nothing after it slips in."""
    inbox = await runs.start()
    told: list[int] = []
    inbox.on_overflow = lambda item: told.append(item.update_id)
    for number in range(1, 1101):
        await inbox.put(file(number))
    assert (len(runs.kept()), told) == (1000, [1001])
    await inbox.put(update(2000))  # a text may: it is to be answered
    await inbox.put(file(2001, user=502))
    assert len(runs.kept()) == 1002
    assert await asyncio.wait_for(inbox.get(), 30) == file(1)
    assert await queued(inbox) == [2001]
    async with inbox.handling(file(1)):
        pass
    await inbox.put(file(2002))  # there is room for one, but it was said that nothing is taken
    await inbox.put(file(1001))  # Telegram has missed that it was acknowledged
    assert told == [1001]
    assert runs.log.getvalue().count("update_refused") == 101
    assert await handled(inbox, 1000) == [2000, *range(2, 1001)]
    async with inbox.handling(file(2001)):
        pass
    await inbox.settle()
    await inbox.put(file(3000))
    assert await handled(inbox, 1) == [3000]
    assert (runs.kept(), told) == (set(), [1001])


@pytest.mark.parametrize("make", [update, file])
async def test_in_all_so_many_bytes_are_kept(
    runs: Runs, monkeypatch: pytest.MonkeyPatch, make: Callable[..., Update]
) -> None:
    """Whoever they are of."""
    monkeypatch.setattr("bot.updates.capacity.MOST_BYTES", 50_000)
    monkeypatch.setattr("bot.updates.capacity._BYTES_FOR_TEXTS", 10_000)
    inbox = await runs.start()
    for number in range(300):
        await inbox.put(make(number, user=10_000 + number))
    size = sum(path.stat().st_size for path in runs.folder.glob("[0-9]*.json"))
    assert 35_000 < size < 52_000
    assert "too_much" in runs.log.getvalue()


async def test_what_waits_is_not_in_memory(runs: Runs) -> None:
    """Numbers are; the update itself is read again when its turn comes."""
    inbox = await runs.start()
    for number in range(50):
        await inbox.put(file(number))
    assert inbox.qsize() == 1
    inbox = await runs.start()
    await inbox.put(update(77, user=502))
    assert await queued(inbox, 2) == [0, 77]


async def test_not_more_people_are_handled_at_once_than_there_are_places(runs: Runs) -> None:
    """The others wait on disk, and come when a place is free."""
    inbox = await runs.start()
    for number in range(AT_ONCE + 10):
        await inbox.put(update(number, user=1000 + number))
    assert inbox.qsize() == AT_ONCE
    assert len(await handled(inbox, AT_ONCE + 10)) == AT_ONCE + 10
    assert await is_idle(inbox)


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        None,
        {"message": None},
        {"message": {"from": 7}},
        {"message": {"from": {"id": "501"}, "message_id": {}}},
        {"message": {"reply_to_message": []}},
        {"callback_query": "x"},
    ],
)
def test_of_an_odd_document_as_much_is_known_as_can_be(document: Any) -> None:
    """It may be of another version, or of another program."""
    assert QueuedUpdate.of(7, document) == QueuedUpdate(
        7, 0, is_file=False, message=0, replies_to=0
    )


def test_people_take_turns() -> None:
    """Whoever has sent a hundred comes round as often as who has sent one."""
    queue = FairQueue(at_once=1)
    for number in range(100):
        queue.add(QueuedUpdate(number, 1, is_file=True, message=number, replies_to=0))
    queue.add(QueuedUpdate(100, 2, is_file=True, message=1, replies_to=0))
    order = []
    while (queued := queue.take()) is not None:
        order.append(queued.number)
        assert queue.take() is None
        queue.done(queued.number)
    assert order == [0, 100, *range(1, 100)]


def test_what_is_being_handled_counts_though_nothing_waits_behind_it() -> None:
    """Otherwise whoever has overflowed would be taken for somebody all of whose is handled."""
    queue = FairQueue()
    queue.add(QueuedUpdate(1, 501, is_file=True, message=1, replies_to=0))
    assert queue.count(501) == (1, 0)
    assert queue.take() is not None
    assert queue.count(501) == (1, 0)
    queue.done(1)
    assert queue.count(501) == (0, 0)


async def test_who_has_overflowed_is_told_from_which_file_on(
    bot: RunningBot, people: People, google: GoogleControls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the person's chat, once."""
    monkeypatch.setattr("bot.updates.capacity.MOST_EACH", 5)
    ann = people()
    await ann.start()
    await ann.wait_for("Drivekeeper")
    await google.fault("telegram.sendMessage", "latency", seconds=60)
    for number in range(12):
        await ann.send_document(b"x%d" % number, f"{number}.txt")
    await until(lambda: len(logged(bot, "update_refused")) == 7)
    await google.clear_faults()
    told = await ann.wait_for("I have taken nothing", since=0)
    assert "From 5.txt on" in told.text
    await until(lambda: not kept(bot.folder))
    assert len(answers(ann, "I have taken nothing")) == 1
    assert [line["result"] for line in logged(bot, "update_refused")] == ["too_many"] * 7


@pytest.mark.parametrize("way", ["/cancel", "/disconnect"])
async def test_a_cancel_that_overtakes_files_means_them_too(
    bot: RunningBot, google: GoogleControls, people: People, way: str
) -> None:
    """Those sent before it, whether they have been looked at or not; and none sent after it."""
    ann = people()
    await connect(ann, google, AMY)
    await google.rate("google.upload.chunk", 1000)
    await google.fault("telegram.sendMessage", "latency", seconds=3)
    for number in range(30):
        await ann.send_document(b"x" * 5000, f"{number:02}.bin")
    await ann.send(way)
    if way == "/disconnect":
        await ann.wait_for("Disconnect your Google Drive?", since=0)
        await ann.tap("Yes, disconnect")
        await ann.wait_for("Disconnected", since=0)
    else:
        await ann.wait_for("Cancelled.", since=0)
    await until(lambda: not kept(bot.folder))
    await until(lambda: bot.services.uploads.counts() == (0, 0))
    await google.rate("google.upload.chunk", None)
    assert [job for job in unfinished(bot.settings) if job.state != "failed"] == []
    await ann.send_document(b"later", "later.txt")
    wanted = "later.txt (5 bytes) is in" if way == "/cancel" else "later.txt is waiting"
    await ann.wait_for(wanted, since=0)
    # The first one may have been there by then.
    names = {file["name"] for file in await google.files(AMY) if file["md5"]} - {"00.bin"}
    assert names == ({"later.txt"} if way == "/cancel" else set())
