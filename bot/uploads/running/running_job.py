"""One job under way. The event loop alone changes it: threads report to it what they learn."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import CancelledError
from contextlib import nullcontext, suppress
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from bot.texts.catalogue import Texts
from bot.uploads.ends import UNCONFIRMED
from bot.uploads.jobs import UploadJob
from bot.uploads.progress import UploadMessage
from security.errors import TransientFault
from upload import Source, StopSignal, UploadCancelled, UploadInterrupted

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
    write: Callable[[UploadJob, bool], Coroutine[Any, Any, None]]
    """Writes a job down; True: unless it was deleted, with everything, meanwhile."""
    source: Source | None = None
    """Of the file that is or was under way."""
    _cancelled: asyncio.Event = field(default_factory=asyncio.Event)
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)
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
        await self.save()

    async def save(self, *, unless_deleted: bool = False) -> None:
        """Write the job down as it stands. Raises as `save_file`."""
        async with self._writing:  # what is older must not come last
            await self.write(self.job, unless_deleted)

    def cancel(self, code: str) -> None:
        """It is to end, because of `code`, and `stop` is set: whoever waits waits no longer."""
        self.change(cancel_code=code)
        self._cancelled.set()

    async def unless_cancelled(self, work: Coroutine[Any, Any, T]) -> T:
        """What `work` comes to, where nothing depends on its being done to its end.

        Raises:
            UploadCancelled: the job is to end.
        """
        wanted = asyncio.create_task(work)
        ended = asyncio.create_task(self._cancelled.wait())
        try:
            await asyncio.wait({wanted, ended}, return_when=asyncio.FIRST_COMPLETED)
            self.check()
            return await wanted
        finally:
            for task in (wanted, ended):
                task.cancel()
            await asyncio.gather(wanted, ended, return_exceptions=True)

    def check(self) -> None:
        """Go on, or raise UploadCancelled if the job is to end."""
        if self.job.cancel_code:
            raise self.cancelled()

    def cancelled(self) -> UploadCancelled:
        """The job ends here, with nothing of its next file in Drive as far as is known.

        What has been begun, by an earlier run at least, may have arrived.
        """
        file = self.job.next_file
        has_begun = file is not None and file.session is not None
        code = UNCONFIRMED if has_begun else self.job.cancel_code
        return UploadCancelled("cancelled", code=code)

    def report(self, **changes: Any) -> None:
        """Have the job changed. From a thread, which does not wait; reports keep their order."""
        with suppress(RuntimeError):  # the event loop is closed
            self._loop.call_soon_threadsafe(lambda: self.change(**changes))

    def ask(self, work: Coroutine[Any, Any, T], *, until_stop: bool = False) -> T:
        """What `work` comes to on the event loop, after all that was reported. From a thread.

        `until_stop`: it is given up once the job is to stop. What is written down is not.

        Raises:
            UploadInterrupted, UploadCancelled: the job is to stop, or the event loop is closed.
            TransientFault: it did not answer; what was to be written down may not be.
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
            except TimeoutError:
                asked.cancel()
                raise TransientFault("the event loop does not answer", code="timeout") from None
