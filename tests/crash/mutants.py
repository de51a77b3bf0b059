"""The save with one of its safeguards taken out: what the crash matrix must notice.

They work in the process under test alone, by swapping what the product's code calls.
"""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from security import files


@contextmanager
def no_file_fsync() -> Iterator[None]:
    """What is written is not made durable before it takes the old one's place."""
    with _fsync_only(stat.S_ISDIR):
        yield


@contextmanager
def no_folder_fsync() -> Iterator[None]:
    """A save is reported before its rename is durable."""
    with _fsync_only(stat.S_ISREG):
        yield


@contextmanager
def no_rename() -> Iterator[None]:
    """The file itself is written, and made durable: no temporary file, no rename."""
    original = files.write_atomically

    def write_directly(path: Path, data: bytes) -> None:
        with files.disk_faults():
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, files.FILE_MODE)
            try:
                os.write(descriptor, data)
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
            files.sync_folder(path.parent)

    users = [m for m in sys.modules.values() if vars(m).get("write_atomically") is original]
    for module in users:
        vars(module)["write_atomically"] = write_directly
    try:
        yield
    finally:
        for module in users:
            vars(module)["write_atomically"] = original


@contextmanager
def _fsync_only(kind: Callable[[int], bool]) -> Iterator[None]:
    original = os.fsync

    def fsync(descriptor: int) -> None:
        if kind(os.fstat(descriptor).st_mode):
            original(descriptor)

    os.fsync = fsync  # type: ignore[assignment]
    try:
        yield
    finally:
        os.fsync = original


MUTANTS: Final = {
    "without the file's fsync": no_file_fsync,
    "without the folder's fsync": no_folder_fsync,
    "without the rename": no_rename,
}
