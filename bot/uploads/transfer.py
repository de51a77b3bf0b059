"""One file of a job: from Telegram into its owner's Drive."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import random
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

from pydantic import SecretStr
from telegram.error import BadRequest, NetworkError, TelegramError
from telegram.ext import ExtBot

from bot.core import BotOptions, Core
from bot.texts.catalogue import Texts
from bot.uploads.destinations import Place, Places
from bot.uploads.jobs import JobFile, UploadJob, UploadJournal
from bot.uploads.progress import UploadMessage
from bot.uploads.telegram_source import LocalFile, TelegramDownload
from bot.uploads.upload_texts import TooLittleSpace
from drive import Drive, DriveFile, DriveRefused
from security.errors import CustodyError, OperatorFault, TransientFault
from upload import Source, SourceFailed, SourceSpoilt, StopSignal, Target, discard, upload

_GET_FILE_SECONDS: Final = 30
_LEAST_BYTES_PER_SECOND: Final = 500_000
_LOOK_SECONDS: Final = 120
_NOTICED_SECONDS: Final = 0.5
"""A cancel by then."""
_PAUSES: Final = (1.0, 3.0)
T = TypeVar("T")


class _SameSize(DriveRefused):
    """Before a byte moves: these files in Drive may have the same content."""

    def __init__(self, candidates: list[DriveFile]) -> None:
        super().__init__("there are files of this size")
        self.candidates = candidates


class _TelegramAway(SourceFailed):
    """May pass by itself."""


class _LookAhead:
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


@dataclass(slots=True)
class Run:
    """One job under way."""

    job: UploadJob
    halt: StopSignal
    message: UploadMessage
    texts: Texts
    source: Source | None = None
    """Of the file that is or was under way."""


class Transfer:
    """Uploads single files; what must outlast a kill is in the journal before it happens."""

    def __init__(
        self,
        bot: ExtBot[int],
        core: Core,
        options: BotOptions,
        journal: UploadJournal,
        places: Places,
    ) -> None:
        self._bot = bot
        self._core = core
        self._options = options
        self._journal = journal
        self._places = places
        self._local_files: Counter[Path] = Counter()
        """Which of a local server's copies are being read, by how many jobs."""

    async def upload(self, run: Run, number: int) -> tuple[DriveFile, str]:
        """The file of this number, as Drive has it now, and "ok" or "duplicate".

        Raises:
            CustodyError: in all its kinds.
        """
        file = run.job.files[number]
        if file.session is not None:  # begun before: whatever can be known beforehand was
            return await self._send(run, number, await self._source_of(run, file), None), "ok"
        # Beside the download's and the session's beginning: the answers come in time for the bytes.
        look = _LookAhead(partial(self._look_ahead, run.job, file))
        try:
            if self._options.local_mode:
                # Its server fetches the whole file first: not for a Drive that has no room for it.
                with contextlib.suppress(TransientFault):
                    await look.result()
            source = await self._source_of(run, file)
            try:
                return await self._send(run, number, source, look), "ok"
            except _SameSize as some:
                look_for = partial(_same_content, source, some.candidates, run.halt)
                same = await self._core.upload_drives.run(run.job.owner, lambda _: look_for())
                if same is not None:
                    return same, "duplicate"
                return await self._send(run, number, source, None), "ok"
            except DriveRefused as refusal:
                if refusal.code == "quota_exceeded":
                    with contextlib.suppress(TransientFault):
                        await look.result()  # which says how much is missing, if it knows
                raise
        finally:
            await look.close()

    async def _look_ahead(self, job: UploadJob, file: JobFile) -> list[DriveFile]:
        """Whether there is space, and what may be the same file in Drive already."""

        def look(drive: Drive) -> list[DriveFile]:
            sizes = [file.size or 0 for file in job.files if file.state == "waiting"]
            for known in (True, False):  # what was told a minute ago is good enough, if it suffices
                free = drive.about(cached=known).free
                if free is None or sum(sizes) <= free:
                    break
            else:
                where = self._places.find(
                    drive, job.owner, job.account_id, job.created_at, known=True
                )
                if not drive.is_in_shared_drive(where.folder_id):
                    raise TooLittleSpace(sum(sizes), free or 0)
            found = [] if file.again or not file.size else drive.files_of_size(file.size)
            return [same for same in found if same.id != file.drive_file_id]

        return await self._core.drives.run(job.owner, look)

    async def _send(
        self, run: Run, number: int, source: Source, look: _LookAhead | None
    ) -> DriveFile:
        loop = asyncio.get_running_loop()

        def progress(acknowledged: int) -> None:
            loop.call_soon_threadsafe(run.message.advance, number, acknowledged)

        def remember(**changes: Any) -> None:
            run.job = run.job.with_file(number, **changes)
            self._journal.save(run.job)

        def draw_id(drive: Drive) -> None:
            # Written down with its session: before that, nothing can come of it.
            changes = {"drive_file_id": drive.new_file_id(), "session": None}
            run.job = run.job.with_file(number, **changes)

        def begin(session: SecretStr) -> None:
            if look is not None:
                asked = asyncio.run_coroutine_threadsafe(look.result(), loop)
                if found := asked.result(_LOOK_SECONDS):
                    raise _SameSize(found)
            remember(session=session)  # from here on, bytes move

        def attempt(drive: Drive, place: Place) -> DriveFile:
            file = run.job.files[number]
            target = Target(
                file.drive_file_id, file.name, file.mime_type, place.folder_id, file.description
            )
            return upload(
                drive,
                source,
                target,
                progress=progress,
                stop=run.halt,
                session=file.session,
                on_session=begin,
                on_new_id=lambda file_id: remember(drive_file_id=file_id, session=None),
            )

        def work(drive: Drive) -> DriveFile:
            if not run.job.files[number].drive_file_id:
                draw_id(drive)
            # Into the folder as it was seen last; where that has been deleted since, a new one.
            place = self._placed(run, drive, number, known=True)
            try:
                found = attempt(drive, place)
            except DriveRefused as refusal:
                if refusal.code == "quota_exceeded" and drive.is_in_shared_drive(place.folder_id):
                    full = "the shared drive is full"
                    raise DriveRefused(full, code="shared_drive_full") from refusal
                if refusal.code != "file_gone":
                    raise
            else:
                if not found.trashed:
                    return found
                drive.delete(found.id)  # the folder is in the bin, and the file with it
            draw_id(drive)
            other = self._placed(run, drive, number, known=False)
            if other.folder_name == place.folder_name and other.folder_id != place.folder_id:
                run.job = run.job.model_copy(update={"folder_was_made_again": True})
            return attempt(drive, other)

        return await self._core.upload_drives.run(run.job.owner, work)

    def _placed(self, run: Run, drive: Drive, number: int, *, known: bool) -> Place:
        job = run.job
        if known and job.folder_id and job.files[number].session is not None:
            # Drive was told so when it began, whatever its owner has chosen since.
            return Place(job.folder_id, job.folder_name)
        place = self._places.find(drive, job.owner, job.account_id, job.created_at, known=known)
        where: dict[str, Any] = {"folder_id": place.folder_id, "folder_name": place.folder_name}
        where["folder_was_made_again"] = place.was_made_again or job.folder_was_made_again
        run.job = job.model_copy(update=where)
        return place

    async def discard(self, job: UploadJob) -> None:
        """What has been begun in Drive for a job that is given up, as far as it can be reached."""
        begun = [f for f in job.files if f.state != "done" and f.drive_file_id]

        def work(drive: Drive) -> None:
            for file in begun:
                discard(drive, file.drive_file_id, file.session)

        if begun:
            with contextlib.suppress(CustodyError):
                await self._core.drives.run(job.owner, work)

    async def give_back(self, run: Run) -> None:
        """It is done with, for now at least: a local Bot API server's copy goes."""
        source, run.source = run.source, None
        if isinstance(source, LocalFile):
            self._local_files[source.path] -= 1
            if self._local_files[source.path] <= 0:  # else another job reads the same copy
                del self._local_files[source.path]
                await self._core.custodian.run(source.remove)

    async def _source_of(self, run: Run, file: JobFile) -> Source:
        asked = asyncio.create_task(patiently(lambda: self._source(file)))
        try:
            while not asked.done():  # a local server takes its time: the whole download's
                await asyncio.wait({asked}, timeout=_NOTICED_SECONDS)
                run.halt.check()
        finally:
            asked.cancel()
        run.source = source = await asked
        if isinstance(source, LocalFile):
            self._local_files[source.path] += 1
        return source

    async def _source(self, file: JobFile) -> Source:
        folder = self._options.files_folder
        if folder is not None and file.size is not None:
            await self._core.custodian.run(_make_sure_of_room, folder, file.size)
        try:
            # A local Bot API server answers only when it has the whole file.
            patience = _GET_FILE_SECONDS + (file.size or 0) / _LEAST_BYTES_PER_SECOND
            found = await self._bot.get_file(file.telegram_file_id, read_timeout=patience)
        except BadRequest as error:
            if (code := _why_not(error)) is not None:
                raise SourceFailed("Telegram does not give the file", code=code) from error
            raise _TelegramAway("Telegram does not give the file just now") from error
        except NetworkError as error:
            raise _TelegramAway("Telegram could not be reached") from error
        except TelegramError as error:
            raise SourceFailed("Telegram does not give the file") from error
        if found.file_path is None:
            raise _TelegramAway("Telegram does not say where the file is")
        size = found.file_size or file.size or None  # 0 would leave the file unasked for, and empty
        # python-telegram-bot puts the path behind the address, as it is, where it is none of here.
        base = f"{self._bot.base_file_url}/"
        path = found.file_path.removeprefix(base)
        if folder is not None:
            return LocalFile(Path(path), size, folder=folder, token=SecretStr(self._bot.token))
        return TelegramDownload(SecretStr(base + quote(path)), size, self._core.downloads)


def _make_sure_of_room(folder: Path, size: int) -> None:
    """For what a local Bot API server is about to fetch; where that cannot be told, it may try."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(folder).free < size:
            raise OperatorFault("the disk of TELEGRAM_FILES_DIR is full", code="store_failed")


def _same_content(
    source: Source, candidates: list[DriveFile], halt: StopSignal
) -> DriveFile | None:
    """Which of those has the bytes of `source`. Blocks: it reads all of them."""
    md5 = hashlib.md5(usedforsecurity=False)
    try:
        for piece in source.open():
            halt.check()
            md5.update(piece)
    except SourceSpoilt:
        return None  # it cannot be told; the upload reads it anew
    return next((found for found in candidates if found.md5 == md5.hexdigest()), None)


def _why_not(error: BadRequest) -> str | None:
    """Why a file can never be had; None: another time it may be.

    Telegram has one code for all of it. What it says of files that it has, too, or in words that
    nobody knows here, costs nobody their file: it is asked for again, and can be tried again.
    """
    words = error.message.lower().replace("_", " ")
    if "too big" in words:
        return "too_big"
    is_gone = "file id" in words and "temporarily unavailable" not in words
    return "file_gone" if is_gone else None


async def patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """`ask`, and ask again after what may pass by itself."""
    for pause in _PAUSES:
        try:
            return await ask()
        except (TransientFault, _TelegramAway):
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
    return await ask()
