"""What is read of a source on its way to Drive: hashed once, and kept until it is acknowledged."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Generator, Iterator
from typing import Protocol

from security.errors import CustodyError


class SourceFailed(CustodyError):
    """The bytes could not be had from where they come from."""

    default_code = "source_failed"


class UploadCancelled(CustodyError):
    """The person stopped the upload."""

    default_code = "cancelled"


class UploadInterrupted(CustodyError):
    """The program stops: what Drive has stays there, and the next start goes on."""

    default_code = "stopped"


class Halt(threading.Event):
    """Ends an upload from elsewhere, and says why."""

    interrupted = False
    """Whether the program stops; otherwise it was the person."""

    def interrupt(self) -> None:
        """The program stops. A person who was faster has cancelled all the same."""
        if not self.is_set():
            self.interrupted = True
            self.set()


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
        """The bytes from `offset` on, in pieces; SourceFailed where they end early."""
        ...


def check(halt: threading.Event) -> None:
    """Raise UploadCancelled or UploadInterrupted once `halt` is set."""
    if halt.is_set():
        if isinstance(halt, Halt) and halt.interrupted:
            raise UploadInterrupted("the program stops")
        raise UploadCancelled("cancelled")


class Window:
    """Reads a source in order, and gives any part of it from what Drive has acknowledged on.

    The md5 is taken on the way, each byte once. Of a source that is not seekable, what has been
    given is kept until a later part is asked for: the caller decides how much that is.
    """

    def __init__(self, source: Source, halt: threading.Event) -> None:
        self._source = source
        self._halt = halt
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._hashed = 0
        self._total = source.size
        self._whole = False
        self._pieces: Iterator[bytes] | None = None
        self._ended = False  # it, not the source: that may be opened again
        self._kept: deque[bytes] = deque()
        self._start = self._end = 0  # of what is kept

    @property
    def total(self) -> int | None:
        """Bytes in all, once that is known."""
        return self._total

    @property
    def whole(self) -> bool:
        """Whether every byte has been read, and the source ended where it should."""
        return self._whole

    @property
    def md5(self) -> str:
        """Of every byte read so far."""
        return self._md5.hexdigest()

    @property
    def read(self) -> int:
        """How many bytes that is."""
        return self._hashed

    def prepare(self) -> None:
        """Have the source begin, so that it sends while Drive is asked for a session."""
        if self._pieces is None and not self._source.seekable:
            self._open(0)
            self._read()

    def length(self, begin: int, most: int) -> int:
        """How many bytes a chunk from `begin` on has, at most `most`.

        Of a source of unknown size the chunk is read first, and one byte further: Drive wants to
        know whether it is the last.
        """
        if self._total is None:
            self._go_to(begin)
            while self._total is None and self._end <= begin + most:
                self._read()
        return most if self._total is None else min(most, self._total - begin)

    def pieces(self, begin: int, length: int) -> Iterator[bytes | memoryview]:
        """`length` bytes from `begin` on, as they arrive.

        Raises:
            SourceFailed: before the last byte, unless the source ends with it: so Drive never
                takes half a file for the file.
        """
        self._go_to(begin)  # now, not once a request waits for its body
        return self._from(begin, begin + length)

    def finish(self) -> None:
        """Read what is left, for the md5."""
        while not self._whole:
            self._go_to(self._hashed)
            self._read()

    def close(self) -> None:
        """Let the source go."""
        if isinstance(self._pieces, Generator):
            self._pieces.close()
        self._pieces = None
        self._kept.clear()

    def _from(self, begin: int, end: int) -> Iterator[bytes | memoryview]:
        at = self._start
        for piece in tuple(self._kept):
            yield from _within(piece, at, begin, end)
            at += len(piece)
        while at < end or (end == self._total and not self._ended):
            read = self._read()
            if read is None:
                break
            yield from _within(read, at, begin, end)
            at += len(read)
            if self._source.seekable:
                self._drop(min(at, end))

    def _open(self, offset: int) -> None:
        self.close()
        self._pieces = self._source.open(offset)
        self._ended = False
        self._start = self._end = offset

    def _go_to(self, begin: int) -> None:
        if self._pieces is None or begin < self._start:
            # Drive lost bytes, or has them from an earlier run: those are read for the md5.
            self._open(min(begin, self._hashed) if self._source.seekable else 0)
        self._drop(begin)
        while self._end < begin:
            if self._read() is None:
                raise SourceFailed("fewer bytes than Drive has of it")
            self._drop(begin)

    def _read(self) -> bytes | None:
        """One more piece, hashed and kept; None at the end."""
        check(self._halt)
        piece = self._next()
        if piece is not None:
            self._kept.append(piece)
            self._end += len(piece)
            if (new := self._end - self._hashed) > 0:
                self._md5.update(piece if new >= len(piece) else memoryview(piece)[-new:])
                self._hashed = self._end
            if self._end != self._total:
                if self._total is not None and self._end > self._total:
                    raise SourceFailed("more bytes than announced")
                return piece
            if self._next() is not None:
                raise SourceFailed("more bytes than announced")
        elif self._total is not None and self._end < self._total:
            raise SourceFailed("fewer bytes than announced")
        self._total, self._ended, self._whole = self._end, True, True
        return piece

    def _next(self) -> bytes | None:
        return None if self._pieces is None else next(self._pieces, None)

    def _drop(self, begin: int) -> None:
        while self._kept and self._start + len(self._kept[0]) <= begin:
            self._start += len(self._kept.popleft())


def _within(piece: bytes, at: int, begin: int, end: int) -> Iterator[bytes | memoryview]:
    """What lies between `begin` and `end` of a piece that stands at `at`."""
    if begin <= at and at + len(piece) <= end:
        yield piece
    elif (first := max(begin - at, 0)) < (last := min(end - at, len(piece))):
        yield memoryview(piece)[first:last]
