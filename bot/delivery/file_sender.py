"""Files out of Drive into the chat: two at a time, each by way of a private file on disk.

Neither Telegram's client nor Google's would take the other's stream: Telegram wants to know the
length, and, after a 429, everything once more. The file has no name: whatever ends the process,
nothing of it is left. https://core.telegram.org/bots/api#sending-files
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Literal
from weakref import WeakValueDictionary

import structlog
from telegram import InputFile, Message
from telegram.constants import ChatAction
from telegram.error import Forbidden, NetworkError, RetryAfter, TelegramError
from telegram.ext import ExtBot

from bot.delivery.busy import busy
from bot.delivery.conversation import Conversation
from bot.delivery.messages import note_refusal, put_into
from bot.texts.filenames import LOCAL_LIMIT
from drive import Drive, DriveFile, Drives
from drive.uploading.names import clean_name
from security.credential import Owner
from security.errors import CustodyError, OperatorFault
from security.storage.disk_faults import disk_faults

CLOUD_SEND_LIMIT: Final = 50 * 1024 * 1024
"""The largest file Telegram's cloud takes from a bot."""
AT_ONCE: Final = 2
_IN_LINE: Final = 5
_SPARE_BYTES: Final = 256 * 1024 * 1024
"""What the disk keeps, come what may: credentials are on it."""
_TELEGRAM_SECONDS: Final = 60
_LEAST_BYTES_PER_SECOND: Final = 500_000
_log = structlog.get_logger()


class NotTaken(CustodyError):
    """Telegram did not take the file; "too_big": because of its size."""


class Stopped(CustodyError):
    """The bot was stopped before the file was sent; "cancelled": the person has said so."""

    default_code = "stopped"


Ended = Callable[[CustodyError | None], Awaitable[None]]
"""Told how it ended; None: the file is in the chat."""


@dataclass(frozen=True, slots=True, repr=False)
class Order:
    """A file that somebody wants in a chat."""

    owner: Owner
    to: Conversation
    file: DriveFile
    ended: Ended


class Sender:
    """Sends one file at a time to each person, and no more than two overall."""

    def __init__(
        self, bot: ExtBot[int], drives: Drives, folder: Path, *, local_mode: bool = False
    ) -> None:
        """
        Args:
            drives: with as many threads as files are sent at once.
            folder: where files are while they are sent; private.
            local_mode: a local Bot API server takes larger files.
        """
        self.limit = LOCAL_LIMIT if local_mode else CLOUD_SEND_LIMIT
        self._bot = bot
        self._drives = drives
        self._folder = folder
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._turns: WeakValueDictionary[Owner, asyncio.Lock] = WeakValueDictionary()
        self._orders: dict[asyncio.Task[None], Order] = {}
        self._moving: dict[asyncio.Task[None], Owner] = {}
        """Those of them that have not ended: afterwards that is told, and not broken off."""
        self._stopping = threading.Event()

    def obstacle(self, owner: Owner, file_id: str) -> Literal["already", "too_many"] | None:
        """Why this is not to be begun just now: it is about to be sent, or too many others are."""
        theirs = [order.file.id for order in self._orders.values() if order.owner == owner]
        if file_id in theirs:
            return "already"
        return "too_many" if len(theirs) >= _IN_LINE else None

    def begin(self, order: Order) -> None:
        """Send the file as soon as it is its turn."""
        task = asyncio.create_task(self._run(order))
        self._orders[task] = order
        self._moving[task] = order.owner
        task.add_done_callback(self._orders.pop)

    def cancel(self, owner: Owner) -> int:
        """Give up what is on its way to this person; returns how many files, each tells of it."""
        theirs = [task for task, person in self._moving.items() if person == owner]
        for task in theirs:
            del self._moving[task]
            task.cancel()
        return len(theirs)

    async def stop(self) -> None:
        """Begin nothing more; what is under way is given up, and its people are told."""
        self._stopping.set()
        for task in self._orders:
            task.cancel()
        await asyncio.gather(*self._orders, return_exceptions=True)

    async def _run(self, order: Order) -> None:
        began, error = time.monotonic(), None
        turn = self._turns.setdefault(order.owner, asyncio.Lock())
        try:
            async with turn, self._slots:
                await self._send(order)
        except CustodyError as fault:
            error = fault
        except asyncio.CancelledError:
            error = Stopped("given up", code="stopped" if self._stopping.is_set() else "cancelled")
        except Exception:
            _log.exception("handler_failed", owner=order.owner)
            error = NotTaken("a defect of the program")
        if (task := asyncio.current_task()) is not None:
            self._moving.pop(task, None)
        _log.info(
            "file_sent" if error is None else "file_not_sent",
            owner=order.owner,
            size=order.file.size or 0,
            seconds=round(time.monotonic() - began, 3),
            result=error.code if error else "ok",
        )
        with contextlib.suppress(TelegramError):
            await order.ended(error)

    async def _send(self, order: Order) -> None:
        async with busy(self._bot, order.to, ChatAction.UPLOAD_DOCUMENT):
            spool = await self._drives.run(order.owner, lambda drive: self._fetch(drive, order))
            with spool:
                await self._deliver(order, spool)

    def _fetch(self, drive: Drive, order: Order) -> IO[bytes]:
        content = drive.content(order.file.id)
        if content.size > self.limit:  # it was changed since
            raise NotTaken("too big for Telegram", code="too_big")
        with disk_faults():
            if shutil.disk_usage(self._folder).free - content.size < _SPARE_BYTES:
                raise OperatorFault("the data folder's disk is nearly full", code="store_failed")
            spool = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - it goes on from here
        try:
            with disk_faults():  # at once: what is fetched meanwhile finds so much less
                os.posix_fallocate(spool.fileno(), 0, max(content.size, 1))
            self._fill(spool, content.pieces)
            spool.truncate()
        except BaseException:
            with contextlib.suppress(OSError):  # what a full disk has not taken
                spool.close()
            raise
        return spool

    def _fill(self, spool: IO[bytes], pieces: Iterable[bytes]) -> None:
        for piece in pieces:
            with disk_faults():
                spool.write(piece)
                spool.flush()
            if self._stopping.is_set():
                raise Stopped("the bot was stopped")

    async def _deliver(self, order: Order, spool: IO[bytes]) -> None:
        name = clean_name(order.file.name)
        size = os.fstat(spool.fileno()).st_size

        async def once(here: Conversation, _: int | None) -> Message:
            return await self._bot.send_document(
                here.chat_id,
                # Handed on as a file, it is read piece by piece, and from its start at every try.
                InputFile(spool, filename=name, read_file_handle=False),
                message_thread_id=here.topic_id,
                disable_content_type_detection=True,
                read_timeout=_TELEGRAM_SECONDS + size / _LEAST_BYTES_PER_SECOND,
            )

        try:
            await put_into(order.to, once)
        except Forbidden as error:
            note_refusal(error, order.owner, has_written=order.to.is_private)
            raise NotTaken("nobody is there to be sent it") from error
        except RetryAfter as error:
            raise NotTaken("Telegram asks for patience", code="rate_limited") from error
        except TelegramError as error:
            too_big = isinstance(error, NetworkError) and "too large" in error.message.lower()
            code = "too_big" if too_big else "unavailable"
            raise NotTaken("Telegram did not take the file", code=code) from error
