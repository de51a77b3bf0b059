"""Runs one upload from the message to the link, and says how it ended: once, and truly."""

from __future__ import annotations

import asyncio
import random
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, TypeVar

import structlog
from pydantic import SecretStr
from telegram import InlineKeyboardMarkup
from telegram.error import BadRequest, NetworkError, TelegramError
from telegram.ext import ExtBot

from bot import keyboards, notices
from bot.context import BotOptions, Core
from bot.errors import new_reference
from bot.filenames import CLOUD_LIMIT
from bot.progress import UploadMessage
from bot.telegram_source import LocalFile, TelegramDownload
from bot.texts import Texts
from bot.upload_jobs import UploadJob, UploadJournal
from drive import Drive, DriveFile, DriveRefused
from security.errors import (
    ConsentRequired,
    CorruptCredential,
    CustodyError,
    OperatorFault,
    TransientFault,
)
from upload import Source, SourceFailed, Target, UploadCancelled, upload

_GET_FILE_SECONDS: Final = 30
_LEAST_BYTES_PER_SECOND: Final = 500_000
_PAUSES: Final = (1.0, 3.0)
T = TypeVar("T")
_log = structlog.get_logger()


class _TelegramAway(SourceFailed):
    """May pass by itself."""


class _Unexpected(CustodyError):
    def __init__(self, reference: str) -> None:
        super().__init__("a defect of the program")
        self.reference = reference


class UploadRunner:
    """Knows Telegram and Drive; the queue knows when."""

    def __init__(
        self,
        bot: ExtBot[int],
        core: Core,
        options: BotOptions,
        journal: UploadJournal,
        has_room: Callable[[], bool],
    ) -> None:
        self._bot = bot
        self._core = core
        self._options = options
        self._journal = journal
        self._has_room = has_room

    async def run(self, job: UploadJob, cancelled: threading.Event) -> None:
        """Upload `job` and show the result: every end has its message, whatever fails."""
        texts = Texts(await self._core.preferences.language(job.owner))
        message = UploadMessage(self._bot, job, texts, self._has_room)
        began = time.monotonic()
        message.start()
        try:
            found = await self._upload(job, cancelled, message)
        except CustodyError as error:
            if cancelled.is_set() and not isinstance(error, UploadCancelled):
                error = UploadCancelled("cancelled")
            await self._failed(job, message, texts, error)
        except Exception:
            reference = new_reference()
            _log.exception("handler_failed", owner=job.owner, reference=reference)
            await self._failed(job, message, texts, _Unexpected(reference))
        else:
            await message.finish(
                texts.tr(
                    "✅ <b>{name}</b> ({size}) is in your Drive, in the folder “{folder}”.",
                    name=found.name,
                    size=texts.size(found.size),
                    folder=self._options.folder_name,
                ),
                keyboards.open_in_drive(texts, found.link),
            )
            # Last: until the person knows, a restart finds the file again by its identifier.
            await self._core.custodian.run(self._journal.delete, job)
            _log.info(
                "upload_finished",
                owner=job.owner,
                kind=job.kind,
                size=found.size,
                seconds=round(time.monotonic() - began, 3),
                result="ok",
            )
            self._core.metrics.uploaded("ok", found.size)

    async def _upload(
        self, job: UploadJob, cancelled: threading.Event, message: UploadMessage
    ) -> DriveFile:
        credential = await _patiently(lambda: self._core.custodian.access_token(job.owner))
        account = credential.account_key or ""
        if job.account_id and job.account_id != account:
            raise UploadCancelled("the account has changed", code="account_changed")
        source = await _patiently(lambda: self._source(job))
        loop = asyncio.get_running_loop()

        def progress(acknowledged: int) -> None:
            loop.call_soon_threadsafe(message.advance, acknowledged)

        def remember(file_id: str) -> None:
            changes = {"drive_file_id": file_id, "account_id": account}
            self._journal.save(job.model_copy(update=changes))

        def work(drive: Drive) -> DriveFile:
            # Asked each time: the folder may have been deleted in Drive since.
            folder_id = drive.folder(self._options.folder_name)
            file_id = job.drive_file_id
            if not file_id:
                file_id = drive.new_file_id()
                remember(file_id)
            target = Target(file_id, job.name, job.mime_type, folder_id)
            return upload(
                drive,
                source,
                target,
                progress=progress,
                cancelled=cancelled,
                on_new_id=remember,
            )

        return await self._core.upload_drives.run(job.owner, work)

    async def _source(self, job: UploadJob) -> Source:
        try:
            # A local Bot API server answers only when it has the whole file.
            patience = _GET_FILE_SECONDS + (job.size or 0) / _LEAST_BYTES_PER_SECOND
            file = await self._bot.get_file(job.telegram_file_id, read_timeout=patience)
        except BadRequest as error:
            code = "too_big" if "too big" in error.message else "file_gone"
            raise SourceFailed("Telegram does not give the file", code=code) from error
        except NetworkError as error:
            raise _TelegramAway("Telegram could not be reached") from error
        except TelegramError as error:
            raise SourceFailed("Telegram does not give the file") from error
        if file.file_path is None:
            raise SourceFailed("Telegram does not give the file")
        size = file.file_size if file.file_size is not None else job.size
        if self._options.local_mode:
            return LocalFile(Path(file.file_path), size, forbidden=self._options.data_folder)
        return TelegramDownload(SecretStr(file.file_path), size)

    async def _failed(
        self, job: UploadJob, message: UploadMessage, texts: Texts, error: CustodyError
    ) -> None:
        text, markup, state = _explain(error, job, texts)
        event = "upload_cancelled" if isinstance(error, UploadCancelled) else "upload_failed"
        _log.info(event, owner=job.owner, kind=job.kind, result=error.code)
        self._core.metrics.uploaded(error.code, None)
        try:
            await self._core.custodian.run(self._write_down, job, state)
        finally:
            await message.finish(text, markup)
        if state == "waiting":
            await notices.knows(self._core, job.owner)

    def _write_down(self, job: UploadJob, state: str | None) -> None:
        current = self._journal.load(job.id)
        if state is None or current is None:  # None: deleted, with everything else, meanwhile
            self._journal.delete(job)
            return
        changes: dict[str, str] = {"state": state}
        if state == "waiting":
            # Whoever connects next may choose another account: then it is a new file there.
            changes |= {"drive_file_id": "", "account_id": ""}
        self._journal.save(current.model_copy(update=changes))


async def _patiently(ask: Callable[[], Awaitable[T]]) -> T:
    """`ask`, and ask again after what may pass by itself."""
    for pause in _PAUSES:
        try:
            return await ask()
        except (TransientFault, _TelegramAway):
            await asyncio.sleep(pause * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
    return await ask()


def _explain(
    error: CustodyError, job: UploadJob, t: Texts
) -> tuple[str, InlineKeyboardMarkup | None, str | None]:
    """What to say, which buttons to offer, and the state the job is kept in (None: it ends)."""
    name = job.name
    match error:
        case UploadCancelled(code="account_changed"):
            return (
                t.tr(
                    "⏹ <b>{name}</b> was meant for another Google account and was not uploaded. "
                    "Send it again to put it into the account you use now.",
                    name=name,
                ),
                None,
                None,
            )
        case UploadCancelled():
            return t.tr("⏹ <b>{name}</b> was cancelled.", name=name), None, None
        case ConsentRequired() | CorruptCredential():
            return (
                t.tr(
                    "🔌 <b>{name}</b> is waiting: your connection to Google Drive has ended. "
                    "Connect again, and it goes on by itself.",
                    name=name,
                ),
                keyboards.connect_or_cancel(t, job.id),
                "waiting",
            )
        case SourceFailed(code="too_big"):
            return too_big(t, name, job.size, CLOUD_LIMIT), None, None
        case SourceFailed(code="file_gone"):
            return (
                t.tr(
                    "⚠️ Telegram no longer has <b>{name}</b>. Please send the file again.",
                    name=name,
                ),
                None,
                None,
            )
        case DriveRefused(code="quota_exceeded"):
            return (
                t.tr(
                    "⚠️ <b>{name}</b> was not uploaded: your Google Drive is full. "
                    "Free some space there, then tap “Try again”.",
                    name=name,
                ),
                keyboards.retry_upload(t, job.id),
                "failed",
            )
        case DriveRefused():
            return (
                t.tr(
                    "⚠️ Google Drive did not accept <b>{name}</b>, so it was not uploaded. "
                    "Tap “Try again”. If it happens again, ask whoever runs this bot.",
                    name=name,
                ),
                keyboards.retry_upload(t, job.id),
                "failed",
            )
        case SourceFailed():
            return (
                t.tr(
                    "⚠️ I could not get <b>{name}</b> from Telegram, so it was not uploaded. "
                    "Tap “Try again”, or send the file again.",
                    name=name,
                ),
                keyboards.retry_upload(t, job.id),
                "failed",
            )
        case _Unexpected():
            return (
                t.tr(
                    "⚠️ <b>{name}</b> was not uploaded: something went wrong on my side. Tap “Try "
                    "again”. If it happens again, tell whoever runs this bot this code: "
                    "{reference}",
                    name=name,
                    reference=error.reference,
                ),
                keyboards.retry_upload(t, job.id),
                "failed",
            )
        case OperatorFault():
            return (
                t.tr(
                    "⚠️ <b>{name}</b> was not uploaded: something is wrong with this bot's "
                    "set-up. It is not your fault; its operator has to fix it. "
                    "Try again later.",
                    name=name,
                ),
                keyboards.retry_upload(t, job.id),
                "failed",
            )
        case _:
            return (
                t.tr(
                    "⚠️ <b>{name}</b> was not uploaded: Google Drive does not answer just now. "
                    "Try again in a few minutes.",
                    name=name,
                ),
                keyboards.retry_upload(t, job.id),
                "failed",
            )


def too_big(t: Texts, name: str, size: int | None, limit: int) -> str:
    """Why a file over Telegram's limit cannot be had, and what can be done."""
    return t.tr(
        "⚠️ <b>{name}</b> ({size}) is too big: I can only get files of up to {limit} from "
        "Telegram. Split or compress it, or upload it at drive.google.com yourself.",
        name=name,
        size=t.size(size) if size else "?",
        limit=t.size(limit),
    )
