"""The log of a program without a terminal: two files of this account alone, and no larger."""

from __future__ import annotations

import io
import os
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, TextIO

from desktop.keeping.system import NotOurs, System

NAME: Final = "desktop.log"
MOST_BYTES: Final = 512 * 1024
"""Of the newest lines; as many of those before them stand in `desktop.log.1`."""
_APPENDING: Final = (
    os.O_WRONLY
    | os.O_APPEND
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


def log_file(system: System, folder: Path) -> TextIO:
    """A stream to it. Nothing is kept open: others may write, look, and delete it."""
    raw = io.BufferedWriter(_Bounded(system, folder / NAME))
    return io.TextIOWrapper(raw, "utf-8", "backslashreplace", line_buffering=True)


class _Bounded(io.RawIOBase):
    def __init__(self, system: System, path: Path) -> None:
        self._system = system
        self._path = path

    def writable(self) -> bool:
        """It is."""
        return True

    def write(self, data: Any, /) -> int:
        """Add it; where that cannot be, it is nobody's incident."""
        line = bytes(data)
        with suppress(OSError, NotOurs):
            self._system.make_folder(self._path.parent)
            with os.fdopen(self._open(len(line)), "ab", buffering=0) as opened:
                opened.write(line)
        return len(line)

    def _open(self, more: int) -> int:
        with suppress(FileNotFoundError):
            if self._path.lstat().st_size + more > MOST_BYTES:
                self._path.replace(self._path.with_name(f"{NAME}.1"))
        with suppress(FileExistsError):
            return self._system.create(self._path)
        return os.open(self._path, _APPENDING)
