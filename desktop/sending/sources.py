"""A file of the queue, as `upload.py` reads it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from desktop.keeping import files
from desktop.keeping.system import NotOurs
from drive.uploading.source import SourceFailed

_PIECE: Final = 256 * 1024


def size_of(path: Path) -> int | None:
    """Of a file of ours; None: there is none."""
    try:
        with os.fdopen(files.open_ours(path), "rb") as opened:
            return os.fstat(opened.fileno()).st_size
    except (OSError, NotOurs):
        return None


class QueuedContent:
    """As `Source`."""

    def __init__(
        self, path: Path, size: int, all_goes: Callable[[], object] = lambda: None
    ) -> None:
        """
        Args:
            all_goes: called before the last of the bytes is given away.
        """
        self._path = path
        self._all_goes = all_goes
        self.size: int | None = size
        self.seekable = True
        self.at = 0
        """How far it has been read."""
        self.since = 0.0
        """When it was opened, by the monotonic clock; 0.0: it was not."""

    def open(self, offset: int = 0) -> Iterator[bytes]:
        """The bytes from there on.

        Raises:
            SourceFailed: it cannot be read.
        """
        try:
            with os.fdopen(files.open_ours(self._path), "rb", buffering=0) as opened:
                opened.seek(offset)
                self.at, self.since = offset, time.monotonic()
                while piece := opened.read(_PIECE):
                    if self.at + len(piece) == self.size:
                        self._all_goes()
                    yield piece
                    self.at += len(piece)
        except (OSError, NotOurs) as error:
            raise SourceFailed("cannot be read", code="local_file_unreadable") from error
