"""The file of SQLite: private, this user's, and on a disk of this machine."""

from __future__ import annotations

import os
import stat
import threading
from contextlib import suppress
from pathlib import Path
from typing import Final

from security.errors import OperatorFault
from security.storage.disk_faults import reason_of
from security.storage.mounts import NETWORK, file_system_of

_FILE_MODE: Final = 0o600
_FOLDER_MODE: Final = 0o700
_BESIDE: Final = ("", "-wal", "-shm", "-journal")
"""What SQLite keeps beside a file takes the file's own mode, whatever the umask, when it is made
(https://www.sqlite.org/src/file/src/os_unix.c, findCreateFileMode)."""


class SqliteFile:
    """The file at one path, for one engine."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._guard = threading.Lock()
        self._identity: tuple[int, int] | None = None
        """Of the file that this engine works with."""

    def prepare(self) -> None:
        """Make the file where there is none, and private where it is not. Before each connection.

        A file that is there is never opened: closing it would take SQLite's own locks away
        (https://www.sqlite.org/howtocorrupt.html, "Posix advisory locks canceled").

        Raises:
            OperatorFault: it cannot be made, is another user's or another file than before, or on
                a network's file system, which keeps neither SQLite's locks nor its shared memory.
        """
        kind = file_system_of(self.path)
        if kind is not None and NETWORK.fullmatch(kind):
            raise _refused(
                f"is on a network file system ({kind}), which SQLite cannot work on: name one on a "
                "disk of this machine"
            )
        try:
            with self._guard:
                is_first = self._identity is None
                if is_first:
                    self.path.parent.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
                    with suppress(FileExistsError):
                        _make(self.path)
                    self._identity = self._found()
                for suffix in _BESIDE:
                    _make_private(self.path.with_name(self.path.name + suffix))
                if is_first and self.path.stat().st_nlink > 1:
                    # By another name it has another -wal, and neither side knows of the other's
                    # (https://www.sqlite.org/howtocorrupt.html, "Multiple links to the same
                    # file"). A symbolic link leads to the one name there is.
                    raise _refused("has another name as well (a hard link): leave it one")
        except OSError as error:
            raise _refused(
                f"cannot be used ({reason_of(error)}): see that the user the bot runs as may write "
                "it and its folder, and that its disk has room"
            ) from None
        self.check()

    def check(self) -> None:
        """See that the file is the one that connections have open: what is written into one that
        was removed, or replaced by a copy, would be gone.

        Raises:
            OperatorFault: it is not; `database_unreachable` where there is none, for it may come
                back.
        """
        found = self._found()
        if found is None:
            says = "the file of DATABASE_URL is not there any more: put it back"
            raise OperatorFault(says, code="database_unreachable")
        if found != self._identity:
            raise _refused("was replaced while this process works with it; restart it")

    def _found(self) -> tuple[int, int] | None:
        try:
            status = self.path.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino


def _make(path: Path) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    descriptor = os.open(path, flags, _FILE_MODE)
    try:
        os.fchmod(descriptor, _FILE_MODE)
    finally:
        os.close(descriptor)


def _make_private(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError:
        return
    if not stat.S_ISREG(status.st_mode):
        raise _refused("is no regular file: name one")
    if status.st_uid != os.geteuid():
        raise _refused("belongs to another user of this machine: run this as that user")
    if stat.S_IMODE(status.st_mode) & ~_FILE_MODE:
        path.chmod(_FILE_MODE)


def _refused(reason: str) -> OperatorFault:
    return OperatorFault(f"the file of DATABASE_URL {reason}", code="store_failed")
