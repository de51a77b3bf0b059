"""One job under way. The event loop alone changes it: threads report to it what they learn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from bot.texts.catalogue import Texts
from bot.uploads.jobs import UploadJob
from bot.uploads.progress import UploadMessage
from upload import Source, StopSignal, UploadInterrupted

_ANSWER_SECONDS: Final = 120
T = TypeVar("T")


@dataclass(slots=True)
class RunningJob:
    """A job, and what belongs to it while it runs. Made on the event loop."""

    job: UploadJob
    """As it stands. A thread may read it, and changes nothing."""
    stop: StopSignal
    message: UploadMessage
    texts: Texts
    write: Callable[[UploadJob], Coroutine[Any, Any, None]]
    """Writes a job down."""
    source: Source | None = None
    """Of the file that is or was under way."""
    _loop: asyncio.AbstractEventLoop = field(default_factory=asyncio.get_running_loop)

    def change(self, **changes: Any) -> None:
        """Change the job, in memory alone."""
        self.job = self.job.model_copy(update=changes)

    async def save_file(self, number: int, **changes: Any) -> None:
        """Change one file of the job, and write the job down.

        Raises:
            OperatorFault: the disk does not take it; it is changed in memory all the same.
        """
        self.job = self.job.with_file(number, **changes)
        await self.write(self.job)

    def report(self, **changes: Any) -> None:
        """Have the job changed. From a thread, which does not wait; reports keep their order."""
        with suppress(RuntimeError):  # the event loop is closed
            self._loop.call_soon_threadsafe(lambda: self.change(**changes))

    def report_progress(self, number: int, gone_out: int) -> None:
        """Have it shown how many bytes of a file have gone out. From a thread."""
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(self.message.advance, number, gone_out)

    def ask(self, work: Coroutine[Any, Any, T], *, until_stop: bool = False) -> T:
        """What `work` comes to on the event loop, after all that was reported. From a thread.

        `until_stop`: it is given up once the job is to stop. What is written down is not.

        Raises:
            UploadInterrupted, UploadCancelled: the job is to stop, or the event loop is closed.
            TimeoutError: it did not answer.
        """
        try:
            asked = asyncio.run_coroutine_threadsafe(work, self._loop)
        except RuntimeError:
            work.close()
            raise UploadInterrupted("the program stops") from None
        with self.stop.waking(asked.cancel) if until_stop else nullcontext():
            try:
                return asked.result(_ANSWER_SECONDS)
            except CancelledError:
                self.stop.check()
                raise
