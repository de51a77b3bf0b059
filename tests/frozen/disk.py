"""A disk that fails, or a process that is killed, before a chosen file-system call of a folder.

Python announces each call before it is made (PEP 578); one that raises is not made.
"""

from __future__ import annotations

import errno
import os
import sys
from pathlib import Path
from typing import Any, ClassVar


class Killed(BaseException):
    """The process ends here: nothing of it may reach the disk any more."""


class Disk:
    """What becomes of calls that change something in one folder (locks apart)."""

    _watched: ClassVar[Disk | None] = None
    _is_hooked: ClassVar[bool] = False

    def __init__(self, folder: Path) -> None:
        self._root = f"{folder}{os.sep}"
        self.is_full = False
        """Nothing can be written; removing still works."""
        self.is_stuck = False
        """Documents cannot be removed; writing still works."""
        self.refusals = 0
        """How many calls have failed so far."""
        self.is_dead = False
        """The process has been killed: every call fails from then on."""
        self._left: int | None = None
        self._spoilt = ""

    def die_after(self, calls: int | None) -> None:
        """Be killed before the next but so many calls; None: not at all."""
        self._left = calls

    def revive(self) -> None:
        """Another process begins."""
        self.is_dead, self._left = False, None

    def watch(self) -> None:
        """Be the one that is listened to, from now on."""
        if not Disk._is_hooked:
            Disk._is_hooked = True
            sys.addaudithook(_hear)  # the interpreter's own: there is no way to take one back
        Disk._watched = self

    @staticmethod
    def unwatch() -> None:
        """Let everything pass again."""
        Disk._watched = None

    @classmethod
    def watched(cls) -> Disk | None:
        """The one that is listened to."""
        return cls._watched

    def damage(self, path: Path) -> None:
        """Spoil a file, whatever else the disk does; what threads do meanwhile is listened to."""
        self._spoilt = str(path)
        path.write_bytes(b"{")
        self._spoilt = ""

    def hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Raise what becomes of this call."""
        path = os.fspath(arguments[0]) if isinstance(arguments[0], (str, os.PathLike)) else ""
        if not path.startswith(self._root) or f"{os.sep}locks{os.sep}" in path:
            return
        if path == self._spoilt:
            return
        if event == "open" and not arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return
        if self._left is not None:
            self._left -= 1
            self.is_dead = self.is_dead or self._left < 0
        if self.is_dead:
            raise Killed
        is_removal = event == "os.remove"
        if self.is_full and not is_removal:
            self.refusals += 1
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        if self.is_stuck and is_removal and path.endswith(".json"):
            self.refusals += 1
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    disk = Disk.watched()
    if disk is not None and event in ("open", "os.rename", "os.link", "os.remove"):
        disk.hear(event, arguments)
