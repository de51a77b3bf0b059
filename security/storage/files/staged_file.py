"""The temporary file of a save, and room in it that is kept before a token is spent.

Google gives a new token once: whether it can be written down is known before it is asked.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

from security.storage.files.unix import (
    FILE_MODE,
    WRITING,
    make_private,
    status_of_regular,
    write_at,
)

StrPath = str | os.PathLike[str]
_ROOM: Final = bytes(8192)  # more than a credential takes
_BLOCK: Final = 4096


class StagedFile:
    """A file beside `path`, 0600 and open, that takes its place or is given up.

    Raises OSError, as do all its methods. The caller keeps others away from `path`.
    """

    def __init__(self, path: StrPath) -> None:
        self._path = path = os.fspath(path)
        folder, name = os.path.split(path)
        self._temporary = os.path.join(folder, f".{name}.tmp")  # noqa: PTH118 - as below
        self._descriptor: int | None = None
        self._descriptor = descriptor = os.open(self._temporary, WRITING, FILE_MODE)
        with self._given_up_on_errors():
            status = status_of_regular(descriptor)
            self._size = status.st_size  # a crash may have left it
            make_private(descriptor, status)

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
        with self._given_up_on_errors():
            if write_at(self._opened, wanted, 0) < len(wanted):  # room for a part of it
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._size = max(self._size, len(wanted))

    def write(self, data: bytes) -> None:
        """Hold `data`; not durably."""
        with self._given_up_on_errors():
            view, written = memoryview(data), 0
            while written < len(data):
                written += write_at(self._opened, view[written:], written)
            # Shortened only now: what was reserved for `data` nobody else has got meanwhile.
            if self._size > len(data):
                os.ftruncate(self._opened, len(data))

    def sync(self) -> None:
        """Make what has been written durable."""
        with self._given_up_on_errors():
            os.fsync(self._opened)

    def take_place(self) -> os.stat_result:
        """Replace `path`, which is not durable yet; what has been written is. The file's status."""
        with self._given_up_on_errors():
            status = os.fstat(self._opened)
            self._close()
            os.replace(self._temporary, self._path)  # noqa: PTH105 - strings: every refresh is here
        return status

    def give_up(self) -> None:
        """Remove it. What cannot be removed now, the next start does."""
        with suppress(OSError):
            os.unlink(self._temporary)  # noqa: PTH108 - as above
        with suppress(OSError):
            self._close()

    @contextmanager
    def _given_up_on_errors(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self.give_up()
            raise

    @property
    def _opened(self) -> int:
        if self._descriptor is None:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        return self._descriptor

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __del__(self) -> None:
        if self.is_open:  # whoever waited for it was cancelled
            self.give_up()
