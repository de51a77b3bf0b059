"""Locks between processes, and between the tasks of one."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from filelock import FileLock, Timeout

from security.errors import OperatorFault

_MODE: Final = 0o600
LOCK_POLL_SECONDS: Final = 0.005
"""How often whoever waits for a lock looks again."""


def lock_of_bot(folder: Path) -> FileLock:
    """What the one bot of a data folder holds as long as it lives, to be taken and released.

    Taking it raises filelock.Timeout where a bot runs, and OSError where the file system knows no
    locks or the file is somebody else's.
    """
    path = folder / "locks" / "bot.lock"
    return FileLock(path, mode=_MODE, thread_local=False, fallback_to_soft=False)


def is_bot_running(folder: Path) -> bool | None:
    """Whether a bot holds the data folder; None: it cannot be told.

    Its lock is tried as a reader, for no longer than a moment, and never made.
    """
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    try:
        descriptor = os.open(folder / "locks" / "bot.lock", flags)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


@contextmanager
def bot_stopped(folder: Path) -> Iterator[None]:
    """Keep the bot from starting on this data folder, which is there.

    Raises:
        OperatorFault: it is running.
        OSError: the lock cannot be taken.
    """
    lock = lock_of_bot(folder)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        raise OperatorFault(
            "the bot is running on this data folder: stop it first", code="second_instance"
        ) from None
    try:
        yield
    finally:
        lock.release()


class PrivateLock:
    """An advisory lock on a file of its own, 0600, taken in one thread and released in any.

    flock(2), as filelock takes it, so that both keep each other away; but every refresh takes one,
    and filelock's object, its bookkeeping and its release cost fifty times the lock's own. Each
    object has a descriptor of its own: flock tells those apart, also within one process.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = path
        self._descriptor: int | None = None

    def acquire(self, timeout: float = 0, poll_interval: float = LOCK_POLL_SECONDS) -> Self:
        """Take it. Times in seconds.

        Raises:
            filelock.Timeout: somebody else held it all the time, maybe in this process.
        """
        deadline = time.monotonic() + timeout
        descriptor = _open(self._path)
        try:
            while not (taken := _try_flock(descriptor)) and time.monotonic() < deadline:
                time.sleep(poll_interval)
        except BaseException:
            os.close(descriptor)
            raise
        if not taken:
            os.close(descriptor)
            raise Timeout(str(self._path))
        self._descriptor = descriptor
        return self

    def release(self) -> None:
        """Give the lock back; nothing happens where it is not held.

        What was done under it is done: an unlock that the operating system refuses turns no save
        into a fault. At the latest the end of the process unlocks.
        """
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            with suppress(OSError):
                os.close(descriptor)  # which unlocks: nobody else has it open

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()

    def __del__(self) -> None:
        self.release()  # whoever waited for it was cancelled


def _open(path: str | Path) -> int:
    flags = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        return os.open(path, flags)
    except FileNotFoundError:
        descriptor = os.open(path, flags | os.O_CREAT, _MODE)
        with suppress(OSError):
            os.fchmod(descriptor, _MODE)  # whatever the umask
        return descriptor


def _try_flock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
