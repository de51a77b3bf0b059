"""How bytes travel: as they arrive, once, and never many of them in memory."""

from __future__ import annotations

import asyncio
import os
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from drive import Drive, DriveFile
from drive.uploading.budget import BLOCK
from sandbox.server import Sandbox
from tests.security.kit import ANN
from tests.upload.kit import CHUNK, TYPE, Bytes, Desk, await_bytes
from upload import ChunkBudget, Progress, Target, upload


async def test_bytes_reach_drive_while_they_still_arrive(desk: Desk, sandbox: Sandbox) -> None:
    """The first ones are there before the last have left Telegram."""
    seen: list[int] = []

    class Slow(Bytes):
        def open(self, offset: int = 0) -> Iterator[bytes]:
            pieces = list(super().open(offset))
            yield from pieces[:-1]
            seen.append(await_bytes(sandbox, CHUNK // 2))
            yield pieces[-1]

    content = os.urandom(CHUNK)  # one request
    await desk.upload(Slow(content, piece=64 * 1024))
    assert await desk.holds_once(content)
    assert seen[0] >= CHUNK // 2
    assert await desk.count("google.upload.chunk") == 1


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("drop", {}),
        ("after", {}),
        ("cut_body", {"after_bytes": 700_000}),
        ("status", {"status": 401}),
    ],
)
@pytest.mark.parametrize("seekable", [False, True], ids=["streamed", "seekable"])
async def test_a_body_is_never_sent_twice(
    desk: Desk, kind: str, options: dict[str, Any], seekable: bool
) -> None:
    """Half of one would have Drive wait for the rest: its count is asked for instead."""
    await desk.google.fault("google.upload.chunk", kind, skip=1, **options)
    source = Bytes(os.urandom(3 * CHUNK), seekable=seekable)
    desk.budget = ChunkBudget(2 * CHUNK)
    async with asyncio.timeout(10):  # the connection's time-out is 30 s
        await desk.upload(source)
    assert await desk.holds_once(source.content)


async def test_a_seekable_source_goes_in_one_request_and_is_never_kept(desk: Desk) -> None:
    """And only from where Drive's count is, when that request breaks."""
    size, piece = 24 * CHUNK, bytes(64 * 1024)
    opened: list[int] = []

    class Endless:
        seekable = True

        def __init__(self) -> None:
            self.size = size

        def open(self, offset: int = 0) -> Iterator[bytes]:
            opened.append(offset)
            for _ in range((size - offset) // len(piece)):
                yield piece

    await desk.google.fault("google.upload.chunk", "cut_body", after_bytes=9_000_000)
    tracemalloc.start()
    try:
        found = await desk.upload(Endless())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert found.size == size
    assert peak < 4 * CHUNK  # the sandbox, in this process, has its share
    assert await desk.count("google.upload.chunk") == 2
    assert opened[0] == 0
    assert CHUNK <= opened[1] <= 9_000_000


async def test_a_description_is_drives_too(desk: Desk) -> None:
    """The caption."""
    target = Target(desk.file_id, "a", TYPE, desk.folder_id, description="from the harbour 🚢")
    found = await desk.world.drives.run(
        ANN,
        lambda drive: upload(drive, Bytes(b"x"), target, progress=desk.progress, stop=desk.stop),
    )
    assert found.description == "from the harbour 🚢"


def test_a_budget_is_divided_among_those_who_run() -> None:
    """In whole blocks; whoever is alone has it all."""
    budget = ChunkBudget(8 * BLOCK + 100)
    with budget.share() as first:
        assert first(None) == 8 * BLOCK
        with budget.share() as second, budget.share() as third:
            # The first one's chunk is still on its way: there is next to nothing left.
            assert [second(None), third(None)] == [BLOCK, BLOCK]
            assert first(None) == 2 * BLOCK
            assert second(None) == 2 * BLOCK
            assert third(1000) == 1000
        assert first(None) == 8 * BLOCK
        assert first(5) == 5


def test_a_budget_is_kept_whatever_comes_in_whatever_order() -> None:
    """But for one block each: with less nothing would move."""
    budget = ChunkBudget(32 * BLOCK)
    with ExitStack() as stack:
        shares = []
        for _ in range(20):
            shares.append(stack.enter_context(budget.share()))
            held = [share(None) for share in shares[-3:]]
            assert all(size % BLOCK == 0 and size >= BLOCK for size in held)
        assert sum(share(None) for share in shares) <= (32 + len(shares)) * BLOCK


async def test_uploads_share_the_budget(desk: Desk) -> None:
    """Two at once take smaller chunks than one would."""
    desk.budget = ChunkBudget(2 * CHUNK)
    other = await desk.world.drives.run(ANN, lambda drive: drive.new_file_id())
    meet = threading.Barrier(2)

    class Together(Bytes):
        def open(self, offset: int = 0) -> Iterator[bytes]:
            """They begin together, and neither ends before the other sends its last chunk."""
            meet.wait(10)
            for at, piece in enumerate(super().open(offset)):
                if at == len(self.content) // 100_000:
                    meet.wait(10)
                yield piece

    async def one(file_id: str) -> DriveFile:
        target = Target(file_id, "a", TYPE, desk.folder_id)

        def work(drive: Drive) -> DriveFile:
            return upload(
                drive,
                Together(bytes(2 * CHUNK)),
                target,
                progress=Progress(),
                stop=desk.stop,
                budget=desk.budget,
            )

        return await desk.world.drives.run(ANN, work)

    await asyncio.gather(one(desk.file_id), one(other))
    assert max(await desk.lengths()) == CHUNK
