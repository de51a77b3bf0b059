"""Files sent together, and what can happen while they are still coming in."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bot.monitoring.metrics import Metrics
from bot.uploads.albums import Albums
from bot.uploads.ends import UploadEnds
from bot.uploads.jobs import UploadJob
from bot.uploads.journal import UploadJournal
from bot.uploads.queue import UploadQueue
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.bot.upload_line import ANN, ENDS, Disk, job
from tests.fixtures import RunningBot
from tests.journeys import connect, until, until_called, until_struck
from upload import StopSignal

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"


Items = list[tuple[str, bytes | Path | str, str]]


def album(name: str, count: int) -> Items:
    """Documents of different bytes."""
    return [("document", os.urandom(100), f"{name} {number}.bin") for number in range(count)]


@pytest.mark.timing(album_end=4)  # however long it takes to type /cancel
async def test_an_album_cancelled_while_more_of_it_is_awaited_stays_cancelled(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """What is sent next overtakes nothing, so its end shows that the album's was the last word."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send_album(album("first", 2))
    await ann.send("/cancel")
    await ann.wait_for("⏹ Cancelled.")
    await ann.send_album(album("second", 3))
    await ann.wait_for("3 of 3 files are in your Drive", timeout=20)
    names = {file["name"] for file in await google.files(AMY) if file["md5"]}
    assert names == {f"second {number}.bin" for number in range(3)}


async def test_a_part_that_is_being_written_down_belongs_to_its_album(
    journal: UploadJournal,
    disk: Disk,
) -> None:
    """However long the disk takes for it; and the album is complete once."""
    complete: list[int] = []

    async def nothing(_job: UploadJob, _halt: StopSignal | None = None) -> None:
        """Neither Telegram nor Drive is asked."""

    async def note(whole: UploadJob) -> None:
        complete.append(len(whole.files))

    albums = Albums(UploadQueue(journal, disk, nothing, nothing, ENDS), end_seconds=0.5)
    first, second = (job(ANN, number, id="501-galbum") for number in (1, 2))
    assert await albums.take(first, note)
    disk.writes, asked = asyncio.Event(), disk.asked
    taking = asyncio.create_task(albums.take(second, note))
    await until(lambda: disk.asked > asked)
    await asyncio.sleep(0.8)  # the album's time is up
    assert complete == []
    disk.writes.set()
    assert await taking
    await until(lambda: bool(complete))
    await asyncio.sleep(0.7)
    assert complete == [2]
    assert not await albums.take(job(ANN, 3, id="501-galbum"), note)


@pytest.mark.parametrize("is_first", [True, False], ids=["the part first", "the cancel first"])
async def test_a_part_that_meets_a_cancel_ends_with_its_album(
    journal: UploadJournal, disk: Disk, is_first: bool
) -> None:
    """Once each: what is read before the other is written down revives nothing."""

    async def nothing(_job: UploadJob, _halt: StopSignal | None = None) -> None:
        """Neither Telegram nor Drive is asked."""

    metrics = Metrics()
    queue = UploadQueue(journal, disk, nothing, nothing, UploadEnds(metrics))
    albums = Albums(queue, end_seconds=0.5)
    first, second = (job(ANN, number, id="501-galbum") for number in (1, 2))
    assert await albums.take(first, nothing)
    disk.is_slow = True
    both = [albums.take(second, nothing), queue.cancel(ANN, first.id)]
    await asyncio.gather(*(both if is_first else reversed(both)))
    disk.is_slow = False
    kept = journal.load(first.id)
    assert kept is not None
    assert (kept.state, len(kept.files)) == ("cancelled", 2)
    counted = {"result": "cancelled"}
    assert metrics.registry.get_sample_value("drivekeeper_uploads_total", counted) == 2
    await asyncio.sleep(0.6)  # the album's time is up


async def test_a_large_album_does_not_take_the_place_of_others(
    journal: UploadJournal, disk: Disk
) -> None:
    """Each is remembered once, however many of its parts come."""

    async def nothing(_job: UploadJob, _halt: StopSignal | None = None) -> None:
        """Neither Telegram nor Drive is asked."""

    albums = Albums(UploadQueue(journal, disk, nothing, nothing, ENDS), end_seconds=0.1)
    albums.expect("501-gsmall")
    for _ in range(2000):
        albums.expect("501-glarge")
    assert albums.is_expected("501-gsmall")


async def test_an_album_cancelled_before_its_first_message_got_through_is_not_queued(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """And the message, which says that it is on its way, does not stay."""
    ann = people()
    await connect(ann, google, AMY)
    deleted = (await google.calls())["counts"].get("telegram.deleteMessage", 0)
    await google.fault("telegram.sendMessage", "latency", seconds=60)
    await ann.send_album(album("first", 2))
    await until_struck(google, "telegram.sendMessage")
    await ann.send("/cancel")
    await ann.wait_for("⏹ Cancelled.")
    await google.clear_faults()
    await until_called(google, "telegram.deleteMessage", deleted + 1)
    await ann.send_document(b"second", "second.bin")
    await ann.wait_for("second.bin (6 bytes) is in your Drive", since=0)
    assert not any("An album of" in message.text for message in ann.messages())
    assert [file["name"] for file in await google.files(AMY) if file["md5"]] == ["second.bin"]


async def test_an_album_of_which_nothing_arrives_says_so(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Each file with its own reason, and none in a folder."""
    ann = people()
    await connect(ann, google, AMY)
    gone = {"ok": False, "error_code": 400, "description": "Bad Request: invalid file_id"}
    await google.fault("telegram.getFile", "status", status=400, body=gone, count=2)
    await ann.send_album(album("gone", 2))
    message = await ann.wait_for("None of the 2 files was uploaded", timeout=30)
    assert "gone 0.bin: Telegram no longer has it" in message.text
    assert "folder" not in message.text
    assert "✅" not in message.text
    assert message.button("Try again") is not None


async def test_an_album_whose_files_were_all_there_names_no_folder(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """They may be in any; with one new file beside them it is that one's folder."""
    ann, items = people(), album("twice", 2)
    await connect(ann, google, AMY)
    await ann.send_album(items)
    await ann.wait_for("2 of 2 files are in your Drive, in the folder", timeout=30)
    await ann.send_album(items)
    message = await ann.wait_for("2 of 2 files are in your Drive.", timeout=30)
    assert message.text.count("it was there before") == 2
    assert "folder" not in message.text
    await ann.send_album([*items, *album("new", 1)])
    await ann.wait_for("3 of 3 files are in your Drive, in the folder “Telegram”", timeout=30)
