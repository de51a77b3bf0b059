"""Albums: Telegram sends their files one by one, and never says which is the last.

https://core.telegram.org/bots/api#message (media_group_id)
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, Final

from bot.uploads.jobs import JobFile, UploadJob
from bot.uploads.queue import UploadQueue

SETTLE_SECONDS: Final = 1.0
"""An album is complete when this long nothing has come. Telegram sends its parts at once."""
_REMEMBERED: Final = 1000
Complete = Callable[[UploadJob], Coroutine[Any, Any, None]]


class Albums:
    """Joins the files of an album to one job; what is still being joined is written down."""

    def __init__(self, uploads: UploadQueue) -> None:
        self._uploads = uploads
        self._gathering: dict[str, asyncio.TimerHandle] = {}
        self._completing: set[asyncio.Task[None]] = set()
        self._expected: OrderedDict[str, None] = OrderedDict()

    def expect(self, job_id: str) -> None:
        """A part of this album was addressed to the bot in a group: so are the others."""
        self._expected[job_id] = None
        if len(self._expected) > _REMEMBERED:
            self._expected.popitem(last=False)

    def is_expected(self, job_id: str) -> bool:
        """Whether a part of it was addressed to the bot lately."""
        return job_id in self._expected

    async def take(self, job: UploadJob, complete: Complete) -> bool:
        """A further file of the album `job.id`; False: that one is complete, this comes too late.

        Args:
            job: as it would be if this were the album's only file.
            complete: told the whole job once nothing more comes. A restart before that queues it.
        """
        [file] = job.files
        known = await self._uploads.find(job.owner, job.id)
        if known is not None:
            if _has(known, file):  # handled before a kill, and sent again
                return True
            if job.id not in self._gathering:
                return False
            job = known.model_copy(update={"files": (*known.files, file)})
        await self._uploads.note(job)
        if (timer := self._gathering.get(job.id)) is not None:
            timer.cancel()
        loop = asyncio.get_running_loop()
        self._gathering[job.id] = loop.call_later(SETTLE_SECONDS, self._settle, job, complete)
        return True

    def _settle(self, job: UploadJob, complete: Complete) -> None:
        self._gathering.pop(job.id, None)
        task = asyncio.create_task(self._complete(job, complete))
        self._completing.add(task)
        task.add_done_callback(self._completing.discard)

    async def _complete(self, job: UploadJob, complete: Complete) -> None:
        known = await self._uploads.find(job.owner, job.id)
        if known is not None and not known.has_ended:  # else cancelled while more was awaited
            await complete(job)


def _has(job: UploadJob, file: JobFile) -> bool:
    return any(other.telegram_file_id == file.telegram_file_id for other in job.files)
