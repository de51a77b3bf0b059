"""What keeping things private is on each system. The rest of the desktop knows none by its name."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Protocol


class System(Protocol):
    """One kind of them. Every method raises OSError where the system does not do it."""

    def make_folder(self, folder: Path) -> None:
        """Make a folder that this account alone may enter; one that is there is mended.

        Raises:
            NotOurs: it is a link, or another account's.
        """

    def create(self, path: Path) -> int:
        """A descriptor that writes a new file, which this account alone may read."""

    def sync_folder(self, folder: Path) -> None:
        """Make what was renamed or removed in a folder survive a power cut."""

    def wrap(self, key: bytes) -> bytes:
        """The key as it stands on the disk."""

    def unwrap(self, kept: bytes) -> bytes:
        """What `wrap` was given.

        Raises:
            ValueError: it was wrapped on another machine, or by another account; or it is damaged.
        """


class NotOurs(Exception):
    """What is there is a link, or another account's: nothing is put into it."""


def this_system() -> System:
    """That on which this runs."""
    if sys.platform == "win32":
        from desktop.keeping.windows import Calls, Windows

        return Windows(Calls())
    from desktop.keeping.unix import Unix

    return Unix()
