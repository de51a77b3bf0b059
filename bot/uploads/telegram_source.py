"""The bytes of a file somebody sent: streamed, never through python-telegram-bot's download
methods, which hold a whole file in memory."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Final

import httpx
import structlog
from pydantic import SecretStr

from bot.tls import tls_context
from security.errors import OperatorFault
from upload import SourceFailed

_PIECE: Final = 256 * 1024
_TRIES: Final = 4
_PAUSE_SECONDS: Final = 0.5
_TIMEOUT: Final = httpx.Timeout(30)
_PARTIAL: Final = 206
_log = structlog.get_logger()


class LocalFileUnreadable(OperatorFault):
    """What a local Bot API server names cannot be read: its volume is not shared as it has to be.

    https://core.telegram.org/bots/api#using-a-local-bot-api-server
    """

    default_code = "local_file_unreadable"


class TelegramDownload:
    """A file behind the Bot API's address, which holds for an hour."""

    seekable = False

    def __init__(self, address: SecretStr, size: int | None) -> None:
        """
        Args:
            address: holds the bot's token.
            size: in bytes, as `getFile` said.
        """
        self._address = address
        self.size = size

    def open(self, offset: int = 0) -> Iterator[bytes]:
        """The bytes; a broken connection is opened anew where it broke.

        Raises:
            SourceFailed: "file_gone", or Telegram could not be reached several times in a row.
        """
        sent, failures = offset, 0
        while True:
            try:
                for piece in self._read(sent):
                    sent += len(piece)
                    failures = 0
                    yield piece
                if self.size is None or sent >= self.size:
                    return
                fault: httpx.HTTPError | None = None  # it ended early, and politely
            except httpx.HTTPError as error:
                fault = error
            failures += 1
            if failures >= _TRIES:
                raise SourceFailed("Telegram's file server failed") from fault
            time.sleep(_PAUSE_SECONDS * 2 ** (failures - 1) * random.uniform(0.75, 1.25))  # noqa: S311 - jitter

    def _read(self, begin: int) -> Iterator[bytes]:
        address = self._address.get_secret_value()
        headers = {"Range": f"bytes={begin}-"} if begin else {}
        with _client().stream("GET", address, headers=headers) as response:
            if response.status_code in (400, 404):
                raise SourceFailed("Telegram no longer has the file", code="file_gone")
            response.raise_for_status()
            # A server that does not know ranges gives everything: it is read up to there.
            skip = 0 if response.status_code == _PARTIAL else begin
            # As they come: gathering larger pieces costs httpx more than sending smaller ones.
            for piece in response.iter_bytes():
                if skip >= len(piece):
                    skip -= len(piece)
                    continue
                yield piece[skip:]
                skip = 0


@cache
def _client() -> httpx.Client:
    # One for all: threads share its connections. Compressed bytes could not be counted.
    headers = {"Accept-Encoding": "identity"}
    return httpx.Client(timeout=_TIMEOUT, verify=tls_context(), headers=headers)


class LocalFile:
    """A file a local Bot API server has put on a shared volume."""

    seekable = True

    def __init__(self, path: Path, size: int | None, *, forbidden: Path) -> None:
        """
        Args:
            path: as the server says: absolute, and the same here.
            size: in bytes; None: as the file is.
            forbidden: a folder nothing is read from, whatever the server says.
        """
        self.path = path
        self._forbidden = forbidden
        self._size = size

    @property
    def size(self) -> int:
        """In bytes."""
        if self._size is None:
            try:
                self._size = self._checked().stat().st_size
            except OSError as error:
                raise _unreadable() from error
        return self._size

    def open(self, offset: int = 0) -> Iterator[bytes]:
        """The bytes.

        Raises:
            LocalFileUnreadable: it is not there, or may not be read.
        """
        try:
            with self._checked().open("rb", buffering=0) as file:
                file.seek(offset)
                while piece := file.read(_PIECE):
                    yield piece
        except OSError as error:
            raise _unreadable() from error

    def remove(self) -> None:
        """Delete the server's copy, which nobody needs any more. Blocks; never raises."""
        try:
            self._checked().unlink(missing_ok=True)
        except (OSError, LocalFileUnreadable):
            _log.warning("local_copy_kept", result=LocalFileUnreadable.default_code)

    def _checked(self) -> Path:
        try:
            path = self.path.resolve()
        except (OSError, RuntimeError, ValueError) as error:
            raise _unreadable() from error
        if not self.path.is_absolute() or path.is_relative_to(self._forbidden.resolve()):
            raise LocalFileUnreadable("the local Bot API server names no file of its own")
        return path


def _unreadable() -> LocalFileUnreadable:
    return LocalFileUnreadable(
        "the local Bot API server's file cannot be read (is its volume shared, and for this user?)"
    )
