"""One desktop for each account: the lock that says so, and how the one that runs is told to end.

By a file in its folder, which only this account can put there: what was started from a menu has no
terminal, and Windows knows no signal that would let it close what it has open.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from desktop.keeping.files import FOLDER
from desktop.keeping.system import NotOurs, this_system

__all__ = ["NotOurs", "StillRuns", "home", "is_told_to_end", "lock_of", "stop_running"]
_LOCK: Final = "desktop.lock"
_END: Final = "end"
_PATIENCE_SECONDS: Final = 20
_ASKED_EVERY_SECONDS: Final = 0.5


class StillRuns(Exception):
    """It was told to end, and has not."""


def home() -> Path:
    """The account's own folder for it."""
    return Path.home() / FOLDER


def lock_of(folder: Path) -> FileLock:
    """Whoever runs holds it."""
    return FileLock(folder / _LOCK, mode=0o600, thread_local=False)


def is_told_to_end(folder: Path) -> bool:
    """Whether it has been since this was asked last."""
    try:
        (folder / _END).unlink()
    except OSError:  # nobody has
        return False
    return True


def stop_running(folder: Path, seconds: float = _PATIENCE_SECONDS) -> bool:
    """Have the one that runs end, and wait for it; False: none does.

    Raises:
        StillRuns: not within these seconds.
        NotOurs, OSError: the folder cannot be had.
    """
    if not folder.exists():
        return False
    system = this_system()
    system.make_folder(folder)
    lock, file = lock_of(folder), folder / _END
    for tried in range(1 + round(seconds / _ASKED_EVERY_SECONDS)):
        try:
            with lock.acquire(timeout=_ASKED_EVERY_SECONDS if tried else 0):
                file.unlink(missing_ok=True)
                return tried > 0
        except Timeout:
            if not file.exists():  # one that has just begun clears what an earlier one was told
                os.close(system.create(file))
    file.unlink(missing_ok=True)
    raise StillRuns
