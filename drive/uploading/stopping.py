"""What ends an upload, or any question to Drive, from elsewhere: at once, and saying why."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from drive.resources import DriveFile
from security.errors import CustodyError, TransientFault


class UploadCancelled(CustodyError):
    """The person stopped the upload."""

    default_code = "cancelled"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        arrived: DriveFile | None = None,
        may_have_arrived: bool = False,
    ) -> None:
        super().__init__(message, code=code)
        self.arrived = arrived
        """The whole file: Drive was faster, and keeps it."""
        self.may_have_arrived = may_have_arrived
        """Drive was given all of it, and does not say what became of that."""


class UploadInterrupted(CustodyError):
    """The program stops: what Drive has stays there, and the next start goes on."""

    default_code = "stopped"


class StopSignal(threading.Event):
    """Stops an upload from elsewhere, at once, and says why."""

    def __init__(self) -> None:
        super().__init__()
        self.interrupted = False
        """Whether the program stops; otherwise it was the person."""
        self._wakers: list[Callable[[], object]] = []
        self._lock = threading.Lock()

    def set(self) -> None:
        """Stop, and wake whoever waits for something else meanwhile."""
        with self._lock:
            super().set()
            for wake in self._wakers:
                wake()

    @contextmanager
    def waking(self, wake: Callable[[], object]) -> Iterator[None]:
        """For a wait for something else: `wake` ends it, in the thread that stops.

        It is called once at most, at once where it is to stop already, and never after this ends.
        """
        with self._lock:
            self._wakers.append(wake)
            if self.is_set():
                wake()
        try:
            yield
        finally:
            with self._lock:
                self._wakers.remove(wake)

    def pause(self, seconds: float) -> None:
        """Wait so long; raises as `check`."""
        self.wait(seconds)
        self.check()

    def interrupt(self) -> None:
        """The program stops. A person who was faster has cancelled all the same."""
        if not self.is_set():
            self.interrupted = True
            self.set()

    @property
    def cancelled(self) -> bool:
        """Whether the person has stopped it, and wants nothing of it in Drive."""
        return self.is_set() and not self.interrupted

    def check(self) -> None:
        """Go on, or raise UploadCancelled or UploadInterrupted if the upload is to stop."""
        if self.cancelled:
            raise UploadCancelled("cancelled")
        if self.is_set():
            raise UploadInterrupted("the program stops")


class TimeLimit(StopSignal):
    """Ends what takes longer than so many seconds, as TransientFault."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._timer = threading.Timer(seconds, self.set)
        self._timer.daemon = True

    def __enter__(self) -> TimeLimit:
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def check(self) -> None:
        """Go on, or raise TransientFault where it takes too long."""
        if self.is_set():
            raise TransientFault("it takes too long", code="timeout")
