"""One file of a job: from Telegram into its owner's Drive."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from bot.core import Core, Timing
from bot.uploads.destinations import Destinations
from bot.uploads.jobs import JobFile, UploadJob
from bot.uploads.running.file_upload import FileUpload, SameSize
from bot.uploads.running.running_job import RunningJob
from bot.uploads.running.telegram_files import TelegramFiles
from bot.uploads.upload_texts import TooLittleSpace
from drive import Drive, DriveFile, DriveRefused
from security.errors import CustodyError, TransientFault
from upload import Source, SourceSpoilt, StopSignal, discard


class _Precheck:
    """What is asked of Drive beside everything else, and told whenever it is wanted."""

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, list[DriveFile]]]) -> None:
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
            FileUpload, destinations=destinations, pause_seconds=timing.upload_pause
        )
        self._files = files

    async def upload(self, running: RunningJob, number: int) -> tuple[DriveFile, str]:
        """The file of this number, as Drive has it now, and "ok" or "duplicate".

        Raises:
            CustodyError: in all its kinds.
        """
        job = running.job
        file = job.files[number]
        run = partial(self._core.upload_drives.run, job.owner)
        if file.session is not None:  # begun before: whatever can be known beforehand was
            source = await self._open(running, file)
            return await run(self._file_upload(running, number, source, None).send), "ok"
        # Beside the download's and the session's beginning: the answers come in time for the bytes.
        precheck = _Precheck(partial(self._check_ahead, job, file))
        try:
            if self._files.are_local:
                # Its server fetches the whole file first: not for a Drive that has no room for it.
                with contextlib.suppress(TransientFault):
                    await precheck.result()
            source = await self._open(running, file)
            uploading = self._file_upload(running, number, source, precheck.result)
            try:
                return await run(uploading.send), "ok"
            except SameSize as some:
                compare = partial(_same_content, source, some.candidates, running.stop)
                same = await run(lambda _: compare())
                if same is not None:
                    return same, "duplicate"
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
            with contextlib.suppress(CustodyError):
                await self._core.drives.run(job.owner, work)

    async def release_source(self, running: RunningJob) -> None:
        """Give back where the bytes came from, which is done with, for now at least."""
        source, running.source = running.source, None
        await self._files.release(source)

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


def _same_content(
    source: Source, candidates: list[DriveFile], stop: StopSignal
) -> DriveFile | None:
    """Which of those has the bytes of `source`. Blocks: it reads all of them."""
    md5 = hashlib.md5(usedforsecurity=False)
    try:
        for piece in source.open():
            stop.check()
            md5.update(piece)
    except SourceSpoilt:
        return None  # it cannot be told; the upload reads it anew
    return next((found for found in candidates if found.md5 == md5.hexdigest()), None)
