"""What is cancelled: said at once, cut at once, and then the truth in the same messages."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import upload
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from sandbox.run import bot_settings
from sandbox.server import Sandbox
from tests.bot.processes import process
from tests.bot.upkeep import logged
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, unfinished, until, until_called, until_struck

People = Callable[..., Person]
pytestmark = [
    pytest.mark.one_way("on"),
    pytest.mark.timing(first_progress=0.05),
]
AMY = "amy@example.com"
CHUNKS = "google.upload.chunk"
SOON = 8.0
"""Seconds of a busy machine from the wish until it is said that it is carried out, and until
nothing moves; on an idle one it is a tenth of a second."""
SLOW = 100_000
"""Bytes a second."""


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drive may take its time to say what became of it: as long as the test holds it back."""
    monkeypatch.setattr(upload, "LOOK_SECONDS", 60)


async def files(google: GoogleControls) -> list[dict[str, Any]]:
    """What is in the Drive, folders left out."""
    return [file for file in await google.files(AMY) if file["md5"]]


async def until_read(google: GoogleControls, bot: RunningBot, ann: Person, name: str) -> Message:
    """Send a file on a slow line, and wait until some of it has been read."""
    await google.rate(CHUNKS, SLOW)
    await ann.send_document(os.urandom(3_000_000), name)
    return await ann.wait_for(f"Uploading {name}", since=0)


async def chunks_ended(google: GoogleControls) -> int:
    """How many chunks the sandbox is done with, answered or not."""
    return sum(call["operation"] == CHUNKS for call in (await google.calls())["calls"])


async def until_there(google: GoogleControls, count: int = 1) -> None:
    """Wait until Drive has the file, whose last answer it holds back."""
    async with asyncio.timeout(20):
        while len(await files(google)) < count:  # noqa: ASYNC110 - nobody announces it
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("way", ["/cancel", "button"])
async def test_a_cancel_amid_bytes_is_said_and_done_at_once(
    bot: RunningBot, google: GoogleControls, people: People, way: str
) -> None:
    """On a slow line, which would have taken half a minute more; and nothing is in the Drive."""
    ann = people()
    await connect(ann, google, AMY)
    message = await until_read(google, bot, ann, "long.bin")
    began, since = time.monotonic(), message.seq
    if way == "button":
        answer = await ann.tap("Cancel", message)
        assert answer.text == "Cancelling …"
    else:
        await ann.send("/cancel")
    await ann.wait_for(lambda m: m.id == message.id and "Cancelling long.bin …" in m.text, SOON)
    while not await chunks_ended(google):  # noqa: ASYNC110 - the sandbox is asked over HTTP
        await asyncio.sleep(0.02)
    cut_after = time.monotonic() - began
    assert cut_after < 2 * SOON  # to ask the sandbox takes time as well
    ended = await ann.wait_for(
        lambda m: m.id == message.id and "was cancelled, nothing of it is in your Drive" in m.text,
        since=since,
    )
    assert not ended.buttons
    if way == "/cancel":
        await ann.wait_for(lambda m: m.id > message.id and "nothing of it is in" in m.text)
        said = [
            m.text
            for m in ann.versions(since)
            if m.from_bot and m.id != message.id and "long.bin" in m.text
        ]
        assert said[0] == "⏹ Cancelling long.bin …"
    assert await files(google) == []
    await until(lambda: not unfinished(bot.settings))
    [line] = logged(bot, "upload_cancelled")
    assert (line["result"], line["kind"], line["size"]) == ("cancelled", "document", 3_000_000)


async def test_the_answer_says_what_it_has_ended_and_claims_nothing_before_it_is_so(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Files in line, a request to connect, and what runs, each by its own line."""
    ann = people()
    await connect(ann, google, AMY)
    message = await until_read(google, bot, ann, "long.bin")
    for number in range(3):
        await ann.send_document(b"x" * (number + 1), f"{number}.bin")
    await ann.wait_for("2.bin is in line", since=0)
    await ann.send("/connect")
    asked = await ann.wait_for(lambda m: "connect" in m.text.lower() and m.id > message.id)
    await ann.send("/cancel")
    first = await ann.wait_for(lambda m: m.text.startswith("⏹ Cancelling long.bin …"))
    answer = (
        first
        if first.id != message.id
        else await ann.wait_for(
            lambda m: m.text.startswith("⏹ Cancelling long.bin …") and m.id > asked.id
        )
    )
    assert "Cancelled. Other files: 3" in answer.text
    assert "long.bin was cancelled" not in answer.text
    ended = await ann.wait_for(lambda m: m.id == answer.id and "nothing of it is in" in m.text)
    assert "Cancelled. Other files: 3" in ended.text
    for number in range(3):
        await ann.wait_for(f"{number}.bin was cancelled.", since=0)
    assert await files(google) == []


async def test_a_second_cancel_says_that_it_is_being_cancelled_already(
    bot: RunningBot, google: GoogleControls, people: People, patient: None
) -> None:
    """While Drive is silent; both answers tell the truth in the end."""
    ann = people()
    await connect(ann, google, AMY)
    message = await until_read(google, bot, ann, "long.bin")
    await google.fault("google.upload.cancel", "latency", seconds=60)
    await ann.send("/cancel")
    await ann.wait_for("Cancelling long.bin …")
    await ann.send("/cancel")
    again = await ann.wait_for("long.bin is being cancelled already …")
    await google.clear_faults()
    await ann.wait_for(lambda m: m.id == again.id and "nothing of it is in your Drive" in m.text)
    await until(lambda: not unfinished(bot.settings))
    end = ["⏹ long.bin was cancelled, nothing of it is in your Drive."] * 3
    await until(
        lambda: [m.text for m in ann.messages() if m.from_bot and m.id >= message.id] == end
    )
    assert len(logged(bot, "upload_cancelled")) == 1
    await ann.send("/cancel")
    await ann.wait_for("There is nothing to cancel.")


async def test_cut_at_the_last_byte_it_is_said_that_it_has_arrived_and_it_can_be_binned(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """By the button, also after a restart; others' taps do not reach it."""
    ann = people()
    async with start_bot(WEB_PORT=0) as bot:
        await connect(ann, google, AMY)
        await google.rate(CHUNKS, 20)  # it holds its answer back
        await ann.send_document(b"hello", "late.txt")
        await until_there(google)
        await ann.send("/cancel")
        message = await ann.wait_for(
            lambda m: "It was too late to cancel.\n✅ late.txt" in m.text, since=0
        )
        answer = await ann.wait_for("It was too late to cancel late.txt", since=0)
        assert answer.id != message.id
        assert message.button("Open in Drive") is not None
        await until(lambda: not unfinished(bot.settings))
        [line] = logged(bot, "upload_finished")
        assert (line["result"], line["size"]) == ("ok", 5)
        assert logged(bot, "upload_cancelled") == []
        await google.rate(CHUNKS, None)
    assert [file["name"] for file in await files(google)] == ["late.txt"]
    async with start_bot(WEB_PORT=0):
        await ann.send("/uploads")
        await ann.wait_for("✅ late.txt")
        await ann.tap("🗑 Delete", message)
        await ann.tap("Yes, into the bin", await ann.wait_for("into your Drive's bin?"))
        await ann.wait_for("is in your Drive's bin")
    assert [file["trashed"] for file in await google.files(AMY) if file["md5"]] == [True]


async def test_where_google_is_silent_it_is_said_that_nobody_knows_and_where_to_look(
    bot: RunningBot, google: GoogleControls, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bounded time; the button looks once Google answers again."""
    monkeypatch.setattr(upload, "LOOK_SECONDS", 0.5)
    ann = people()
    await connect(ann, google, AMY)
    await google.rate(CHUNKS, 20)
    await ann.send_document(b"hello", "late.txt")
    await until_there(google)
    silent = ["google.upload.cancel", "google.drive.files.get"]
    for operation in silent:
        await google.fault(operation, "hang", count=0)
    message = ann.last()
    await ann.tap("Cancel", message)
    told = await ann.wait_for("I cannot tell whether it had arrived already", since=0)
    assert told.id == message.id
    assert "in the folder “Telegram” of your Drive" in told.text
    await until(lambda: not unfinished(bot.settings))
    [line] = logged(bot, "upload_cancelled")
    assert line["result"] == "cancel_unconfirmed"
    await google.clear_faults()
    await google.rate(CHUNKS, None)
    await ann.tap("Is it there?", told)
    found = await ann.wait_for(lambda m: "late.txt" in m.text and m.button("Delete") is not None)
    assert "late.txt" in found.text


@pytest.mark.timing(first_progress=60)  # the first edit of the message says its end
async def test_a_cancel_while_the_end_is_being_said_tells_the_truth(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Telegram takes its time for the message; nothing older is written over it."""
    ann = people()
    await connect(ann, google, AMY)
    await google.fault("telegram.editMessageText", "latency", seconds=60)
    await ann.send_document(b"hello", "done.txt")
    await until_struck(google, "telegram.editMessageText")
    assert len(logged(bot, "upload_finished")) == 1
    await ann.send("/cancel")
    await ann.wait_for("It was too late to cancel done.txt: it is in your Drive already.", since=0)
    await google.clear_faults()
    await ann.wait_for("✅ done.txt (5 bytes) is in your Drive", since=0)
    await until(lambda: not unfinished(bot.settings))
    texts = [m.text for m in ann.messages() if m.from_bot and "✅ done.txt" in m.text]
    assert len(texts) == 1
    assert logged(bot, "upload_cancelled") == []


@pytest.mark.timing(first_progress=60)
async def test_a_cancel_while_a_failure_is_being_said_ends_it(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Nobody is asked to try again what they have cancelled."""
    ann = people()
    await connect(ann, google, AMY)
    await google.fault("google.upload.start", "status", status=403, reason="storageQuotaExceeded")
    await google.fault("telegram.editMessageText", "latency", seconds=60)
    await ann.send_document(b"hello", "full.txt")
    await until_struck(google, "telegram.editMessageText")
    assert len(logged(bot, "upload_failed")) == 1
    await ann.send("/cancel")
    await ann.wait_for("full.txt is being cancelled already", since=0)
    await google.clear_faults()
    await ann.wait_for("full.txt was cancelled", since=0)
    await until(lambda: not unfinished(bot.settings))
    [message] = [m for m in ann.messages() if m.from_bot and m.text == "⏹ full.txt was cancelled."]
    assert not message.buttons
    assert logged(bot, "upload_cancelled") == []  # it had ended: it failed


@pytest.mark.parametrize("way", ["/disconnect", "/privacy"])
async def test_who_leaves_waits_until_nothing_moves_before_the_credential_goes(
    bot: RunningBot, google: GoogleControls, people: People, way: str
) -> None:
    """An upload that still ended would arrive behind their back, or remember the folder anew."""
    ann = people()
    await connect(ann, google, AMY)
    await until_read(google, bot, ann, "long.bin")
    await google.fault("google.upload.cancel", "latency", seconds=2)
    await ann.send(way)
    asked = await ann.wait_for(
        lambda m: any("disconnect" in b.text or "Delete all" in b.text for b in m.buttons)
    )
    if way == "/privacy":
        await ann.tap("Delete all my data", asked)
        asked = await ann.wait_for("Delete everything I keep about you")
    await ann.tap("Yes", asked)
    await ann.wait_for("Cancelling what is under way, then I disconnect …", since=asked.seq)
    await ann.wait_for("Disconnected.", since=asked.seq)
    calls = [call["operation"] for call in (await google.calls())["calls"]]
    assert calls.index("google.upload.cancel") < calls.index("google.revoke")
    assert await files(google) == []
    await until(lambda: len(logged(bot, "upload_cancelled")) == 1)
    await until(lambda: not unfinished(bot.settings))


async def test_who_erases_everything_is_told_so_in_their_language(
    bot: RunningBot, people: People
) -> None:
    """Which is among what is erased."""
    an = people(501, "安", "zh-hant")
    await an.send_document(b"hello", "stop.txt")
    waiting = await an.wait_for("stop.txt")
    await an.send("/privacy")
    await an.tap("刪除", await an.wait_for(lambda m: any("刪除" in b.text for b in m.buttons)))
    await an.tap("是", await an.wait_for(lambda m: any("是" in b.text for b in m.buttons)))
    await an.wait_for(lambda m: m.id == waiting.id and m.text == "⏹ 已取消 stop.txt。", since=0)


async def test_a_cancel_outlasts_a_restart(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """What was asked for before it is carried out after it, and told in the same message."""
    ann = people()
    async with start_bot(WEB_PORT=0) as bot:
        await connect(ann, google, AMY)
        await google.rate(CHUNKS, 20)
        await ann.send_document(b"hello", "late.txt")
        await until_there(google)
        for operation in ("google.upload.cancel", "google.drive.files.get"):
            await google.fault(operation, "hang", count=0)
        message = ann.last()
        await ann.tap("Cancel", message)
        await ann.wait_for("Cancelling late.txt …", since=0)
        [job] = unfinished(bot.settings)
        assert job.cancel_code == "cancelled"
        assert logged(bot, "upload_cancelled") == []
    await google.clear_faults()
    await google.rate(CHUNKS, None)
    async with start_bot(WEB_PORT=0) as bot:
        told = await ann.wait_for("It was too late to cancel.\n✅ late.txt", since=0)
        assert told.id == message.id
        await until(lambda: not unfinished(bot.settings))
        assert len(logged(bot, "upload_finished")) == 1


async def test_the_list_cancels_everything_and_shows_how_it_ended(
    bot: RunningBot, google: GoogleControls, people: People, patient: None
) -> None:
    """What runs reads "Cancelling …" there, too."""
    ann = people()
    await connect(ann, google, AMY)
    await until_read(google, bot, ann, "long.bin")
    for name in ("one.bin", "two.bin"):
        await ann.send_document(name.encode(), name)
    await ann.wait_for("two.bin is in line", since=0)
    await ann.send("/uploads")
    listed = await ann.wait_for("Your uploads")
    await google.fault("google.upload.cancel", "latency", seconds=60)
    await ann.tap("Cancel all", listed)
    shown = await ann.wait_for(lambda m: m.id == listed.id and "Cancelling long.bin …" in m.text)
    await google.clear_faults()
    assert [button.text for button in shown.buttons] == ["🔄 Refresh"]
    end = await ann.wait_for(lambda m: m.id == listed.id and "⏹ long.bin" in m.text)
    said = {f"⏹ {name}.bin (cancelled)" for name in ("one", "two", "long")}
    assert said <= set(end.text.splitlines())
    assert await files(google) == []
    assert len(logged(bot, "upload_cancelled")) == 3


@pytest.mark.parametrize("after", [0.0, 0.15, 0.25, 0.35])
async def test_whenever_it_is_cancelled_the_truth_is_told(
    bot: RunningBot, google: GoogleControls, people: People, after: float
) -> None:
    """Around the end of an upload that takes a quarter of a second."""
    ann = people()
    await connect(ann, google, AMY)
    await google.rate(CHUNKS, SLOW)
    await ann.send_document(os.urandom(SLOW // 4), "race.bin")
    await until_called(google, "google.upload.start")
    await asyncio.sleep(after)
    await ann.send("/cancel")
    said = "nothing of it is in your Drive", "it is in your Drive already", "nothing to cancel"
    answer = await ann.wait_for(lambda m: any(words in m.text for words in said))
    await until(lambda: bot.services.uploads.counts() == (0, 0))
    has_arrived = bool(await files(google))
    assert has_arrived == (said[0] not in answer.text)
    assert len(logged(bot, "upload_finished")) == has_arrived
    assert len(logged(bot, "upload_cancelled")) == (not has_arrived)


@pytest.mark.parametrize(
    "silent",
    [
        *("google.token.refresh", "google.drive.about", "google.drive.files.list"),
        *("google.drive.files.generateIds", "google.drive.files.create", "google.upload.start"),
        *("telegram.getFile", "telegram.download"),
    ],
)
@pytest.mark.one_way
async def test_whoever_is_silent_a_cancel_ends_it_soon(
    bot: RunningBot, google: GoogleControls, people: People, silent: str
) -> None:
    """Before a byte has moved nobody need be asked what became of it."""
    ann = people()
    await connect(ann, google, AMY)
    if silent == "google.token.refresh":
        await google.expire_access_tokens()
    await google.fault(silent, "hang", count=0)
    await ann.send_document(b"hello", "stuck.txt")
    await until_struck(google, silent)
    began = time.monotonic()
    await ann.send("/cancel")
    await ann.wait_for("stuck.txt was cancelled, nothing of it is in your Drive.", since=0)
    assert time.monotonic() - began < 2 * SOON
    await until(lambda: not unfinished(bot.settings))
    await until(lambda: len(logged(bot, "upload_cancelled")) == 1)
    assert logged(bot, "upload_cancelled")[0]["result"] == "cancelled"
    await google.clear_faults()
    assert await files(google) == []


@pytest.mark.one_way  # two starts of a process: `make test-rest` has it
async def test_over_a_kill_each_file_ends_once_and_a_cancel_is_carried_out(
    sandbox: Sandbox, google: GoogleControls, people: People, tmp_path: Path
) -> None:
    """Ann's upload was being cancelled when the process died, Bob's was on its way."""
    settings = bot_settings(sandbox, tmp_path / "user_data", "device")
    settings |= {"LOG_FORMAT": "json", "WEB_PORT": "0"}
    ann, bob = people(501), people(502, "Bob")
    async with process(tmp_path, settings) as bot:
        await connect(ann, google, AMY)
        await connect(bob, google, "bob@example.com")
        await google.rate(CHUNKS, 20)
        await ann.send_document(b"hello", "late.txt")
        await until_there(google)
        await google.rate(CHUNKS, SLOW)
        await bob.send_document(os.urandom(3_000_000), "long.bin")
        await bob.wait_for("Uploading long.bin", since=0)
        for operation in ("google.upload.cancel", "google.drive.files.get"):
            await google.fault(operation, "hang", count=0)
        message = await ann.wait_for("is checking it", since=0)
        await ann.tap("Cancel", message)
        await ann.wait_for("Cancelling late.txt …", since=0)
        await bot.kill()
        log = bot.log()
    await google.clear_faults()
    await google.rate(CHUNKS, None)
    async with process(tmp_path, settings) as bot:
        told = await ann.wait_for("It was too late to cancel.\n✅ late.txt", since=0)
        assert told.id == message.id
        await bob.wait_for("✅ long.bin", since=0)
        log += bot.log()
    lines = [json.loads(line) for line in log.splitlines() if '"event": "upload_' in line]
    ends = [line["result"] for line in lines if "result" in line]
    assert ends == ["ok", "ok"]
