"""Where a job's bytes come from: Telegram is asked for each file, over and over if need be."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Final, TypeVar
from urllib.parse import quote

from pydantic import SecretStr
from telegram.error import BadRequest, NetworkError, TelegramError
from telegram.ext import ExtBot

from bot.core import BotOptions, Core
from bot.uploads.jobs import JobFile
from bot.uploads.running.telegram_source import LocalFile, TelegramDownload
from security.errors import OperatorFault, TransientFault
from security.google.jitter import jittered
from upload import Source, SourceFailed, StopSignal

_GET_FILE_SECONDS: Final = 30
_LEAST_BYTES_PER_SECOND: Final = 500_000
_NOTICED_SECONDS: Final = 0.5
"""A cancel by then."""
T = TypeVar("T")


class _TelegramAway(SourceFailed):
    """May pass by itself."""


class TelegramFiles:
    """Files that people have sent, over HTTP or as copies of a local Bot API server."""

    def __init__(self, bot: ExtBot[int], core: Core, options: BotOptions) -> None:
        self._bot = bot
        self._core = core
        self._folder = options.files_folder
        self._timing = options.timing
        self._local_copies: Counter[Path] = Counter()
        """Which of a local server's copies are being read, by how many jobs."""

    @property
    def are_local(self) -> bool:
        """Whether a local Bot API server fetches each file whole before it answers."""
        return self._folder is not None

    async def source_of(self, file: JobFile, stop: StopSignal) -> Source:
        """The bytes of this file, to be given back by `release`.

        Raises:
            SourceFailed: Telegram does not give the file; "file_gone", "too_big": nor will it.
            OperatorFault: a local Bot API server's disk has no room for it.
            UploadCancelled, UploadInterrupted: as `stop` says.
        """
        asked = asyncio.create_task(
            patiently(lambda: self._ask(file, stop), self._timing.get_file_pauses)
        )
        try:
            while not asked.done():  # a local server takes its time: the whole download's
                await asyncio.wait({asked}, timeout=_NOTICED_SECONDS)
                stop.check()
        finally:
            asked.cancel()
        source = await asked
        if isinstance(source, LocalFile):
            self._local_copies[source.path] += 1
        return source

    async def release(self, source: Source | None) -> None:
        """Delete a local Bot API server's copy, unless another job reads it as well."""
        if isinstance(source, LocalFile):
            self._local_copies[source.path] -= 1
            if self._local_copies[source.path] <= 0:
                del self._local_copies[source.path]
                await self._core.workers.run(source.remove)

    async def _ask(self, file: JobFile, stop: StopSignal) -> Source:
        if self._folder is not None and file.size is not None:
            await self._core.workers.run(_make_sure_of_room, self._folder, file.size)
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
        if not found.file_path:
            raise _TelegramAway("Telegram does not say where the file is")
        size = found.file_size or file.size or None  # 0 would leave the file unasked for, and empty
        # python-telegram-bot puts the path behind the address, as it is, where it is none of here.
        base = f"{self._bot.base_file_url}/"
        path = found.file_path.removeprefix(base)
        if self._folder is not None:
            return LocalFile(
                Path(path), size, folder=self._folder, token=SecretStr(self._bot.token)
            )
        return TelegramDownload(
            SecretStr(base + quote(path)),
            size,
            self._core.downloads,
            stop=stop,
            pause_seconds=self._timing.download_pause,
        )


async def patiently(ask: Callable[[], Awaitable[T]], pauses: Iterable[float]) -> T:
    """`ask`, and ask again after what may pass by itself; `pauses` in seconds, before each."""
    for pause in pauses:
        try:
            return await ask()
        except (TransientFault, _TelegramAway):
            await asyncio.sleep(jittered(pause))
    return await ask()


def _make_sure_of_room(folder: Path, size: int) -> None:
    """For what a local Bot API server is about to fetch; where that cannot be told, it may try."""
    with contextlib.suppress(OSError):
        if shutil.disk_usage(folder).free < size:
            raise OperatorFault("the disk of TELEGRAM_FILES_DIR is full", code="store_failed")


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
