"""Locks between processes, and between the tasks of one."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock

from security.storage.files.unix import FILE_MODE, NOT_FOLLOWING, open_lock, try_lock

_POLL_SECONDS: Final = 0.005
"""How often whoever waits for a lock looks again."""


@contextmanager
def waiting_lock(path: Path, seconds: float) -> Iterator[None]:
    """Hold a lock as soon as it is free; filelock.Timeout where somebody else held it for so long.

    An unlock that the operating system refuses turns nothing that was done into a fault.
    """
    lock = FileLock(
        path,
        timeout=seconds,
        mode=FILE_MODE,
        thread_local=False,
        poll_interval=_POLL_SECONDS,
        fallback_to_soft=False,
    )
    lock.acquire()
    try:
        yield
    finally:
        with suppress(OSError):
            lock.release()


class FileLease:
    """An advisory lock on a file of its own, 0600, taken in one thread and released in any.

    flock(2), as filelock takes it, so that both keep each other away; but every refresh takes one,
    and filelock's object, its bookkeeping and its release cost fifty times the lock's own. Each
    object has a descriptor of its own: flock tells those apart, also within one process. The file
    is never deleted: what it guards is replaced at every save.
    """

    def __init__(self, path: str | Path, name: str) -> None:
        self._path = path
        self.name = name
        self._descriptor: int | None = None

    def acquire(self) -> bool:
        """Take it now, or not at all: False where somebody else holds it, maybe in this process."""
        descriptor, taken = open_lock(self._path), False
        try:
            taken = try_lock(descriptor)
        finally:
            if not taken:
                with suppress(OSError):
                    os.close(descriptor)
        if taken:
            self._descriptor = descriptor
        return taken

    @property
    def taken_over_at(self) -> None:
        """It never is: no lock lapses while its process lives."""

    def may_begin(self) -> bool:
        """Whether it is held. It does not lapse while the process lives."""
        return self._descriptor is not None

    def renew(self) -> bool:
        """It lasts by itself."""
        return self.may_begin()

    def release(self) -> None:
        """Give the lock back; nothing happens where it is not held.

        What was done under it is done: an unlock that the operating system refuses turns no save
        into a fault. At the latest the end of the process unlocks.
        """
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)  # which unlocks: nobody else has it open

    def __del__(self) -> None:
        self.release()  # whoever waited for it was cancelled


def is_locked(path: Path) -> bool | None:
    """Whether somebody holds the lock; None: it cannot be told.

    It is tried as a reader, for no longer than a moment, and its file is never made.
    """
    try:
        descriptor = os.open(path, NOT_FOLLOWING)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return None
    try:
        return not try_lock(descriptor, shared=True)
    except OSError:
        return None
    finally:
        os.close(descriptor)
