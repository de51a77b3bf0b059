"""Runs one job from the message to the link, and says how it ended: once, and truly."""

from __future__ import annotations

import asyncio
import hashlib
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, TypeVar

import structlog
from pydantic import SecretStr
from telegram.error import BadRequest, NetworkError, TelegramError
from telegram.ext import ExtBot

from bot import notices, upload_texts
from bot.context import BotOptions, Core
from bot.errors import new_reference
from bot.places import Places
from bot.progress import UploadMessage
from bot.telegram_source import LocalFile, TelegramDownload
from bot.texts import Texts
from bot.upload_jobs import JobFile, UploadJob, UploadJournal
from bot.upload_texts import TooLittleSpace, Unexpected
from drive import Drive, DriveFile, DriveRefused
from security.errors import (
    ConsentRequired,
    CorruptCredential,
    CustodyError,
    OperatorFault,
    TransientFault,
)
from upload import (
    Halt,
    Source,
    SourceFailed,
    Target,
    UploadCancelled,
    UploadInterrupted,
    check,
    upload,
)

_GET_FILE_SECONDS: Final = 30
_LEAST_BYTES_PER_SECOND: Final = 500_000
_PAUSES: Final = (1.0, 3.0)
_ALL_ALIKE: Final = frozenset({"quota_exceeded", "daily_limit"})
T = TypeVar("T")
_log = structlog.get_logger()


class _TelegramAway(SourceFailed):
    """May pass by itself."""


@dataclass(slots=True)
class _Run:
    """One job under way."""

    job: UploadJob
    halt: Halt
    message: UploadMessage
    texts: Texts


class UploadRunner:
    """Knows Telegram and Drive; the queue knows when."""

    def __init__(
        self,
        bot: ExtBot[int],
        core: Core,
        options: BotOptions,
        journal: UploadJournal,
        places: Places,
        has_room: Callable[[], bool],
    ) -> None:
        self._bot = bot
        self._core = core
        self._options = options
        self._journal = journal
        self._places = places
        self._has_room = has_room

    async def run(self, job: UploadJob, halt: Halt) -> None:
        """Upload `job` and show the result: every end has its message, whatever fails."""
        texts = Texts(await self._core.preferences.language(job.owner))
        message = UploadMessage(self._bot, job, texts, self._has_room)
        run = _Run(job, halt, message, texts)
        message.start()
        try:
            await self._upload_all(run)
        except UploadInterrupted:
            message.stop()  # the journal has it: the next start goes on
        except CustodyError as error:
            if halt.is_set() and not isinstance(error, UploadCancelled):
                error = UploadCancelled("cancelled")
            await self._stopped(run, error)
        except Exception:
            await self._stopped(run, self._unexpected(run))
        else:
            await self._finished(run)

    async def _upload_all(self, run: _Run) -> None:
        """Every file that has not ended; those that fail for reasons of their own are left behind.

        Raises:
            CustodyError: what the other files would meet as well, or the only one has met.
        """
        credential = await _patiently(lambda: self._core.custodian.access_token(run.job.owner))
        account = credential.account_key or ""
        if run.job.account_id and run.job.account_id != account:
            raise UploadCancelled("the account has changed", code="account_changed")
        run.job = run.job.model_copy(update={"account_id": account})
        while (number := run.job.next_number) is not None:
            began = time.monotonic()
            try:
                found, result = await self._upload_one(run, number)
            except CustodyError as error:
                if (
                    isinstance(error, UploadInterrupted)
                    or len(run.job.files) == 1
                    or run.halt.is_set()
                    or _is_everybodys(error)
                ):
                    raise
                await self._note_file(run, number, state="failed", result=error.code)
                self._count(run.job.files[number], run, error.code, began)
            else:
                await self._note_file(
                    run,
                    number,
                    **{"state": "done", "result": result, "session": None},
                    **{"drive_file_id": found.id, "link": found.link, "size": found.size},
                )
                self._count(run.job.files[number], run, result, began)

    async def _upload_one(self, run: _Run, number: int) -> tuple[DriveFile, str]:
        file = run.job.files[number]
        source = await _patiently(lambda: self._source(file))
        loop = asyncio.get_running_loop()

        def progress(acknowledged: int) -> None:
            loop.call_soon_threadsafe(run.message.advance, number, acknowledged)

        def remember(**changes: Any) -> None:
            run.job = run.job.with_file(number, **changes)
            self._journal.save(run.job)

        def work(drive: Drive) -> tuple[DriveFile, str]:
            if file.drive_file_id:  # begun before: whatever can be known beforehand was
                return self._send(drive, run, source, number, remember, progress), "ok"
            self._check_space(drive, run.job)
            if not file.again and (same := _same_content(drive, source, run.halt)) is not None:
                return same, "duplicate"
            remember(drive_file_id=drive.new_file_id())
            return self._send(drive, run, source, number, remember, progress), "ok"

        return await self._core.upload_drives.run(run.job.owner, work)

    def _send(
        self,
        drive: Drive,
        run: _Run,
        source: Source,
        number: int,
        remember: Callable[..., None],
        progress: Callable[[int], None],
    ) -> DriveFile:
        """Into the folder as it was seen last; where it has been deleted since, into a new one."""
        for known in (True, False):
            place = self._places.find(drive, run.job.owner, run.job.created_at, known=known)
            where = {"folder_id": place.folder_id, "folder_name": place.folder_name}
            run.job = run.job.model_copy(update=where)
            file = run.job.files[number]
            try:
                found = upload(
                    drive,
                    source,
                    Target(
                        file.drive_file_id,
                        file.name,
                        file.mime_type,
                        place.folder_id,
                        file.description,
                    ),
                    progress=progress,
                    cancelled=run.halt,
                    session=file.session,
                    on_session=lambda address: remember(session=address),
                    on_new_id=lambda file_id: remember(drive_file_id=file_id, session=None),
                )
            except DriveRefused as refusal:
                if refusal.code != "file_gone" or not known:
                    raise
            else:
                if not found.trashed or not known:
                    return found
                drive.delete(found.id)  # the folder is in the bin, and the file with it
            remember(drive_file_id=drive.new_file_id(), session=None)
        raise AssertionError("unreachable")

    def _check_space(self, drive: Drive, job: UploadJob) -> None:
        sizes = [file.size or 0 for file in job.files if file.state == "waiting"]
        free = drive.about().free
        if free is not None and sum(sizes) > free:
            raise TooLittleSpace(sum(sizes), free)

    async def _source(self, file: JobFile) -> Source:
        try:
            # A local Bot API server answers only when it has the whole file.
            patience = _GET_FILE_SECONDS + (file.size or 0) / _LEAST_BYTES_PER_SECOND
            found = await self._bot.get_file(file.telegram_file_id, read_timeout=patience)
        except BadRequest as error:
            code = "too_big" if "too big" in error.message else "file_gone"
            raise SourceFailed("Telegram does not give the file", code=code) from error
        except NetworkError as error:
            raise _TelegramAway("Telegram could not be reached") from error
        except TelegramError as error:
            raise SourceFailed("Telegram does not give the file") from error
        if found.file_path is None:
            raise SourceFailed("Telegram does not give the file")
        size = found.file_size if found.file_size is not None else file.size
        if self._options.local_mode:
            return LocalFile(Path(found.file_path), size, forbidden=self._options.data_folder)
        return TelegramDownload(SecretStr(found.file_path), size)

    async def _finished(self, run: _Run) -> None:
        job = run.job
        failed = any(file.state == "failed" for file in job.files)
        text, markup = upload_texts.finished(job, run.texts)
        await run.message.finish(text, markup)
        # Last: until the person knows, a restart finds what has been done and says it.
        await self._keep(run, "failed" if failed else "done")

    async def _stopped(self, run: _Run, error: CustodyError) -> None:
        text, markup, state = upload_texts.ended_by(error, run.job, run.texts)
        event = "upload_cancelled" if isinstance(error, UploadCancelled) else "upload_failed"
        _log.info(event, owner=run.job.owner, kind=run.job.kind, result=error.code)
        self._core.metrics.uploaded(error.code, None)
        try:
            if state == "waiting":
                # Whoever connects next may choose another account: then it is a new file there.
                run.job = run.job.unplaced()
            await self._keep(run, state)
        finally:
            await run.message.finish(text, markup)
        if state == "waiting":
            await notices.knows(self._core, run.job.owner)

    def _unexpected(self, run: _Run) -> Unexpected:
        reference = new_reference()
        _log.exception("handler_failed", owner=run.job.owner, reference=reference)
        return Unexpected(reference)

    async def _note_file(self, run: _Run, number: int, **changes: Any) -> None:
        run.job = run.job.with_file(number, **changes)
        await self._core.custodian.run(self._journal.save, run.job)

    async def _keep(self, run: _Run, state: str) -> None:
        ended = datetime.now(UTC) if state in ("done", "cancelled") else None
        run.job = run.job.model_copy(update={"state": state, "finished_at": ended})
        await self._core.custodian.run(self._write_down, run.job)

    def _write_down(self, job: UploadJob) -> None:
        if self._journal.load(job.id) is not None:  # else deleted, with everything, meanwhile
            self._journal.save(job)

    def _count(self, file: JobFile, run: _Run, result: str, began: float) -> None:
        _log.info(
            "upload_finished" if file.state == "done" else "upload_failed",
            owner=run.job.owner,
            kind=file.kind,
            size=file.size or 0,
            seconds=round(time.monotonic() - began, 3),
            result=result,
        )
        self._core.metrics.uploaded(result, file.size if result == "ok" else None)


def _is_everybodys(error: CustodyError) -> bool:
    """Whether the job's other files would meet it as well."""
    kinds = ConsentRequired | CorruptCredential | OperatorFault | TransientFault
    return isinstance(error, kinds) or error.code in _ALL_ALIKE


def _same_content(drive: Drive, source: Source, halt: Halt) -> DriveFile | None:
    """What Drive has of the same bytes already. Reads the source only where a size agrees."""
    if not source.size or not (candidates := drive.of_size(source.size)):
        return None
    md5 = hashlib.md5(usedforsecurity=False)
    for piece in source.open():
        check(halt)
        md5.update(piece)
    return next((found for found in candidates if found.md5 == md5.hexdigest()), None)


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """`ask`, and ask again after what may pass by itself."""
    for pause in _PAUSES:
        try:
            return await ask()
        except (TransientFault, _TelegramAway):
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
    return await ask()
