"""Private files: written whole or not at all, readable by nobody else.

A save is a temporary file in the same folder, fsync, rename, fsync of the folder: after a crash at
any point the old or the new content is there, whole (rename(2), fsync(2)).
"""

from __future__ import annotations

import os
import stat
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from security.errors import OperatorFault
from security.storage.disk_faults import disk_faults
from security.storage.files.staged_file import StagedFile, StrPath
from security.storage.files.unix import (
    FILE_MODE,
    FOLDER_MODE,
    READING,
    is_ours,
    is_private,
    sync_folder,
)

_STALE_SECONDS: Final = 60  # a save takes milliseconds: what is older was left by a crash
_PIECE: Final = 65536


@disk_faults()
def ensure_private_folder(folder: Path) -> None:
    """Make `folder` 0700, mending looser modes there and 0600 for the files in it.

    Raises:
        OperatorFault: it belongs to somebody else, or cannot be made.
    """
    folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    status = folder.stat()
    if not is_ours(status):
        raise OperatorFault(_whose(folder), code="store_failed")
    if stat.S_IMODE(status.st_mode) != FOLDER_MODE:
        folder.chmod(FOLDER_MODE)
    with os.scandir(folder) as entries:
        for entry in entries:
            with suppress(FileNotFoundError):  # a save beside this has just renamed it
                _mend(entry)


def _whose(folder: Path) -> str:
    """Why a folder of another user does not serve, where that can be told."""
    if os.access(folder, os.W_OK | os.X_OK):  # a volume with a group's rights: Kubernetes' fsGroup
        return (
            "the data folder belongs to another user of this machine, who lets this one write "
            "there: name a folder below it in USER_DATA_DIR, which is then made private"
        )
    return "the data folder belongs to another user of this machine"


def _mend(entry: os.DirEntry[str]) -> None:
    """Make a file private, or remove it where a crash has left it."""
    if not entry.is_file(follow_symlinks=False):
        return
    status = entry.stat(follow_symlinks=False)
    if not is_ours(status):
        return  # nobody else gets past the folder's own mode; `doctor` tells of it
    is_staged = entry.name.startswith(".") and entry.name.endswith(".tmp")
    if is_staged and time.time() - status.st_mtime > _STALE_SECONDS:
        Path(entry.path).unlink(missing_ok=True)
    elif not is_private(status):
        Path(entry.path).chmod(FILE_MODE)


@disk_faults()
def write_atomically(path: StrPath, data: bytes) -> None:
    """Replace `path` by `data`, durably. The caller keeps other writers of `path` away."""
    staged = StagedFile(path)
    staged.write(data)
    staged.sync()
    staged.take_place()
    sync_folder(os.path.dirname(path))  # noqa: PTH120 - a string may be all there is


@disk_faults()
def reserve_room(path: StrPath, size: int = 0) -> StagedFile:
    """Make sure that `path` could be replaced just now, and keep the room for it.

    Args:
        size: about how many bytes it will be.

    Raises:
        OperatorFault: it could not.
    """
    staged = StagedFile(path)
    staged.reserve(size)
    return staged


@disk_faults()
def read_regular(path: StrPath) -> tuple[bytes, os.stat_result] | None:
    """The bytes of a regular file, and the status of the very file they came from; None: no file.

    A pipe or a device in its place would hang whoever opens it, a link lead elsewhere.

    Raises:
        OperatorFault: it is anything else, or cannot be read.
    """
    try:
        descriptor = os.open(path, READING)
    except FileNotFoundError:
        return None
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OperatorFault("a folder or pipe in a file's place", code="store_failed")
        data = os.read(descriptor, status.st_size + 1)
        while len(data) != status.st_size and (piece := os.read(descriptor, _PIECE)):
            data += piece
    finally:
        os.close(descriptor)
    return data, status
