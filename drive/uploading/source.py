"""What an upload is given: where its bytes come from, and the signal that stops it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Protocol

from security.errors import CustodyError


class SourceFailed(CustodyError):
    """The bytes could not be had from where they come from."""

    default_code = "source_failed"


class SourceSpoilt(SourceFailed):
    """What was read so far is not the file: none of it counts, and it is to be read anew."""


class UploadCancelled(CustodyError):
    """The person stopped the upload."""

    default_code = "cancelled"


class UploadInterrupted(CustodyError):
    """The program stops: what Drive has stays there, and the next start goes on."""

    default_code = "stopped"


class StopSignal(threading.Event):
    """Stops an upload from elsewhere, and says why."""

    interrupted = False
    """Whether the program stops; otherwise it was the person."""

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


class Source(Protocol):
    """Where the bytes come from. It can be opened again, and then gives the same."""

    @property
    def size(self) -> int | None:
        """Bytes in all; None: unknown until the end."""
        ...

    @property
    def seekable(self) -> bool:
        """Whether it costs nothing to open it in the middle: then nothing of it is kept."""
        ...

    def open(self, offset: int = 0) -> Iterator[bytes]:
        """The bytes from `offset` on, in pieces.

        Raises:
            SourceFailed: they end early.
            SourceSpoilt: whatever this gave before is not the file's.
        """
        ...
