"""What only a Unix does: the one module of this backend that knows of flock, modes and owners."""

from __future__ import annotations

import errno
import fcntl
import os
import stat
from contextlib import suppress
from typing import Final

FILE_MODE: Final = 0o600
FOLDER_MODE: Final = 0o700
# A pipe in the place of a file would keep whoever opens it waiting for ever.
_PLAIN: Final = os.O_NONBLOCK | os.O_CLOEXEC
READING: Final = os.O_RDONLY | _PLAIN
WRITING: Final = os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | _PLAIN
APPENDING: Final = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | _PLAIN
NOT_FOLLOWING: Final = READING | os.O_NOFOLLOW
_LOCKING: Final = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC


def open_lock(path: str | os.PathLike[str]) -> int:
    """A descriptor of its own for a file that locks are taken on, 0600 whatever the umask."""
    try:
        return os.open(path, _LOCKING)
    except FileNotFoundError:
        descriptor = os.open(path, _LOCKING | os.O_CREAT, FILE_MODE)
        with suppress(OSError):  # where there are no modes the lock serves all the same
            os.fchmod(descriptor, FILE_MODE)
        return descriptor


def try_lock(descriptor: int, *, shared: bool = False) -> bool:
    """Take the lock now, or not at all (flock(2)); closing the descriptor gives it back."""
    try:
        fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def sync_folder(folder: str | os.PathLike[str]) -> None:
    """Make renames and removals in `folder` survive a power cut (fsync(2))."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_private(descriptor: int, status: os.stat_result) -> None:
    """0600, whatever the umask. Looked at first: to set what is set would wait for the journal."""
    if stat.S_IMODE(status.st_mode) != FILE_MODE:
        os.fchmod(descriptor, FILE_MODE)


def status_of_regular(descriptor: int) -> os.stat_result:
    """A regular file's status; OSError for a pipe in its place, which hangs who reads or writes."""
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
    return status


def is_ours(status: os.stat_result) -> bool:
    """Whether a file or folder belongs to the user this process runs as."""
    return status.st_uid == os.geteuid()


def is_private(status: os.stat_result) -> bool:
    """Whether no other user of the machine can reach a file."""
    return stat.S_IMODE(status.st_mode) & ~FILE_MODE == 0


def write_at(descriptor: int, data: bytes | memoryview, offset: int) -> int:
    """Write at a place in a file, wherever its position is; how many bytes it took (pwrite(2))."""
    return os.pwrite(descriptor, data, offset)


def read_at(descriptor: int, count: int, offset: int) -> bytes:
    """Read at a place in a file, wherever its position is (pread(2))."""
    return os.pread(descriptor, count, offset)
