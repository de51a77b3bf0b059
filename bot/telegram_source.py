"""The bytes of a file somebody sent: streamed, never through python-telegram-bot's download
methods, which hold a whole file in memory."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
from pydantic import SecretStr

from bot.tls import tls_context
from upload import SourceFailed

_PIECE: Final = 256 * 1024
_TRIES: Final = 4
_PAUSE_SECONDS: Final = 0.5
_TIMEOUT: Final = httpx.Timeout(30)


class TelegramDownload:
    """A file behind the Bot API's address, which holds for an hour."""

    def __init__(self, address: SecretStr, size: int | None) -> None:
        """
        Args:
            address: holds the bot's token.
            size: in bytes, as `getFile` said.
        """
        self._address = address
        self.size = size

    def open(self) -> Iterator[bytes]:
        """The bytes; a broken connection is opened anew and read up to where it broke."""
        sent = 0
        for attempt in range(1, _TRIES + 1):
            try:
                for piece in self._read(skip=sent):
                    sent += len(piece)
                    yield piece
                if self.size is None or sent >= self.size:
                    return
            except httpx.HTTPError as error:
                if attempt == _TRIES:
                    raise SourceFailed("Telegram's file server failed") from error
                time.sleep(_PAUSE_SECONDS * 2 ** (attempt - 1) * random.uniform(0.75, 1.25))  # noqa: S311 - jitter
        raise SourceFailed("Telegram gave fewer bytes than it announced")

    def _read(self, skip: int) -> Iterator[bytes]:
        address = self._address.get_secret_value()
        with httpx.stream("GET", address, timeout=_TIMEOUT, verify=tls_context()) as response:
            if response.status_code in (400, 404):
                raise SourceFailed("Telegram no longer has the file", code="file_gone")
            response.raise_for_status()
            for piece in response.iter_bytes(_PIECE):
                if skip >= len(piece):
                    skip -= len(piece)
                    continue
                yield piece[skip:]
                skip = 0


class LocalFile:
    """A file a local Bot API server has put on a shared volume."""

    def __init__(self, path: Path, size: int | None, *, forbidden: Path) -> None:
        """
        Args:
            path: as the server says.
            size: in bytes.
            forbidden: a folder nothing is read from, whatever the server says.
        """
        self._path = path
        self._forbidden = forbidden
        self.size = size

    def open(self) -> Iterator[bytes]:
        """The bytes."""
        try:
            path = self._path.resolve(strict=True)
            if path.is_relative_to(self._forbidden.resolve()) or not path.is_file():
                raise SourceFailed("the local Bot API server names no file of its own")
            with self._path.open("rb") as file:
                while piece := file.read(_PIECE):
                    yield piece
        except OSError as error:
            raise SourceFailed(
                "the local Bot API server's file cannot be read (is its volume shared?)"
            ) from error
