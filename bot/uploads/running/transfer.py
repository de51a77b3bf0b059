"""One file of a job: from Telegram into its owner's Drive."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterator
from functools import partial
from typing import Any, Final

from pydantic import SecretStr

from bot.core import Core, Timing
from bot.uploads.destinations import Destination, Destinations
from bot.uploads.ends import UNCONFIRMED
from bot.uploads.jobs import JobFile, UploadJob, Whereabouts
from bot.uploads.running.duplicates import same_content, still_there
from bot.uploads.running.running_job import RunningJob
from bot.uploads.running.telegram_files import TelegramFiles
from bot.uploads.texts.upload import TooLittleSpace
from drive import Drive, DriveFile, DriveRefused
from security.errors import CustodyError, TransientFault
from upload import Progress, Source, Target, UploadCancelled, discard, upload

_Candidates = Callable[[], Coroutine[Any, Any, list[DriveFile]]]
_DISCARDED_AT_ONCE: Final = 2
"""Jobs: somebody may give up hundreds while Drive is silent, and questions want threads as well."""


class SameSize(DriveRefused):
    """Before a byte moves: these files in Drive may have the same content."""

    def __init__(self, candidates: list[DriveFile]) -> None:
        super().__init__("there are files of this size")
        self.candidates = candidates


class _FileUpload:
    """Runs in a thread, and changes nothing of the job itself.

    What it learns it reports to the event loop; what must outlast a kill it has written down there
    before the next request.
    """

    def __init__(
        self,
        running: RunningJob,
        number: int,
        source: Source,
        progress: Progress,
        candidates: _Candidates | None,
        *,
        destinations: Destinations,
        pause_seconds: float,
    ) -> None:
        """
        Args:
            number: of the file in the job.
            candidates: asked on the event loop what may be the same file in Drive already.
            pause_seconds: before a second try; doubles with every further one.
        """
        self._running = running
        self._number = number
        self._source = source
        self._progress = progress
        self._destinations = destinations
        self._pause_seconds = pause_seconds
        self.candidates = candidates
        """None: the file is to be uploaded, whatever is in Drive."""
        file = running.job.files[number]
        self._file_id, self._session = file.drive_file_id, file.session

    def send(self, drive: Drive) -> DriveFile:
        """Upload into the folder as it was seen last, or a new one where that has been deleted.

        Raises:
            SameSize: nothing was sent.
            CustodyError: in all its kinds.
        """
        if not self._file_id:
            self._draw_id(drive)
        destination = self._destination(drive, cached=True)
        try:
            found = self._upload(drive, destination)
        except DriveRefused as refusal:
            if refusal.code == "quota_exceeded" and drive.is_in_shared_drive(destination.folder_id):
                full = "the shared drive is full"
                raise DriveRefused(full, code="shared_drive_full") from refusal
            if refusal.code != "file_gone":
                raise
        else:
            if not found.trashed:
                return found
            drive.delete(found.id)  # the folder is in the bin, and the file with it
        self._draw_id(drive)
        other = self._destination(drive, cached=False)
        if (
            other.folder_name == destination.folder_name
            and other.folder_id != destination.folder_id
        ):
            self._running.report(folder_was_made_again=True)
        return self._upload(drive, other)

    def _draw_id(self, drive: Drive) -> None:
        # Written down with its session: before that, nothing can come of it.
        self._file_id, self._session = drive.new_file_id(), None

    def _destination(self, drive: Drive, *, cached: bool) -> Destination:
        job = self._running.job
        if cached and job.folder_id and self._session is not None:
            # Drive was told so when it began, whatever its owner has chosen since.
            return Destination(job.folder_id, job.folder_name)
        found = self._destinations.find(
            drive, job.owner, job.account_id, job.created_at, cached=cached
        )
        where: dict[str, Any] = {"folder_id": found.folder_id, "folder_name": found.folder_name}
        if found.was_made_again:
            where["folder_was_made_again"] = True
        self._running.report(**where)
        return found

    def _upload(self, drive: Drive, destination: Destination) -> DriveFile:
        file = self._running.job.files[self._number]
        return upload(
            drive,
            self._source,
            Target(
                self._file_id, file.name, file.mime_type, destination.folder_id, file.description
            ),
            progress=self._progress,
            stop=self._running.stop,
            pause_seconds=self._pause_seconds,
            session=self._session,
            on_session=self._on_session,
            on_new_id=lambda file_id: self._write_down(file_id, None),
        )

    def _on_session(self, session: SecretStr) -> None:
        if self.candidates is not None:
            found = self._running.ask(self.candidates(), until_stop=True)
            if found:
                raise SameSize(found)
        self._write_down(self._file_id, session)  # from here on, bytes move

    def _write_down(self, file_id: str, session: SecretStr | None) -> None:
        self._file_id, self._session = file_id, session
        work = self._running.save_file(self._number, drive_file_id=file_id, session=session)
        self._running.ask(work)


class _Unread:
    """Of a file that is cancelled before it was asked for: Drive may have all of an earlier run."""

    seekable = True

    def __init__(self, size: int | None) -> None:
        self.size = size

    def open(self, offset: int = 0) -> Iterator[bytes]:
        """Nothing."""
        return iter(())


class _Precheck:
    """What is asked of Drive beside everything else, and told whenever it is wanted."""

    def __init__(self, ask: _Candidates) -> None:
        self._ask = ask
        self._task = asyncio.create_task(ask())

    async def result(self) -> list[DriveFile]:
        """What Drive said. After a fault that may pass, the next call has a new answer."""
        try:
            return await asyncio.shield(self._task)
        except TransientFault:
            self._task = asyncio.create_task(self._ask())
            raise

    async def close(self) -> None:
        """Nobody wants to know any more."""
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


class Transfer:
    """Uploads single files; what must outlast a kill is in the journal before it happens."""

    def __init__(
        self, core: Core, destinations: Destinations, files: TelegramFiles, timing: Timing
    ) -> None:
        self._core = core
        self._destinations = destinations
        self._file_upload = partial(
            _FileUpload, destinations=destinations, pause_seconds=timing.upload_pause
        )
        self._files = files
        self._discarding = asyncio.Semaphore(_DISCARDED_AT_ONCE)

    async def upload(self, running: RunningJob, number: int) -> tuple[DriveFile, str]:
        """The file of this number, as Drive has it now, and "ok" or "duplicate".

        Raises:
            CustodyError: in all its kinds.
        """
        job = running.job
        file = job.files[number]
        run = partial(self._in_drive, running)
        progress = Progress()
        running.message.follow(number, progress)
        if file.session is not None:  # begun before: whatever can be known beforehand was
            try:
                source = await self._open(running, file)
            except UploadCancelled:  # Drive may have all of it
                source = _Unread(file.size)
            uploading = self._file_upload(running, number, source, progress, None)
            return await run(uploading.send), "ok"
        # Beside the download's and the session's beginning: the answers come in time for the bytes.
        precheck = _Precheck(partial(self._check_ahead, job, file))
        try:
            if self._files.are_local:
                # Its server fetches the whole file first: not for a Drive that has no room for it.
                with contextlib.suppress(TransientFault):
                    await running.unless_cancelled(precheck.result())
            source = await self._open(running, file)
            uploading = self._file_upload(running, number, source, progress, precheck.result)
            try:
                return await run(uploading.send), "ok"
            except SameSize as some:
                place, same = (file.name, running.job.folder_id), some.candidates

                def compare(drive: Drive) -> tuple[DriveFile, Whereabouts] | None:
                    return still_there(drive, same_content(source, same, running.stop), *place)

                compared = self._core.upload_drives.run(job.owner, compare, stop=running.stop)
                if (found := await compared) is not None:
                    running.job = running.job.with_file(number, there=found[1])
                    return found[0], "duplicate"
                uploading.candidates = None
                return await run(uploading.send), "ok"
            except DriveRefused as refusal:
                if refusal.code == "quota_exceeded":
                    with contextlib.suppress(TransientFault):
                        await precheck.result()  # which says how much is missing, if it knows
                raise
        finally:
            await precheck.close()

    async def discard(self, job: UploadJob) -> None:
        """What has been begun in Drive for a job that is given up, as far as it can be reached."""
        begun = [f for f in job.files if f.state != "done" and f.drive_file_id]

        def work(drive: Drive) -> None:
            for file in begun:
                discard(drive, file.drive_file_id, file.session)

        if begun:
            async with self._discarding:
                with contextlib.suppress(CustodyError):
                    self._core.workers.refuse_if_stopping()
                    await self._core.drives.run(job.owner, work)

    async def release_source(self, running: RunningJob) -> None:
        """Give back where the bytes came from, which is done with, for now at least."""
        source, running.source = running.source, None
        await self._files.release(source)

    async def _in_drive(self, running: RunningJob, send: Callable[[Drive], DriveFile]) -> DriveFile:
        try:
            return await self._core.upload_drives.run(running.job.owner, send, stop=running.stop)
        except UploadCancelled as cancelled:
            if cancelled.arrived is not None:  # too late: it is there, and stays
                return cancelled.arrived
            if cancelled.may_have_arrived:
                raise UploadCancelled("cancelled", code=UNCONFIRMED) from cancelled
            raise

    async def _open(self, running: RunningJob, file: JobFile) -> Source:
        running.source = await self._files.source_of(file, running.stop)
        return running.source

    async def _check_ahead(self, job: UploadJob, file: JobFile) -> list[DriveFile]:
        """Whether there is space, and what may be the same file in Drive already."""

        def check_ahead(drive: Drive) -> list[DriveFile]:
            sizes = [file.size or 0 for file in job.files if file.state == "waiting"]
            for cached in (True, False):  # what was told a minute ago is good enough, if it does
                free = drive.about(cached=cached).free
                if free is None or sum(sizes) <= free:
                    break
            else:
                where = self._destinations.find(
                    drive, job.owner, job.account_id, job.created_at, cached=True
                )
                if not drive.is_in_shared_drive(where.folder_id):
                    raise TooLittleSpace(sum(sizes), free or 0)
            found = [] if file.again or not file.size else drive.files_of_size(file.size)
            return [same for same in found if same.id != file.drive_file_id]

        return await self._core.drives.run(job.owner, check_ahead)
