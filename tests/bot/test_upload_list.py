"""/uploads: everything on its way and what was, with its buttons."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

import upload
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.fixtures import RunningBot
from tests.journeys import connect, unfinished, until, until_uploading

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"


async def test_nothing_on_its_way_is_said_kindly(bot: RunningBot, people: People) -> None:
    """Also to somebody who has not connected."""
    ann = people()
    await ann.send("/uploads")
    message = await ann.wait_for("Nothing is on its way")
    await ann.tap("Refresh", message)


async def test_what_runs_waits_and_was_is_listed_and_can_be_cancelled(
    bot: RunningBot, google: GoogleControls, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its progress, its place in the queue, and the link of what has arrived."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send_document(b"one", "first.txt")
    await ann.wait_for("is in your Drive")
    await google.rate("google.upload.chunk", 100_000)
    for name in ("long.bin", "second.bin", "third.bin"):
        await ann.send_document(os.urandom(3_000_000), name)
    await ann.wait_for("third.bin is in line")
    await until_uploading(google)
    await ann.send("/uploads")
    listed = await ann.wait_for("Your uploads")
    lines = listed.text.splitlines()
    assert "1. 📤 Uploading long.bin" in lines
    assert "2. 📥 second.bin is in line. Files before it: 1" in lines
    assert "3. 📥 third.bin is in line. Files before it: 2" in lines
    assert lines[-1] == "✅ first.txt"
    await ann.tap("Cancel 2", listed)
    after = await ann.wait_for(lambda m: m.id == listed.id and "⏹ second.bin" in m.text)
    assert "2. 📥 third.bin is in line. Files before it: 1" in after.text
    await ann.wait_for("second.bin was cancelled", since=0)
    monkeypatch.setattr(upload, "LOOK_SECONDS", 60)
    await google.fault("google.upload.cancel", "latency", seconds=60)
    await ann.tap("Cancel 1", after)
    await ann.wait_for(
        lambda m: m.id == listed.id and "Cancelling long.bin …" in m.text, since=listed.seq
    )
    await google.clear_faults()
    await google.rate("google.upload.chunk", None)
    await ann.wait_for("third.bin (2.9 MiB) is in your Drive", since=0)
    await until(lambda: not unfinished(bot.settings))
    await ann.tap("Refresh")
    end = await ann.wait_for(lambda m: m.id == listed.id and "✅ third.bin" in m.text)
    assert "⏹ long.bin (cancelled)" in end.text
    assert [button.text for button in end.buttons] == ["🔄 Refresh"]


async def test_what_has_failed_is_tried_again_from_the_list(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The file's own message shows how it goes on."""
    ann = people()
    await connect(ann, google, AMY)
    refusal = {"status": 403, "reason": "storageQuotaExceeded"}
    await google.fault("google.upload.start", "status", **refusal)
    await ann.send_document(os.urandom(5000), "full.bin")
    message = await ann.wait_for("your Google Drive is full")
    await ann.send("/uploads")
    listed = await ann.wait_for("full.bin did not get into your Drive")
    await ann.tap("Try 1 again", listed)
    done = await ann.wait_for("full.bin (4.9 KiB) is in your Drive")
    assert done.id == message.id


async def test_the_buttons_of_one_upload_stand_side_by_side(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Beside "Try again" of one there is no "Cancel" of another that a finger could slip onto."""
    ann = people()
    await connect(ann, google, AMY)
    refusal = {"status": 403, "reason": "storageQuotaExceeded"}
    await google.fault("google.upload.start", "status", count=2, **refusal)
    for name in ("one.bin", "two.bin"):
        await ann.send_document(os.urandom(5000), name)
        await ann.wait_for(f"{name} was not uploaded")
    await google.rate("google.upload.chunk", 100_000)
    for name in ("three.bin", "four.bin", "five.bin"):
        await ann.send_document(os.urandom(900_000), name)
    await ann.wait_for("five.bin is in line")
    await until_uploading(google)
    await ann.send("/uploads")
    listed = await ann.wait_for("Your uploads")
    keyboard = listed.raw["reply_markup"]["inline_keyboard"]
    rows = [[button["text"] for button in row] for row in keyboard]
    assert rows[:4] == [
        ["Cancel 1", "Cancel 2"],
        ["Cancel 3"],
        ["🔄 Try 4 again", "Cancel 4"],
        ["🔄 Try 5 again", "Cancel 5"],
    ]
    await ann.tap("Cancel all", listed)
    await ann.wait_for(lambda m: m.id == listed.id and "five.bin (cancelled)" in m.text)
    await until(lambda: not unfinished(bot.settings))


async def test_what_waits_for_a_connection_is_listed_and_tells_so(
    bot: RunningBot, people: People
) -> None:
    """And can be cancelled; a button that has been used up says so."""
    ann = people()
    await ann.send_document(b"one", "early.txt")
    await ann.wait_for("early.txt is waiting")
    await ann.send("/uploads")
    listed = await ann.wait_for("early.txt waits until you connect your Drive")
    await ann.tap("Cancel 1", listed)
    await ann.wait_for(lambda m: m.id == listed.id and "⏹ early.txt" in m.text)
    await until(lambda: not unfinished(bot.settings))
