"""The bytes of a file somebody sent: streamed, never through python-telegram-bot's download
methods, which hold a whole file in memory."""

from __future__ import annotations

import errno
import mimetypes
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import structlog
from pydantic import SecretStr

from bot.uploads.running.telegram_connections import download_client, stoppable
from drive import Body, NotTheFile, check_head
from security.errors import OperatorFault
from security.google.jitter import jittered
from security.google.network import DIRECT
from upload import SourceFailed, SourceSpoilt, StopSignal

_PIECE: Final = 256 * 1024
_TRIES: Final = 4
_PAUSE_SECONDS: Final = 0.5
_MARKUP: Final = frozenset({"text/html", "application/xhtml+xml"})
_PAGES: Final = _MARKUP | {"application/json"}
"""What is answered by whoever stands between us and the file; Telegram says octet-stream of all."""
_FOLDER: Final = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
# Without waiting for anybody to write into what is not a file after all.
_READ: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_log = structlog.get_logger()


class LocalFileUnreadable(OperatorFault):
    """What a local Bot API server names cannot be read: its volume is not shared as it has to be.

    https://core.telegram.org/bots/api#using-a-local-bot-api-server
    """

    default_code = "local_file_unreadable"


class TelegramDownload:
    """A file behind the Bot API's address, which holds for an hour."""

    seekable = False

    def __init__(
        self,
        address: SecretStr,
        size: int | None,
        client: httpx.Client | None = None,
        *,
        stop: StopSignal | None = None,
        pause_seconds: float = _PAUSE_SECONDS,
    ) -> None:
        """
        Args:
            address: holds the bot's token.
            size: in bytes, as `getFile` said.
            client: `download_client`, which its owner closes; None: a new one for each request.
            stop: ends whatever is waited for, at once.
            pause_seconds: before a broken connection is opened anew; doubles each time.
        """
        self._address = address
        self._client = client
        self._stop = stop or StopSignal()
        self._pause_seconds = pause_seconds
        self.size = size

    def open(self, offset: int = 0) -> Iterator[bytes]:
        """The bytes; a broken connection is opened anew where it broke.

        Raises:
            SourceSpoilt: an answer without a length ended early: what it gave is not the file's.
            SourceFailed: "file_gone", or Telegram could not be reached several times in a row.
            UploadCancelled, UploadInterrupted: as `stop` says.
        """
        sent, size, failures = offset, self.size, 0
        while sent != size:
            begun, body = sent, None
            fault: Exception | None = None  # it ended early, and politely
            try:
                with self._asked(sent) as response:
                    body = self._judged(response, sent, size)
                    size = body.size
                    for piece in _bytes_of(response, body, sent):
                        sent += len(piece)
                        yield piece
                        if body.has_length:
                            failures = 0
                if body.end is None:
                    return  # a chunked body has ended cleanly, and nothing else says how long it is
            except (httpx.HTTPError, NotTheFile) as error:
                self._stop.check()  # then it was cut
                fault = error
            gave_some = body is not None and not body.has_length and sent > begun
            as_told = sent == size and not isinstance(fault, NotTheFile)
            if gave_some and not as_told:  # only its end told, and what it gave has gone on
                raise SourceSpoilt("an answer was not the file") from fault
            if sent == size:
                break
            failures += 1
            if failures >= _TRIES:
                raise SourceFailed("Telegram's file server failed") from fault
            self._stop.pause(jittered(self._pause_seconds * 2 ** (failures - 1)))

    @contextmanager
    def _asked(self, begin: int) -> Iterator[httpx.Response]:
        headers = {"Range": f"bytes={begin}-"} if begin else {}
        address = self._address.get_secret_value()
        one = nullcontext(self._client) if self._client else download_client(DIRECT, address)
        limits = stoppable(self._stop)
        with one as client, client.stream("GET", address, headers=headers, timeout=limits) as got:
            yield got

    def _judged(self, response: httpx.Response, begin: int, size: int | None) -> Body:
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        # A page is somebody's on the way, and says nothing about the file.
        if response.status_code in (400, 404) and kind not in _MARKUP:
            raise SourceFailed("Telegram no longer has the file", code="file_gone")
        # It can be as long as the file, and of a file without an announced size it decides.
        path = urlsplit(self._address.get_secret_value()).path
        if kind in _PAGES and kind != mimetypes.guess_type(path)[0]:
            raise NotTheFile("a page")
        return check_head(response.status_code, response.headers, begin=begin, size=size)


def _bytes_of(response: httpx.Response, body: Body, begin: int) -> Iterator[bytes]:
    """The bytes from `begin` on: a server that does not know ranges gives everything."""
    at = body.begin
    # As they come: gathering larger pieces costs httpx more than sending smaller ones.
    for piece in response.iter_raw():
        skip = max(begin - at, 0)
        at += len(piece)
        if body.end is not None and at > body.end:
            raise NotTheFile("more bytes than announced")
        if skip < len(piece):
            yield piece[skip:]


class LocalFile:
    """A file that a local Bot API server has put into the folder that is shared with it.

    The server is not trusted with this machine: whatever it names, only a file of its own for
    this bot is opened, and no link is followed on the way there. It keeps them in
    `<folder>/<the bot's token>/` (tdlib/telegram-bot-api, `Client::get_dir`).
    """

    seekable = True

    def __init__(self, path: Path, size: int | None, *, folder: Path, token: SecretStr) -> None:
        """
        Args:
            path: as the server says: absolute, and the same here.
            size: in bytes; None: as the file is.
            folder: the one folder its files may come from.
            token: the bot's: the first component below `folder`.
        """
        self.path = path
        self._folder = folder
        self._token = token
        self._size = size
        self._read: tuple[int, int] | None = None  # device and inode

    @property
    def size(self) -> int:
        """In bytes."""
        if self._size is None:
            with self._opened() as file:
                self._size = os.fstat(file).st_size
        return self._size

    def open(self, offset: int = 0) -> Iterator[bytes]:
        """The bytes.

        Raises:
            LocalFileUnreadable: it is not there, or may not be read.
            SourceFailed: it is not as long as announced, or another one has taken its place.
        """
        with self._opened() as file:
            if os.fstat(file).st_size != self.size:
                raise SourceFailed("the local server's file is not as long as announced")
            while piece := _piece(file, offset):
                offset += len(piece)
                if offset > self.size:  # the server still writes, and there may be no end to it
                    break
                yield piece
            if offset != self.size:
                raise SourceFailed("the local server's file changed while it was read")

    def remove(self) -> None:
        """Delete the server's copy, which nobody needs any more. Blocks; never raises.

        Only the very file that was read; where none was, the one that would be.
        """
        try:
            with self._parent() as (parent, name):
                found = _regular(os.stat(name, dir_fd=parent, follow_symlinks=False))
                if self._read not in (None, found):
                    raise _unreadable("another file")
                os.unlink(name, dir_fd=parent)
        except FileNotFoundError:
            return
        except (OSError, ValueError, RuntimeError, LocalFileUnreadable):
            _log.warning("local_copy_kept", result=LocalFileUnreadable.default_code)

    @contextmanager
    def _opened(self) -> Iterator[int]:
        try:
            with self._parent() as (parent, name):
                # Looked at first: to open a device may do something.
                _regular(os.stat(name, dir_fd=parent, follow_symlinks=False))
                file = os.open(name, _READ, dir_fd=parent)
        except (OSError, ValueError, RuntimeError) as error:
            raise _of_system(error) from None  # its text has the path
        try:
            found = _regular(os.fstat(file))
            self._read = self._read or found
            if found != self._read:
                raise SourceFailed("another file stands in its place")
            yield file
        finally:
            os.close(file)

    @contextmanager
    def _parent(self) -> Iterator[tuple[int, str]]:
        """The folder it stands in, reached without a link, and its name there."""
        *folders, name = self._parts()
        here = os.open(self._folder, _FOLDER)
        try:
            for part in folders:
                above, here = here, os.open(part, _FOLDER | os.O_NOFOLLOW, dir_fd=here)
                os.close(above)
            yield here, name
        finally:
            os.close(here)

    def _parts(self) -> tuple[str, ...]:
        """From the folder on: the bot's token, folders, the file's name."""
        for folder in (self._folder, self._folder.resolve()):
            parts = self.path.parts[len(folder.parts) :]
            is_below = self.path.is_relative_to(folder) and ".." not in parts
            if is_below and len(parts) > 1 and parts[0] == self._token.get_secret_value():
                return parts
        raise LocalFileUnreadable("the local Bot API server names no file of its own")


def _piece(file: int, offset: int) -> bytes:
    try:
        return os.pread(file, _PIECE, offset)
    except OSError as error:
        raise _of_system(error) from None


def _regular(status: os.stat_result) -> tuple[int, int]:
    """Which file it is: device and inode."""
    if not stat.S_ISREG(status.st_mode):
        raise _unreadable("not a file")
    return status.st_dev, status.st_ino


def _of_system(error: Exception) -> LocalFileUnreadable:
    number = error.errno if isinstance(error, OSError) else None
    return _unreadable(errno.errorcode.get(number or 0, "not a name"))


def _unreadable(why: str) -> LocalFileUnreadable:
    return LocalFileUnreadable(
        f"the local Bot API server's file cannot be read: {why} "
        "(is its volume shared, and for this user?)"
    )
