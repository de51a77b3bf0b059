"""Small files, written whole or not at all; and the one folder they are in."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from desktop.keeping.system import NotOurs, System

FOLDER: Final = ".driver_management_system"
"""In the account's own folder: `~`, on Windows `%USERPROFILE%`."""
_NOT_FOLLOWING: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe in its place would keep whoever opens it waiting
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
)


def open_ours(path: Path) -> int:
    """A descriptor that reads a file of ours.

    Raises:
        FileNotFoundError: there is none.
        NotOurs: a link or a pipe is in its place.
        OSError: it cannot be read now.
    """
    if path.is_symlink():
        raise NotOurs
    descriptor = os.open(path, _NOT_FOLLOWING)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotOurs
    return descriptor


def read(path: Path) -> bytes:
    """All of a file; raises as `open_ours`."""
    with os.fdopen(open_ours(path), "rb") as opened:
        return opened.read()


def write(system: System, path: Path, data: bytes) -> None:
    """Replace a file, durably: after a crash the old or the new content is there, whole."""
    staged = path.with_name(f".{path.name}.tmp")
    staged.unlink(missing_ok=True)  # left by a crash
    try:
        with os.fdopen(system.create(staged), "wb") as opened:
            opened.write(data)
            opened.flush()
            os.fsync(opened.fileno())
        staged.replace(path)
    except OSError:  # the disk is full, or a folder is in its place
        staged.unlink(missing_ok=True)
        raise
    system.sync_folder(path.parent)
