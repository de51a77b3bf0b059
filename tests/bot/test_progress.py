"""What a person reads while a file is on its way over a slow line: the truth, and early."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import pytest

from bot.texts.catalogue import Texts
from bot.uploads.jobs import JobFile
from bot.uploads.pace import Pace
from bot.uploads.texts import progress as progress_texts
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from sandbox.server import Sandbox
from tests.fixtures import RunningBot
from tests.journeys import connect
from upload import Progress

AMY = "amy@example.com"
CHUNKS = "google.upload.chunk"
CLOSE = 512 * 1024
"""Bytes that a figure may be away from what Drive has read."""
_UNITS = {"bytes": 1, "KiB": 1024, "MiB": 1024**2}
_FIGURE = re.compile(r"(\d+)% · ([\d.,]+) (bytes|KiB|MiB) of [\d.]+ MiB")
People = Callable[..., Person]


@dataclass
class Look:
    """One state of the message, and what Drive had read when it was seen."""

    text: str
    at: float
    read: int

    @property
    def figure(self) -> int | None:
        """The bytes that it tells."""
        told = _FIGURE.search(self.text)
        return told and round(float(told[2].replace(",", "")) * _UNITS[told[3]])


class Line:
    """Drive's end of a slow line, watched while a file comes through it."""

    def __init__(self, sandbox: Sandbox, size: int) -> None:
        self._sandbox, self._size = sandbox, size
        self.first_byte = 0.0
        self.last_byte = 0.0

    @property
    def read(self) -> int:
        """Bytes."""
        bodies = [meter.passed for name, meter in self._sandbox.faults.reading if name == CHUNKS]
        return bodies[0] if bodies else self._size * bool(self.first_byte)

    async def watch(self) -> None:
        """Note when bytes begin to move, and when the last of them has come."""
        loop = asyncio.get_running_loop()
        while self.read < self._size:
            if self.read and not self.first_byte:
                self.first_byte = loop.time()
            await asyncio.sleep(0.02)
        self.last_byte = loop.time()


async def looks(ann: Person, line: Line, name: str) -> list[Look]:
    """Every state of the file's message, to its end."""
    loop, seen, since = asyncio.get_running_loop(), list[Look](), ann.mark
    while not seen or "is in your Drive" not in seen[-1].text:

        def is_next(message: Message, since: int = since) -> bool:
            return message.seq > since and name in message.text

        message = await ann.wait_for(is_next, 60, since=since)
        since = message.seq
        seen.append(Look(message.text, loop.time(), line.read))
    return seen


async def upload_slowly(
    sandbox: Sandbox, google: GoogleControls, ann: Person, size: int, rate: int
) -> tuple[list[Look], Line]:
    """One file over such a line; what was said, and when its bytes came."""
    await google.rate(CHUNKS, rate)
    line = Line(sandbox, size)
    watching = asyncio.create_task(line.watch())
    await ann.send_document(os.urandom(size), "slow.bin")
    seen = await looks(ann, line, "slow.bin")
    await watching
    return seen, line


async def check_each_figure(
    sandbox: Sandbox, google: GoogleControls, ann: Person, size: int, rate: int
) -> None:
    """The first soon, with speed and time left; 100 % is never a promise. Of a machine that stands
    still for a moment a look may be late, and one figure without a speed."""
    await connect(ann, google, AMY)
    seen, line = await upload_slowly(sandbox, google, ann, size, rate)
    figures = [look for look in seen if look.figure is not None]
    print(*((round(one.at - line.first_byte, 2), one.read, one.text) for one in seen), sep="\n")
    assert figures[0].at - line.first_byte < 6
    assert len(figures) >= 3
    for before, look in pairwise([seen[0], *figures]):
        assert look.figure is not None
        assert before.read - CLOSE < look.figure < look.read + CLOSE, look
    with_speed = [look for look in figures if "/s" in look.text and " left" in look.text]
    assert len(with_speed) >= len(figures) - 1
    assert figures[-1].at - figures[0].at > 2.9 * (len(figures) - 2)
    assert not any("100%" in look.text for look in seen)
    assert seen[-1].at - line.last_byte < 10


@pytest.mark.one_way("on")
async def test_each_figure_is_what_drive_has(
    bot: RunningBot, sandbox: Sandbox, google: GoogleControls, people: People
) -> None:
    """3 MB at 250 KB/s: twelve seconds, most of which the system has had all of it."""
    await check_each_figure(sandbox, google, people(), 3_000_000, 250_000)


@pytest.mark.one_way
async def test_each_figure_of_a_larger_file_is_what_drive_has(
    bot: RunningBot, sandbox: Sandbox, google: GoogleControls, people: People
) -> None:
    """15 MB at 1 MB/s."""
    await check_each_figure(sandbox, google, people(), 15_000_000, 1_000_000)


@pytest.mark.one_way("off")
@pytest.mark.timing(first_progress=0.1, progress_interval=0.2)
async def test_each_file_of_an_album_has_figures_of_its_own(
    bot: RunningBot, sandbox: Sandbox, google: GoogleControls, people: People
) -> None:
    """The second begins at nothing, with a pace of its own."""
    ann = people()
    await connect(ann, google, AMY)
    await google.rate(CHUNKS, 300_000)
    names = ("one.bin", "two.bin")
    await ann.send_album([("document", os.urandom(500_000), name) for name in names])
    await ann.wait_for("2 of 2 files", 30)
    texts = [message.text for message in ann.versions(ann.mark)]
    for number, name in enumerate(names, 1):
        said = [text for text in texts if f"File {number} of 2" in text and name in text]
        figures = [int(told[1]) for text in said if (told := re.search(r"(\d+)% ·", text))]
        assert figures, texts
        assert figures == sorted(figures)
        assert figures[0] < 80
        assert any("KiB/s · " in text for text in said)


@pytest.mark.one_way("off")
@pytest.mark.timing(first_progress=0.1, progress_interval=0.2)
async def test_a_drive_that_has_all_and_says_nothing_is_said_to_be_checking(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """There are words for it, and no bar that stands at its end."""
    ann = people()
    await connect(ann, google, AMY)
    await google.fault(CHUNKS, "latency", seconds=60)
    await ann.send_document(os.urandom(30_000), "quick.bin")
    await ann.wait_for("Drive has all of quick.bin (29.3 KiB), and is checking it")
    await google.clear_faults()
    await ann.wait_for("is in your Drive")
    assert not any("100%" in message.text for message in ann.versions())


@pytest.mark.one_way("off")
@pytest.mark.timing(first_progress=0.1, progress_interval=0.2, unusual=1.0)
async def test_an_upload_that_google_does_not_answer_is_said_to_take_long(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """After a while it is said that it takes long, and that nobody has to do anything."""
    ann = people()
    await connect(ann, google, AMY)
    await google.fault("google.*", "hang", count=None)
    await ann.send_document(os.urandom(30_000), "silent.bin")
    late = await ann.wait_for("silent.bin takes longer than usual. I keep trying")
    assert [button.text for button in late.buttons] == ["Cancel"]
    await google.clear_faults()
    done = await ann.wait_for("silent.bin (29.3 KiB) is in your Drive")
    assert done.id == late.id


FILE = JobFile(telegram_file_id="a", name="a.bin", size=3_000_000, kind="document", mime_type="")


def told(progress: Progress, pace: Pace | None = None, *, size: int | None = 3_000_000) -> str:
    """What is said of it in English."""
    file = FILE.model_copy(update={"size": size})
    return progress_texts.uploading(Texts("en"), file, progress, pace or Pace())


def begun(delivered: int | None) -> Progress:
    """An upload that has come so far."""
    progress = Progress()
    progress.confirm(0)
    progress.follow(lambda: delivered)
    return progress


def test_nothing_is_said_that_is_not_known() -> None:
    """Where the system does not tell: no bar, and the size; nor how long, of an unknown size."""
    assert told(Progress()) == "⏳ Preparing the upload of <b>a.bin</b> …"
    assert told(begun(None)) == "📤 Uploading <b>a.bin</b> (2.9 MiB) …"
    assert told(begun(None), size=None) == "📤 Uploading <b>a.bin</b> …"
    assert told(begun(1024), size=None) == "📤 Uploading <b>a.bin</b> … 1 KiB"
    assert told(begun(0)).endswith("▱▱▱▱▱▱▱▱▱▱ 0% · 0 bytes of 2.9 MiB")
    assert told(begun(2_999_999)).endswith("▰▰▰▰▰▰▰▰▰▱ 99% · 2.9 MiB of 2.9 MiB")
    assert told(begun(3_000_000)).startswith("📤 Drive has all of <b>a.bin</b> (2.9 MiB)")


@pytest.mark.parametrize(
    ("looks_at", "says"),
    [
        ([(0, 0)], ""),
        ([(0, 0), (0.3, 100_000)], ""),
        ([(0, 0), (1, 1_000_000)], "\n976.6 KiB/s · a few seconds left"),
        ([(0, 0), (2, 1_000_000)], "\n488.3 KiB/s · about 5 s left"),
        ([(0, 0), (4, 1_000_000)], "\n244.1 KiB/s · about 10 s left"),
        ([(0, 0), (20, 1_000_000)], "\n48.8 KiB/s · about 40 s left"),
        ([(0, 0), (200, 1_000_000)], "\n4.9 KiB/s · about 7 min left"),
        ([(0, 0), (2_000, 1_000_000)], "\n500 bytes/s · about 1 h 7 min left"),
        ([(0, 1_000_000), (9, 1_000_000)], "\nnothing is moving just now"),
        # Of long ago nothing counts; of what was lost neither.
        ([(0, 0), (1, 500_000), (9, 900_000), (10, 1_000_000)], "\n54.3 KiB/s · about 35 s left"),
        ([(0, 0), (1, 2_000_000), (2, 900_000), (3, 1_000_000)], "\n97.7 KiB/s · about 20 s left"),
    ],
)
def test_speed_and_time_left_are_those_of_the_last_seconds(
    looks_at: list[tuple[float, int]], says: str
) -> None:
    """In steps that a person can use, and never "0 s"."""
    pace = Pace()
    for at, count in looks_at:
        pace.note(at, count)
    shown = told(begun(1_000_000), pace)
    assert shown == (f"📤 Uploading <b>a.bin</b>\n▰▰▰▱▱▱▱▱▱▱ 33% · 976.6 KiB of 2.9 MiB{says}")
