"""What tests of the line and of albums share: jobs nobody sent, and a disk that takes its time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, ParamSpec, TypeVar

from bot.monitoring.metrics import Metrics
from bot.uploads.ends import UploadEnds
from bot.uploads.jobs import JobFile, UploadJob
from security.credential import Owner
from security.custody.workers import Workers

ENDS = UploadEnds(Metrics())
"""Whom nobody asks."""
ANN, BOB = Owner.user(501), Owner.user(502)
_TURNS = 20
_BEGAN = datetime(2026, 11, 1, tzinfo=UTC)
P = ParamSpec("P")
T = TypeVar("T")


def job(owner: Owner, number: int, **changes: Any) -> UploadJob:
    """A file somebody has sent, as it is first written down."""
    name = f"{number}.bin"
    file = JobFile(
        telegram_file_id=f"file {number}", kind="document", name=name, mime_type="a/b", size=5
    )
    made = UploadJob(
        id=f"{owner.key}-{number}",
        owner=owner,
        chat_id=int(owner.key),
        state="queued",
        files=(file,),
        created_at=_BEGAN + timedelta(seconds=number),
        reply_to=number,
    )
    return made.model_copy(update=changes)


class Disk(Workers):
    """Workers over a disk that can be made to wait."""

    is_slow = False
    """Whether everybody else comes to their turn before something is read."""
    writes: asyncio.Event | None = None
    """What is written waits for this."""
    asked = 0
    """How much was to be written."""

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As ever, or after a few turns of the event loop."""
        for _ in range(_TURNS if self.is_slow else 0):
            await asyncio.sleep(0)
        return await super().read(function, *args, **kwargs)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As ever, once it may."""
        self.asked += 1
        if self.writes is not None:
            await self.writes.wait()
        return await super().run(function, *args, **kwargs)
