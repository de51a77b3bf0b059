"""Where the bytes of an upload come from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

from security.errors import CustodyError


class SourceFailed(CustodyError):
    """The bytes could not be had from where they come from."""

    default_code = "source_failed"


class SourceSpoilt(SourceFailed):
    """What was read so far is not the file: none of it counts, and it is to be read anew."""


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
