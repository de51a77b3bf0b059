"""Whether a save would find room: asked before a token is spent, for Google gives it only once."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from security.files import disk_faults, open_private, temporary_of, unlink

_ROOM: Final = bytes(8192)  # more than a credential takes


def reserve_room(path: Path) -> None:
    """Make sure that `write_atomically` could replace `path` just now, and keep the room for it.

    What it leaves is the save's own temporary file: the save, or `give_up_room`, takes it away.

    Raises:
        OperatorFault: it could not.
    """
    temporary = temporary_of(path)
    with disk_faults():
        try:
            _write_room(temporary)
        except BaseException:
            unlink(temporary)
            raise


def give_up_room(path: Path) -> None:
    """There is nothing to be saved after all. What cannot be removed now, the next start does."""
    with suppress(OSError):
        unlink(temporary_of(path))


def probe_writing(folder: Path) -> None:
    """Raise OperatorFault where a small file cannot be written into `folder` just now."""
    probe = f"{folder}/.probe.tmp"
    with disk_faults():
        try:
            _write_room(probe)
        finally:
            unlink(probe)


def _write_room(path: str) -> None:
    descriptor = open_private(path)
    try:
        if os.write(descriptor, _ROOM) < len(_ROOM):  # room for a part of it
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    finally:
        os.close(descriptor)
