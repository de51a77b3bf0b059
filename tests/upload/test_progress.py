"""How far an upload is said to be: what Drive has, also while whoever sends it waits."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

from tests.upload.kit import CHUNK, Bytes, Desk
from upload import Progress

CHUNKS = "google.upload.chunk"
CLOSE = 512 * 1024
"""Bytes: what the other side's system and libraries hold, and a part of a piece."""


@asynccontextmanager
async def under_way(desk: Desk, source: Bytes) -> AsyncIterator[asyncio.Task[object]]:
    """An upload that has begun to move."""
    running = asyncio.create_task(desk.upload(source))
    try:
        async with asyncio.timeout(10):
            while not desk.progress.delivered:  # noqa: ASYNC110 - of another thread
                await asyncio.sleep(0.01)
        yield running
    finally:
        desk.stop.set()
        await asyncio.gather(running, return_exceptions=True)


def read_by_drive(desk: Desk) -> int | None:
    """How much of the body that is on its way; None: none is."""
    bodies = [meter.passed for _, meter in desk.sandbox.faults.reading]
    return bodies[0] if bodies else None


async def test_progress_follows_what_drive_has_read_and_not_what_has_left(desk: Desk) -> None:
    """All of it has been handed to the system long before, in one request."""
    await desk.google.rate(CHUNKS, 1_000_000)
    seen: list[int] = []
    async with under_way(desk, Bytes(os.urandom(3 * CHUNK), seekable=True)) as running:
        while not running.done():
            delivered, read = desk.progress.delivered, read_by_drive(desk)
            if read is not None:
                assert delivered is not None
                assert abs(delivered - read) < CLOSE
                seen.append(delivered)
            await asyncio.sleep(0.05)
        await running
    assert seen == sorted(seen)
    assert len(set(seen)) >= 10
    assert desk.progress.delivered == 3 * CHUNK


async def test_progress_moves_while_the_source_says_nothing(desk: Desk) -> None:
    """What was given before goes on arriving; nothing that was not given is counted."""

    class Silent(Bytes):
        def open(self, offset: int = 0) -> Iterator[bytes]:
            for number, piece in enumerate(super().open(offset)):
                if number == 10:
                    desk.stop.wait(60)
                yield piece

    await desk.google.rate(CHUNKS, 1_500_000)
    async with under_way(desk, Silent(os.urandom(2 * CHUNK))), asyncio.timeout(30):
        while desk.progress.delivered != 1_000_000:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        assert desk.progress.delivered == 1_000_000


async def test_progress_goes_back_with_what_drive_has_lost(desk: Desk) -> None:
    """It is no success to have sent it."""
    await desk.google.fault(CHUNKS, "status", status=404, skip=2)
    desk.progress = Watched()
    await desk.upload(Bytes(os.urandom(4 * CHUNK + 5)))
    assert desk.progress.confirmed == [0, CHUNK, 2 * CHUNK, 0, *(n * CHUNK for n in range(1, 5))]


class Watched(Progress):
    """Keeps what Drive has said."""

    def __init__(self) -> None:
        super().__init__()
        self.confirmed: list[int] = []

    def confirm(self, count: int) -> None:
        """As the base class."""
        super().confirm(count)
        self.confirmed.append(count)


async def test_progress_of_a_resumed_upload_begins_where_drive_says(desk: Desk) -> None:
    """Before another byte is sent."""
    content = os.urandom(4 * CHUNK)
    await desk.google.fault("google.upload.*", "status", status=503, count=0, skip=3)
    await desk.refused(Bytes(content))
    await desk.google.clear_faults()
    desk.progress = Watched()
    began = time.monotonic()
    assert not desk.progress.has_begun
    await desk.upload(Bytes(content), session=desk.sessions[0])
    assert desk.progress.confirmed[0] == 2 * CHUNK
    assert time.monotonic() - began < 20
