"""What the tests of uploads share: sources with what may be wrong with them, and Ann's Drive."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from pydantic import SecretStr

from drive import Drive, DriveFile
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from security.errors import CustodyError
from tests.security.kit import AMY, ANN, World
from upload import ChunkBudget, Progress, SourceFailed, StopSignal, Target, upload

TYPE = "application/octet-stream"
CHUNK = 1024 * 1024
"""Bytes; what an upload may have on its way here."""


def await_bytes(sandbox: Sandbox, wanted: int, seconds: float = 10) -> int:
    """Wait, in an upload's thread, until Drive has so many of unfinished ones; how many it has."""
    assert sandbox.google is not None
    sessions = sandbox.google.sessions._sessions
    until = time.monotonic() + seconds
    while (had := sum(s.received for s in [*sessions.values()])) < wanted:
        assert time.monotonic() < until
        time.sleep(0.01)
    return had


class Bytes:
    """A source in memory, with what may be wrong with it."""

    def __init__(
        self,
        content: bytes,
        *,
        piece: int = 100_000,
        size: int | None = -1,
        ends: str = "",
        seekable: bool = False,
    ) -> None:
        self.size = len(content) if size == -1 else size
        self.seekable = seekable
        self.opened = 0
        self.content, self._piece, self._ends = content, piece, ends

    def open(self, offset: int = 0) -> Iterator[bytes]:
        """From there on."""
        self.opened += 1
        for start in range(offset, len(self.content), self._piece):
            yield self.content[start : start + self._piece]
        if self._ends:
            raise SourceFailed("the source broke", code=self._ends)


@dataclass
class Desk:
    """Ann's Drive, and uploads into it."""

    world: World
    sandbox: Sandbox
    file_id: str
    folder_id: str
    progress: Progress = field(default_factory=Progress)
    stop: StopSignal = field(default_factory=StopSignal)
    budget: ChunkBudget = field(default_factory=lambda: ChunkBudget(CHUNK))
    sessions: list[SecretStr] = field(default_factory=list)

    @property
    def google(self) -> GoogleControls:
        """Its controls."""
        return self.world.google

    async def upload(
        self, source: Any, name: str = "a.bin", session: SecretStr | None = None
    ) -> DriveFile:
        """One upload, with short pauses, a chunk at a time."""
        target = Target(self.file_id, name, TYPE, self.folder_id)

        def work(drive: Drive) -> DriveFile:
            return upload(
                drive,
                source,
                target,
                progress=self.progress,
                stop=self.stop,
                pause_seconds=0.01,
                session=session,
                on_session=self.sessions.append,
                budget=self.budget,
            )

        return await self.world.drives.run(ANN, work)

    async def refused(self, source: Any) -> CustodyError:
        """The error of one upload; nothing is left in Drive."""
        with pytest.raises(CustodyError) as caught:
            await self.upload(source)
        assert await self.files() == []
        return caught.value

    async def files(self) -> list[dict[str, Any]]:
        """What is in the folder."""
        found = await self.google.files(AMY)
        return [file for file in found if self.folder_id in file["parents"]]

    async def holds_once(self, content: bytes) -> bool:
        """Whether the file is there exactly once, whole."""
        (file,) = await self.files()
        return await self.google.file_bytes(file["id"]) == content

    async def count(self, operation: str) -> int:
        """Calls of it."""
        return int((await self.google.calls())["counts"].get(operation, 0))

    async def lengths(self) -> list[int]:
        """Of the bodies that were announced for a session, in bytes."""
        calls = (await self.google.calls())["calls"]
        return [call["length"] for call in calls if call["operation"] == "google.upload.chunk"]

    async def sent(self) -> int:
        """All of them together."""
        return sum(await self.lengths())
