"""Topics, of forums and of private chats: what is asked in one is answered there."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.uploads.jobs import UploadJob
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.group import Group
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from sandbox.server import Sandbox
from security.credential import Owner
from security.encryption import TokenEncryption
from tests.bot.upkeep import by_hand
from tests.fixtures import RunningBot, StartBot
from tests.journeys import DEVICE_CODE, connect, until, until_struck
from tests.stores import uploads_in

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("off")
AMY = "amy@example.com"
BOT = "@drivekeeper_sandbox_bot"


@pytest.fixture
async def forum(
    sandbox: Sandbox, telegram: TelegramControls, people: People
) -> AsyncIterator[Group]:
    """A group of Ann's, without topics as yet."""
    ann = await people(501, "Ann").open()
    number = await telegram.make_group("Depot", [501], told=False)
    async with Group(sandbox.url, number) as group:
        yield group.by(ann)


@pytest.fixture
async def bot(start_bot: StartBot, forum: Group) -> AsyncIterator[RunningBot]:
    """The bot, whose settings name the group and Ann as administrator."""
    async with start_bot(ALLOWED_CHAT_IDS=str(forum.id), ADMIN_USER_IDS="501", WEB_PORT=0) as bot:
        by_hand(bot)
        yield bot


def topic_of(message: Message) -> int | None:
    """Where it stands."""
    found = message.raw.get("message_thread_id")
    return found if message.raw.get("is_topic_message") else None


def by_bot(person: Person) -> list[Message]:
    """What the bot has said."""
    return [message for message in person.messages() if message.from_bot]


def troubles(bot: RunningBot) -> list[dict[str, Any]]:
    """Lines of the log that tell of a defect."""
    lines = [json.loads(line) for line in bot.log.getvalue().splitlines()]
    return [line for line in lines if line["level"] in ("warning", "error", "critical")]


@pytest.mark.parametrize("lost", ["nothing", "first message", "file", "status"])
async def test_a_forums_result_stands_in_the_topic_whichever_message_was_lost(
    bot: RunningBot,
    google: GoogleControls,
    telegram: TelegramControls,
    people: People,
    forum: Group,
    lost: str,
) -> None:
    """Not in the general one, where nobody looks who asked elsewhere."""
    ann = people()
    await connect(ann, google, AMY)
    topic = await telegram.make_topic(forum.id)
    held = await google.fault("google.upload.*", "latency", seconds=60)
    if lost == "first message":
        await google.fault("telegram.sendMessage", "status", status=502, owner=str(forum.id))
    sent = await forum.send_document(os.urandom(300), "plan.bin", caption=BOT, topic=topic)
    if lost == "first message":
        await until_struck(google, "telegram.sendMessage")
    else:
        first = await forum.wait_for("on its way")
        assert topic_of(first) == topic
    if lost in ("file", "status"):
        await forum.delete(sent.id if lost == "file" else first.id)
    if lost == "file":
        await google.fault("telegram.editMessageText", "status", status=400, reason="x")
    await google.clear_fault(held)
    done = await forum.wait_for("plan.bin is in Ann's Drive")
    assert topic_of(done) == topic
    await forum.tap("Show", done)
    assert topic_of(await forum.wait_for(lambda m: "http" in str(m.raw.get("entities")))) == topic
    assert troubles(bot) == []


@pytest.mark.parametrize("deed", ["close", "delete"])
async def test_a_topic_that_has_ended_leaves_the_answer_to_the_private_chat(
    bot: RunningBot,
    google: GoogleControls,
    telegram: TelegramControls,
    people: People,
    forum: Group,
    deed: str,
) -> None:
    """Nothing of it turns up among others' talk, and the job has its end."""
    ann = people()
    await connect(ann, google, AMY)
    topic = await telegram.make_topic(forum.id)
    held = await google.fault("google.upload.*", "latency", seconds=60)
    await google.fault("telegram.editMessageText", "status", status=400, reason="x", count=0)
    await forum.send_document(os.urandom(300), "plan.bin", caption=BOT, topic=topic)
    await forum.wait_for("on its way")
    await telegram.change_topic(forum.id, topic, deed)
    await google.clear_fault(held)
    await ann.wait_for("plan.bin (300 bytes) is in your Drive", since=0)
    await until(lambda: all(job.state == "done" for job in jobs_of(bot)))
    assert [m for m in by_bot(forum) if topic_of(m) != topic] == []
    assert troubles(bot) == []


async def test_what_is_asked_in_a_closed_topic_is_answered_privately(
    bot: RunningBot, google: GoogleControls, telegram: TelegramControls, forum: Group
) -> None:
    """A message may be on its way while the topic is closed."""
    ann = await Person(google.base_url, 501, "Ann").open()
    await ann.start()
    await ann.wait_for("Drivekeeper")
    topic = await telegram.make_topic(forum.id)
    reason = "Bad Request: TOPIC_CLOSED"
    await google.fault(
        *("telegram.sendMessage", "status"), status=400, reason=reason, owner=str(forum.id), count=0
    )
    await forum.send(f"hello {BOT}", topic=topic)
    await ann.wait_for("Here I take files only", since=0)
    assert troubles(bot) == []
    await ann.close()


@pytest.mark.one_way
async def test_a_private_chats_topic_has_every_answer(
    bot: RunningBot, google: GoogleControls, telegram: TelegramControls, people: People
) -> None:
    """Commands, buttons, questions, the request for consent, files and files sent back."""
    ann = people()
    await ann.start()
    await ann.wait_for("Drivekeeper")
    topic = await telegram.make_topic(ann.id, "Wages")
    before = len(by_bot(ann))

    async def send(text: str, answer: str) -> Message:
        await ann.send(text, topic=topic)
        return await ann.wait_for(answer)

    asked = await send("/connect", "Enter this code")
    code = DEVICE_CODE.search(asked.text)
    assert code
    await google.fault("telegram.editMessageText", "status", status=400, reason="x", count=2)
    await google.approve_device(code[0], AMY)
    await ann.tap("Yes, that is mine", await ann.wait_for("has approved"))
    await ann.wait_for("Connected as")
    for text, answer in [
        ("/start", "Drivekeeper"),
        ("/help", "20 MiB"),
        ("/status", "Connected"),
        ("/folder", "Your files go into"),
        ("/language", "Which language"),
        ("/privacy", "What I keep"),
        ("/cancel", "nothing to cancel"),
        ("/uploads", "Nothing is on its way"),
        ("/files", "not put anything"),
        ("/get", "Which file shall I send"),
        ("/health", "Connected:"),
        ("/quarantine", "Quarantine"),
        ("/nothing", "do not know this command"),
        ("hello", "Send me a file"),
    ]:
        await send(text, answer)
    await ann.send_document(b"wages", "wages.txt", topic=topic)
    done = await ann.wait_for("wages.txt (5 bytes) is in your Drive")
    await ann.tap("Rename", done)
    question = await ann.wait_for("What shall wages.txt be called?")
    await ann.send("pay.txt", reply_to=question.id, topic=topic)
    await ann.wait_for("pay.txt")
    await ann.tap("Send here", done)
    await ann.wait_for(lambda m: m.media is not None)
    await ann.send_document(b"wages", "again.txt", topic=topic)
    await ann.wait_for("already")
    ann.topic = topic
    await ann.send_album([("document", os.urandom(50), f"{n}.bin") for n in range(3)])
    await ann.wait_for("in your Drive")
    elsewhere = [m.text for m in by_bot(ann)[before:] if topic_of(m) != topic]
    assert elsewhere == []
    assert [line for line in troubles(bot) if line["level"] == "error"] == []


async def test_a_private_topic_that_was_deleted_is_left_for_the_chat_itself(
    bot: RunningBot, google: GoogleControls, telegram: TelegramControls, people: People
) -> None:
    """There nobody else reads it."""
    ann = people()
    await connect(ann, google, AMY)
    topic = await telegram.make_topic(ann.id)
    held = await google.fault("google.upload.*", "latency", seconds=60)
    await ann.send_document(os.urandom(300), "a.bin", topic=topic)
    await ann.wait_for("a.bin")
    await telegram.change_topic(ann.id, topic, "delete")
    await google.clear_fault(held)
    done = await ann.wait_for("a.bin (300 bytes) is in your Drive")
    assert topic_of(done) is None
    assert troubles(bot) == []


async def test_an_upload_keeps_its_topic_over_a_restart(
    start_bot: StartBot,
    google: GoogleControls,
    telegram: TelegramControls,
    people: People,
    forum: Group,
) -> None:
    """It is written down with the job."""
    ann = people()
    topic = await telegram.make_topic(forum.id)
    settings = {"ALLOWED_CHAT_IDS": str(forum.id), "WEB_PORT": 0}
    async with start_bot(**settings):
        await connect(ann, google, AMY)
        await google.rate("google.upload.*", 50_000)
        await google.fault("telegram.sendMessage", "status", status=502, owner=str(forum.id))
        await forum.send_document(os.urandom(300_000), "a.bin", caption=BOT, topic=topic)
        await until_struck(google, "telegram.sendMessage")
    await google.rate("google.upload.*", None)
    async with start_bot(**settings):
        done = await forum.wait_for("a.bin is in Ann's Drive", since=0)
        assert topic_of(done) == topic


async def test_a_chain_of_replies_in_a_group_is_no_topic(
    bot: RunningBot, google: GoogleControls, people: People, forum: Group
) -> None:
    """It has a number, too, which Telegram lets nobody send to."""
    ann = people()
    await connect(ann, google, AMY)
    await forum.send_document(b"x" * 50, "a.bin", caption=BOT, extra={"message_thread_id": 9})
    assert topic_of(await forum.wait_for("a.bin is in Ann's Drive")) is None
    assert troubles(bot) == []


def jobs_of(bot: RunningBot) -> list[UploadJob]:
    """What the bot has written down."""
    keyring = TokenEncryption(bot.settings.encryption_keys)
    return uploads_in(bot.folder, keyring)


def test_a_job_of_an_earlier_version_has_no_topic() -> None:
    """It is read as it is."""
    job = UploadJob.model_validate(
        {
            "id": "501-9",
            "owner": Owner.user(501).name,
            "chat_id": -100,
            "state": "queued",
            "files": [
                {
                    **{"telegram_file_id": "f", "kind": "document", "name": "a"},
                    **{"mime_type": "text/plain", "size": 3},
                }
            ],
            "created_at": datetime.now(UTC).isoformat(),
            "reply_to": 3,
        }
    )
    assert job.conversation.topic_id is None
