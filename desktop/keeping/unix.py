"""Private on a Unix: by modes, whatever the umask."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Final

from desktop.keeping.system import NotOurs

_FILE: Final = 0o600
_FOLDER: Final = 0o700


class Unix:
    """As `System` says."""

    def make_folder(self, folder: Path) -> None:
        """0700, and nobody else's."""
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            folder.mkdir(_FOLDER)
        except FileExistsError:
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
                raise NotOurs from None
        folder.chmod(_FOLDER)

    def create(self, path: Path) -> int:
        """0600 from its creation on: a umask takes rights away and gives none."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        return os.open(path, flags, _FILE)

    def sync_folder(self, folder: Path) -> None:
        """fsync(2)"""
        descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def wrap(self, key: bytes) -> bytes:
        """As it is: the file's mode is what keeps it."""
        return key

    def unwrap(self, kept: bytes) -> bytes:
        """As it is."""
        return kept
