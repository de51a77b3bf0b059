"""The save with one of its safeguards taken out: what the crash matrix must notice.

They work in the process under test alone, by swapping what the product's code calls: whatever
way it writes a file, it ends in these two functions of the operating system.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from security.storage.files.unix import FILE_MODE

StrPath = str | os.PathLike[str]


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
    """The new content is written into the file itself, and made durable there."""
    original = os.replace

    def write_into(source: StrPath, target: StrPath) -> None:
        data = Path(source).read_bytes()
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, FILE_MODE)
        try:
            os.write(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        Path(source).unlink()

    os.replace = write_into  # type: ignore[assignment]
    try:
        yield
    finally:
        os.replace = original


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
