"""One file of 2.2 GB from a local Bot API server: whole, and never in memory."""

from __future__ import annotations

import hashlib
import os
import resource
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.server import Sandbox, SandboxConfig
from tests.fixtures import StartBot
from tests.journeys import connect

SIZE = 2_200_000_000
MOST_MEMORY = 150_000_000
"""Bytes more, for the bot and the sandbox, which are one process here."""


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """With a local Bot API server; Drive counts and hashes, and keeps nothing."""
    config = SandboxConfig(folder=tmp_path / "world", local_mode=True, keeps_bytes=False)
    async with Sandbox(config) as running:
        yield running


def memory() -> int:
    """The most this process has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.load
@pytest.mark.encryption("on")
@pytest.mark.timeout(400)
async def test_a_file_of_more_than_two_gigabytes_arrives_whole(
    start_bot: StartBot, sandbox: Sandbox, google: GoogleControls, people: Callable[..., Person]
) -> None:
    """Sparse on its way in: it takes up no room on this disk."""
    assert sandbox.telegram is not None
    files, ann = sandbox.telegram.files, people()
    blob = files.store(b"the beginning")
    os.truncate(blob.path, SIZE)
    blob = files._keep(blob.id, blob.path, SIZE)
    async with start_bot(TELEGRAM_LOCAL_MODE="true", WEB_PORT=0):
        await connect(ann, google, "amy@example.com")
        began, had = time.monotonic(), memory()
        await ann.send_document(blob.id, "film.mkv")
        await ann.wait_for("film.mkv (2 GiB) is in your Drive", timeout=300)
        seconds, more = time.monotonic() - began, memory() - had
    print(f"2.2 GB in {seconds:.0f} s, {more / 1e6:.0f} MB more memory")
    [file] = [f for f in await google.files("amy@example.com") if f["md5"]]
    with blob.path.open("rb") as content:
        md5 = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    assert (int(file["size"]), file["md5"]) == (SIZE, md5)
    assert more < MOST_MEMORY
