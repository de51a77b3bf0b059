"""The temporary file of a save, and room in it that is kept before a token is spent.

Google gives a new token once: whether it can be written down is known before it is asked.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress
from typing import Final

FILE_MODE: Final = 0o600
StrPath = str | os.PathLike[str]
_ROOM: Final = bytes(8192)  # more than a credential takes
_BLOCK: Final = 4096


class Room:
    """A file beside `path`, 0600 and open, that takes its place or is given up.

    Raises OSError, as do all its methods. The caller keeps others away from `path`.
    """

    def __init__(self, path: StrPath) -> None:
        self._path = os.fspath(path)
        folder, name = os.path.split(self._path)
        self._temporary = os.path.join(folder, f".{name}.tmp")  # noqa: PTH118 - as below
        self._descriptor: int | None = None
        flags = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        self._descriptor = descriptor = os.open(self._temporary, flags, FILE_MODE)
        try:
            status = os.fstat(descriptor)
            _only_regular(status)
            self._size = status.st_size  # a crash may have left it
            # Looked at first: to set what is set already would wait for the journal.
            if stat.S_IMODE(status.st_mode) != FILE_MODE:
                os.fchmod(descriptor, FILE_MODE)
        except BaseException:
            self.give_up()
            raise

    @property
    def is_open(self) -> bool:
        """Whether it has neither taken its place nor been given up."""
        return self._descriptor is not None

    def reserve(self, size: int = 0) -> None:
        """Fill it with zeros: the blocks are its own then.

        A file system gives room by the block. Where what comes has about `size` bytes, and as
        many again fit into the same block, no more than `size` is written: nothing of it is to be
        cut off then.
        """
        wanted = bytes(size) if 0 < 2 * size <= _BLOCK else _ROOM
        try:
            written = self._write(wanted)
        except BaseException:
            self.give_up()
            raise
        if written < len(wanted):  # room for a part of it
            self.give_up()
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size = max(self._size, len(wanted))

    def become(self, data: bytes) -> None:
        """Hold `data` durably, and take the place of `path`; that is not durable yet."""
        self.write(data)
        self.sync()
        self.take_place()

    def write(self, data: bytes) -> None:
        """Hold `data`; not durably."""
        try:
            view, written = memoryview(data), 0
            while written < len(data):
                written += self._write(view[written:], written)
            # Shortened only now: what was reserved for `data` nobody else has got meanwhile.
            if self._size > len(data):
                os.ftruncate(self._opened, len(data))
        except BaseException:
            self.give_up()
            raise

    def sync(self) -> None:
        """Make what has been written durable."""
        try:
            os.fsync(self._opened)
        except BaseException:
            self.give_up()
            raise

    def take_place(self) -> None:
        """Replace `path`. What has been written is durable by now."""
        try:
            self._close()
            os.replace(self._temporary, self._path)  # noqa: PTH105 - strings: every refresh is here
        except BaseException:
            self.give_up()
            raise

    def give_up(self) -> None:
        """Remove it. What cannot be removed now, the next start does."""
        with suppress(OSError):
            os.unlink(self._temporary)  # noqa: PTH108 - as above
        with suppress(OSError):
            self._close()

    @property
    def _opened(self) -> int:
        if self._descriptor is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._descriptor

    def _write(self, data: bytes | memoryview, offset: int = 0) -> int:
        return os.pwrite(self._opened, data, offset)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        if self.is_open:  # whoever waited for it was cancelled
            self.give_up()


def _only_regular(status: os.stat_result) -> None:
    """A pipe in its place would hang whoever writes."""
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
