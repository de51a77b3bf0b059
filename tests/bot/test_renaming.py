"""A file's name: changed before it is uploaded, or in Drive afterwards, and always by its owner."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from bot.core import Timing
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, unfinished, until, until_struck

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"
TEXT = "text/plain"


async def names(google: GoogleControls) -> list[str]:
    """Of the files in Drive, the oldest first."""
    files = sorted(await google.files(AMY), key=lambda file: str(file["createdTime"]))
    return [str(file["name"]) for file in files if file["md5"]]


@asynccontextmanager
async def busy(person: Person, google: GoogleControls) -> AsyncIterator[Message]:
    """The person's first file is on its way, and what they send now waits behind it."""
    await google.fault("google.upload.chunk", "latency", seconds=60)
    sent = await person.send_document(os.urandom(800_000), "first.bin")
    await person.wait_for("first.bin")
    await until_struck(google, "google.upload.chunk")
    yield sent
    await google.clear_faults()


async def ask(person: Person) -> Message:
    """Send a file that waits, tap its Rename button; the question."""
    await person.send_document(b"second", "second.txt", TEXT)
    waiting = await person.wait_for("second.txt is in line")
    await person.tap("Rename", waiting)
    return await person.wait_for("What shall second.txt be called?")


async def test_a_file_in_line_is_renamed_by_the_answer_to_a_question(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """It waits for the answer, and keeps its ending where none is given."""
    ann = people()
    await connect(ann, google, AMY)
    async with busy(ann, google):
        question = await ask(ann)
        await ann.send("...", reply_to=question.id)
        await ann.wait_for("That cannot be a file's name")
        await ann.send("Letter\nto Bo", reply_to=question.id)
        await ann.wait_for("Its name is Letter to Bo.txt now")
    await ann.wait_for("Letter to Bo.txt (6 bytes) is in your Drive", since=0)
    assert await names(google) == ["first.bin", "Letter to Bo.txt"]


async def test_a_file_in_line_waits_until_its_owner_has_decided(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """What was sent after it goes first; one tap keeps the name."""
    ann = people()
    await connect(ann, google, AMY)
    async with busy(ann, google):
        await ask(ann)
        await ann.send_document(b"third", "third.txt", TEXT)
    await ann.wait_for("third.txt (5 bytes) is in your Drive", since=0)
    assert await names(google) == ["first.bin", "third.txt"]
    await ann.tap("Keep the name")
    await ann.wait_for("second.txt (6 bytes) is in your Drive")


async def test_an_unanswered_question_keeps_a_file_for_some_minutes_also_over_a_restart(
    start_bot: StartBot,
    google: GoogleControls,
    people: People,
) -> None:
    """Then it goes on under its old name; the answer comes too late for that, not for Drive."""
    ann = people()
    async with start_bot() as bot:
        await connect(ann, google, AMY)
        async with busy(ann, google):
            question = await ask(ann)
        await ann.wait_for("first.bin (781.2 KiB) is in your Drive", since=0)
        await until(lambda: [job.state for job in unfinished(bot.settings)] == ["asking"])
    async with start_bot(timing=Timing(renaming=1)) as bot:
        await ann.wait_for("second.txt (6 bytes) is in your Drive", since=0)
        await until(lambda: not unfinished(bot.settings))
        await ann.send("later", reply_to=question.id)
        await ann.wait_for("Its name is later.txt now")
    assert await names(google) == ["first.bin", "later.txt"]


async def test_a_reply_to_a_file_renames_it_before_and_after(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Not just while its bytes move: that is said."""
    ann = people()
    await connect(ann, google, AMY)
    async with busy(ann, google) as first:
        second = await ann.send_document(b"second", "second.txt", TEXT)
        await ann.wait_for("second.txt is in line")
        await ann.send("#name Plan B.md", reply_to=second.id)
        await ann.wait_for("Its name is Plan B.md now")
        await ann.send("#name now", reply_to=first.id)
        await ann.wait_for("first.bin is on its way already. Rename it")
    await ann.wait_for("Plan B.md (6 bytes) is in your Drive", since=0)
    await ann.send("#Name Plan C", reply_to=second.id)
    await ann.wait_for("Plan C.md (6 bytes) is in your Drive")
    assert await names(google) == ["first.bin", "Plan C.md"]
    [file] = [f for f in await google.files(AMY) if f["name"] == "Plan C.md"]
    await google.act("delete", file_id=file["id"])
    await ann.send("#name Plan D", reply_to=second.id)
    await ann.wait_for("no longer in your Drive")
    await ann.send("thank you", reply_to=second.id)
    await ann.wait_for("Send me a file")


async def test_a_caption_is_the_description_and_may_begin_with_the_name(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """What follows the name's line is the description; an album's files have it with numbers."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send_document(b"one", "scan.pdf", TEXT, caption="#name Invoice 7\nPaid in May\n2026")
    await ann.wait_for("Invoice 7.pdf (3 bytes) is in your Drive")
    await ann.send_document(b"two", "plain.pdf", TEXT, caption="#named it")
    await ann.wait_for("plain.pdf (3 bytes) is in your Drive")
    await ann.send_album([("document", b"3", "3.txt"), ("document", b"4", "4.txt")], "#name Five")
    await ann.wait_for("2 of 2 files are in your Drive")
    assert await names(google) == ["Invoice 7.pdf", "plain.pdf", "Five_1.txt", "Five_2.txt"]
    described = {str(f["name"]): f.get("description", "") for f in await google.files(AMY)}
    assert described["Invoice 7.pdf"] == "Paid in May\n2026"
    assert described["plain.pdf"] == "#named it"


async def test_a_file_that_waits_for_a_connection_is_renamed_and_goes_on_waiting(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Its message says both."""
    ann = people()
    sent = await ann.send_document(b"early", "early.txt", TEXT)
    await ann.wait_for("early.txt is waiting")
    await ann.send("#name bird", reply_to=sent.id)
    await ann.wait_for("bird.txt is waiting")
    await connect(ann, google, AMY)
    await ann.wait_for("bird.txt (5 bytes) is in your Drive", since=0)
    assert await names(google) == ["bird.txt"]
