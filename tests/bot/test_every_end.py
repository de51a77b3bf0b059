"""Each way an upload can end: one line in the log and one step of the metric a file, once."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from security.logs.schema import RESULTS
from tests.bot.upkeep import logged
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, unfinished, until, until_struck

People = Callable[..., Person]
pytestmark = [
    pytest.mark.one_way("on"),
    pytest.mark.timing(first_progress=0.05, album_end=2),
]
AMY, BEN = "amy@example.com", "ben@example.com"
CHUNKS = "google.upload.chunk"
EVENTS: Final = ("upload_finished", "upload_failed", "upload_cancelled")
Ends = dict[tuple[str, str], int]


@dataclass(frozen=True)
class Scene:
    """Somebody, the bot, and Google."""

    bot: RunningBot
    google: GoogleControls
    ann: Person

    async def connect(self, account: str = AMY) -> None:
        """To Drive, which is fast."""
        await connect(self.ann, self.google, account)

    async def run_one(self, *others: str) -> None:
        """One file is on its way for long, and others are in line."""
        await self.google.rate(CHUNKS, 50_000)
        await self.ann.send_document(os.urandom(3_000_000), "long.bin")
        await self.ann.wait_for("Uploading long.bin", since=0)
        for name in others:
            await self.ann.send_document(name.encode(), name)
            await self.ann.wait_for(f"{name} is in line", since=0)
        await until(lambda: len(logged(self.bot, "upload_queued")) == 1 + len(others))

    async def album(self, *contents: bytes) -> None:
        """Several files that are one job."""
        items: list[tuple[str, bytes | Path | str, str]] = [
            ("document", content, f"{number}.bin") for number, content in enumerate(contents)
        ]
        await self.ann.send_album(items)

    async def tap(self, said: str, *buttons: str) -> None:
        """Those buttons, one after the other; the first under the message that says so."""
        at = (await self.ann.wait_for(said, since=0)).seq - 1
        for text in buttons:
            message = await self.ann.wait_for(_shows(text), since=at)
            await self.ann.tap(text, message)

    async def idle(self) -> None:
        """Until nothing is on its way, in line, or about to be looked at."""
        inbox, uploads = self.bot.services.inbox, self.bot.services.uploads
        await until(lambda: uploads.counts() == (0, 0) and not inbox._kept)

    def lines(self) -> Ends:
        """By event and result, how often it was logged."""
        return Counter(
            (event, line["result"]) for event in EVENTS for line in logged(self.bot, event)
        )

    def counted(self) -> dict[str, int]:
        """By result, how often it was counted."""
        read = self.bot.services.core.metrics.registry.get_sample_value
        found = {code: read("drivekeeper_uploads_total", {"result": code}) for code in RESULTS}
        return {code: int(value) for code, value in found.items() if value}


FINISHED, FAILED, CANCELLED = EVENTS


def _shows(text: str) -> Callable[[Message], bool]:
    return lambda message: any(text in button.text for button in message.buttons)


async def _arrives(scene: Scene) -> None:
    await scene.connect()
    await scene.ann.send_document(b"one", "a.txt")
    await scene.ann.wait_for("✅ a.txt", since=0)
    await scene.ann.send_document(b"one", "b.txt")
    await scene.ann.wait_for("♻️", since=0)


async def _drive_refuses(scene: Scene) -> None:
    await scene.connect()
    refusal = {"status": 403, "reason": "storageQuotaExceeded"}
    await scene.google.fault("google.upload.start", "status", **refusal)
    await scene.ann.send_document(b"one", "a.txt")
    await scene.tap("is full", "Cancel")  # its end has been told of: this is no other one
    await scene.ann.wait_for("a.txt was cancelled", since=0)


async def _tried_again(scene: Scene) -> None:
    await scene.connect()
    refusal = {"status": 403, "reason": "storageQuotaExceeded"}
    await scene.google.fault("google.upload.start", "status", **refusal)
    await scene.ann.send_document(b"one", "a.txt")
    await scene.tap("is full", "Try again")
    await scene.ann.wait_for("✅ a.txt", since=0)


async def _an_album_meets_a_full_drive(scene: Scene) -> None:
    await scene.connect()
    refusal = {"status": 403, "reason": "storageQuotaExceeded", "skip": 1}
    await scene.google.fault("google.upload.start", "status", **refusal)
    await scene.album(b"1", b"22", b"333")
    await scene.ann.wait_for("Only 1 of 3 files", since=0)


async def _one_of_an_album_is_gone(scene: Scene) -> None:
    await scene.connect()
    gone = {"ok": False, "error_code": 400, "description": "Bad Request: invalid file_id"}
    await scene.google.fault("telegram.getFile", "status", status=400, body=gone, skip=1)
    await scene.album(b"1", b"22", b"333")
    await scene.ann.wait_for("2 of 3 files are in your Drive", since=0)


async def _the_connection_has_ended(scene: Scene) -> None:
    await scene.connect()
    await scene.google.revoke(AMY)
    await scene.google.act("expire_access_tokens")
    await scene.ann.send_document(b"one", "a.txt")
    await scene.tap("your connection to Google Drive has ended", "Cancel")
    await scene.ann.wait_for("a.txt was cancelled", since=0)


async def _cancelled_while_running_and_in_line(scene: Scene) -> None:
    await scene.connect()
    await scene.run_one("a.txt", "b.txt")
    await scene.ann.send("/cancel")
    await scene.ann.wait_for("nothing of it is in your Drive", since=0)


async def _cancelled_by_its_button(scene: Scene) -> None:
    await scene.connect()
    await scene.run_one("a.txt")
    await scene.tap("a.txt is in line", "Cancel")
    await scene.tap("Uploading long.bin", "Cancel")
    await scene.ann.wait_for("nothing of it is in your Drive", since=0)


async def _an_album_is_cancelled_halfway(scene: Scene) -> None:
    await scene.connect()
    await scene.google.fault(CHUNKS, "hang", skip=1, count=0)
    await scene.album(b"1", os.urandom(1_000_000), b"333")
    await until_struck(scene.google, CHUNKS)
    await scene.ann.send("/cancel")
    await scene.ann.wait_for("In your Drive: 1 of 3 files", since=0)


async def _cancelled_while_it_waits_for_a_connection(scene: Scene) -> None:
    await scene.ann.send_document(b"one", "a.txt")
    await scene.ann.wait_for("a.txt is waiting")
    await scene.album(b"1", b"22")
    await scene.ann.wait_for("2 files are waiting")
    await scene.ann.send("/cancel")
    await scene.ann.wait_for("Cancelled. Files: 3")


async def _cancelled_before_it_was_taken(scene: Scene) -> None:
    await _overtaken(scene)
    await scene.ann.send("/cancel")
    await scene.ann.wait_for("nothing of it is in your Drive", since=0)


async def _disconnected_before_it_was_taken(scene: Scene) -> None:
    await _overtaken(scene)
    await scene.ann.send("/disconnect")
    await scene.tap("Disconnect your Google Drive?", "Yes, disconnect")
    await scene.ann.wait_for("Disconnected", since=0)


async def _overtaken(scene: Scene) -> None:
    """One is on its way, one is being taken in, and three are not yet."""
    await scene.connect()
    await scene.run_one()
    await scene.google.fault("telegram.sendMessage", "latency", seconds=1.5, count=1)
    for number in range(4):
        await scene.ann.send_document(b"x" * (number + 1), f"{number}.bin")


async def _erased(scene: Scene) -> None:
    await scene.connect()
    await scene.run_one("a.txt", "b.txt")
    await scene.ann.send("/privacy")
    await scene.tap("What I keep about you", "Delete all my data", "Yes, delete everything")
    await scene.ann.wait_for("Everything else I kept about you is deleted too", since=0)


async def _the_account_has_changed(scene: Scene) -> None:
    await scene.connect()
    await scene.run_one("a.txt")
    # In line it is nobody's yet: that one was begun before.
    [job] = [job for job in unfinished(scene.bot.settings) if job.name == "a.txt"]
    account = next(job.account_id for job in unfinished(scene.bot.settings) if job.account_id)
    await scene.bot.services.uploads.save(job.model_copy(update={"account_id": account}))
    await scene.google.rate(CHUNKS, 50_000)
    await scene.connect(BEN)
    await scene.ann.wait_for("long.bin was meant for another Google account", since=0)


async def _nobody_comes_back(scene: Scene) -> None:
    await scene.ann.send_document(b"one", "a.txt")
    await scene.ann.wait_for("a.txt is waiting")
    await scene.album(b"1", b"22")
    await scene.ann.wait_for("2 files are waiting")
    await scene.bot.services.uploads.forget_old(datetime.now(UTC) + timedelta(days=8))


async def _too_big(scene: Scene) -> None:
    await scene.connect()
    await scene.ann.send_document(bytes(20 * 1024 * 1024 + 1), "big.iso")
    await scene.ann.wait_for("too big")


async def _too_many(scene: Scene) -> None:
    for number in range(3):
        await scene.ann.send_document(b"x", f"{number}.txt")
    await scene.ann.wait_for("was not taken", since=0)


async def _late(scene: Scene) -> None:
    await scene.connect()
    await scene.google.rate(CHUNKS, 20)
    await scene.ann.send_document(b"hello", "late.txt")
    async with asyncio.timeout(20):
        while not [f for f in await scene.google.files(AMY) if f["md5"]]:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    await scene.ann.send("/cancel")
    await scene.ann.wait_for("It was too late to cancel late.txt", since=0)


WAYS: Final[dict[str, tuple[Callable[[Scene], Awaitable[None]], Ends]]] = {
    "it arrives, or was there": (_arrives, {(FINISHED, "ok"): 1, (FINISHED, "duplicate"): 1}),
    "it fails, and is given up": (_drive_refuses, {(FAILED, "quota_exceeded"): 1}),
    "it fails, and is tried again": (
        _tried_again,
        {(FAILED, "quota_exceeded"): 1, (FINISHED, "ok"): 1},
    ),
    "an album meets a full Drive": (
        _an_album_meets_a_full_drive,
        {(FINISHED, "ok"): 1, (FAILED, "quota_exceeded"): 2},
    ),
    "one of an album is gone": (
        _one_of_an_album_is_gone,
        {(FINISHED, "ok"): 2, (FAILED, "file_gone"): 1},
    ),
    "the connection has ended, then it is cancelled": (
        _the_connection_has_ended,
        {(FAILED, "invalid_grant"): 1, (CANCELLED, "cancelled"): 1},
    ),
    "cancelled while running, and in line": (
        _cancelled_while_running_and_in_line,
        {(CANCELLED, "cancelled"): 3},
    ),
    "cancelled by its button": (_cancelled_by_its_button, {(CANCELLED, "cancelled"): 2}),
    "an album, cancelled halfway": (
        _an_album_is_cancelled_halfway,
        {(FINISHED, "ok"): 1, (CANCELLED, "cancelled"): 2},
    ),
    "cancelled while it waits for a connection": (
        _cancelled_while_it_waits_for_a_connection,
        {(CANCELLED, "cancelled"): 3},
    ),
    "cancelled before it was taken": (
        _cancelled_before_it_was_taken,
        {(CANCELLED, "cancelled"): 5},
    ),
    "disconnected before it was taken": (
        _disconnected_before_it_was_taken,
        {(CANCELLED, "cancelled"): 5},
    ),
    "everything is erased": (_erased, {(CANCELLED, "cancelled"): 3}),
    "the account has changed": (_the_account_has_changed, {(CANCELLED, "account_changed"): 2}),
    "nobody comes back for it": (_nobody_comes_back, {(FAILED, "expired"): 3}),
    "too big": (_too_big, {(FAILED, "too_big"): 1}),
    "too many": (_too_many, {(FAILED, "too_many"): 1}),
    "cancelled too late": (_late, {(FINISHED, "ok"): 1}),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.one_way
async def test_each_file_ends_with_one_line_and_one_step(
    start_bot: StartBot, google: GoogleControls, people: People, way: str
) -> None:
    """However it ends, and whatever comes after that."""
    ends, expected = WAYS[way]
    settings = {"WEB_PORT": 0, "TOKEN_MAINTENANCE_INTERVAL_MINUTES": 0}
    if way == "too many":
        settings["UPLOADS_PER_USER"] = 2
    async with start_bot(**settings) as bot:
        scene = Scene(bot, google, people())
        await ends(scene)
        await scene.idle()
        lines = scene.lines()
        if ends is _the_connection_has_ended and (FAILED, "not_connected") in lines:
            # Of two calls that ask at once one hears of the end, and the other finds nothing there.
            expected = {(FAILED, "not_connected"): 1, (CANCELLED, "cancelled"): 1}
        assert lines == expected
        counted = Counter[str]()
        for (_, result), times in expected.items():
            counted[result] += times
        assert scene.counted() == counted
        after = bot.log.getvalue()
    assert not any(f'"{event}"' in bot.log.getvalue().removeprefix(after) for event in EVENTS)
