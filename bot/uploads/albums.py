"""Albums: Telegram sends their files one by one, and never says which is the last.

https://core.telegram.org/bots/api#message (media_group_id)
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, deque
from collections.abc import Callable, Coroutine
from typing import Any, Final

from telegram import Update

from bot.uploads.ends import CANCELLED
from bot.uploads.jobs import UploadJob
from bot.uploads.names import with_names
from bot.uploads.queue import UploadQueue

_REMEMBERED: Final = 1000
_OVERHEARD: Final = 100
_OVERHEARD_SECONDS: Final = 10.0
Complete = Callable[[UploadJob], Coroutine[Any, Any, None]]


class Albums:
    """Joins the files of an album to one job; what is still being joined is written down."""

    def __init__(self, uploads: UploadQueue, end_seconds: float) -> None:
        """
        Args:
            end_seconds: an album is complete when this long nothing has come.
        """
        self._uploads = uploads
        self._end_seconds = end_seconds
        self._gathering: dict[str, asyncio.TimerHandle] = {}
        self._completing: set[asyncio.Task[None]] = set()
        self._expected: deque[str] = deque(maxlen=_REMEMBERED)
        self._overheard: OrderedDict[str, list[Update]] = OrderedDict()

    def expect(self, job_id: str) -> list[Update]:
        """A part of this album was addressed to the bot in a group: so are the others.

        Returns those that have come before it. The name stands in the caption, and Telegram Desktop
        puts that under the last of several documents.
        """
        if job_id not in self._expected:
            self._expected.append(job_id)
        return self._overheard.pop(job_id, [])

    def is_expected(self, job_id: str) -> bool:
        """Whether a part of it was addressed to the bot lately."""
        return job_id in self._expected

    def overhear(self, job_id: str, update: Update) -> None:
        """A part that addresses nobody; another one may. Nothing of it is kept but for a moment."""
        self._overheard.setdefault(job_id, []).append(update)
        if len(self._overheard) > _OVERHEARD:
            self._overheard.popitem(last=False)
        asyncio.get_running_loop().call_later(_OVERHEARD_SECONDS, self._overheard.pop, job_id, None)

    async def take(self, job: UploadJob, complete: Complete) -> bool:
        """A further part of the album `job.id`; False: that one is complete, this comes too late.

        Args:
            job: as it would be if this were the album's only part.
            complete: told the whole job once nothing more comes. A restart before that queues it.
        """
        if gathers := job.id in self._gathering:
            # Nothing is complete while a part of it is being written down.
            self._gathering[job.id].cancel()
        try:
            async with self._uploads.changing(job.owner):
                new, known = list(job.files), await self._uploads.find(job.owner, job.id)
                if known is not None:
                    here = {file.telegram_file_id for file in known.files}
                    new = [file for file in job.files if file.telegram_file_id not in here]
                    if not new:  # handled before a kill, and sent again
                        gathers = gathers or known.is_untold
                        return True
                    if not gathers:
                        return False
                    job = known.model_copy(update={"files": (*known.files, *new)})
                # Anew with each part, since none of it is on its way yet.
                job = await with_names(job, self._uploads)
                await self._uploads.save(job)
                if job.has_ended:  # cancelled while more was awaited: so is what comes
                    for file in new:
                        self._uploads.ends.of_file(job.owner, file.kind, CANCELLED, file.size)
            gathers = True
        finally:
            if gathers:
                loop = asyncio.get_running_loop()
                self._gathering[job.id] = loop.call_later(
                    self._end_seconds, self._settle, job, complete
                )
        return True

    def _settle(self, job: UploadJob, complete: Complete) -> None:
        del self._gathering[job.id]
        task = asyncio.create_task(self._complete(job, complete))
        self._completing.add(task)
        task.add_done_callback(self._completing.discard)

    async def _complete(self, job: UploadJob, complete: Complete) -> None:
        known = await self._uploads.find(job.owner, job.id)
        if known is not None and not known.has_ended:  # else cancelled while more was awaited
            await complete(known)
