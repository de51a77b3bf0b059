"""What is read of a source on its way to Drive: hashed once, and kept until it is acknowledged."""

from __future__ import annotations

import hashlib
import mmap
import threading
from collections.abc import Generator, Iterator
from typing import Final, Protocol

from security.errors import CustodyError

_PIECE: Final = 256 * 1024


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
        """The bytes from `offset` on, in pieces; SourceFailed where they end early.

        SourceSpoilt: whatever this gave before is not the file's.
        """
        ...


def check(halt: threading.Event) -> None:
    """Raise UploadCancelled or UploadInterrupted once `halt` is set."""
    if halt.is_set():
        if isinstance(halt, Halt) and halt.interrupted:
            raise UploadInterrupted("the program stops")
        raise UploadCancelled("cancelled")


class Kept:
    """A stretch of a source, in memory of its own.

    That goes back to the system with the upload; what thousands of small pieces leave free, the
    allocator keeps, for each thread anew.
    """

    def __init__(self) -> None:
        self.start = self.end = 0
        self._memory: mmap.mmap | None = None

    def begin_at(self, offset: int) -> None:
        """Keep nothing; what comes next stands there in the source."""
        self.start = self.end = offset
        self._take(0)

    def make_room(self, size: int) -> None:
        """For so many bytes from `start` on."""
        size = max(size, self.end - self.start)
        if size != (0 if self._memory is None else len(self._memory)):
            kept = self.read(self.start, self.end - self.start)
            self._take(size)
            if self._memory is not None:
                self._memory[: len(kept)] = kept

    def add(self, piece: bytes) -> None:
        """There has to be room for it."""
        if self._memory is not None:
            at = self.end - self.start
            self._memory[at : at + len(piece)] = piece
            self.end += len(piece)

    def read(self, at: int, most: int) -> bytes:
        """Up to so many bytes that stand there in the source."""
        if self._memory is None:
            return b""
        return self._memory[at - self.start : min(at + most, self.end) - self.start]

    def drop(self, before: int) -> None:
        """Keep nothing that stands before there."""
        surplus = min(before, self.end) - self.start
        if surplus > 0 and self._memory is not None:
            self._memory.move(0, surplus, self.end - self.start - surplus)
            self.start += surplus

    def _take(self, size: int) -> None:
        if self._memory is not None:
            self._memory.close()
        private = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self._memory = mmap.mmap(-1, size, flags=private) if size else None


class Window:
    """Reads a source in order, and gives any part of it from what Drive has acknowledged on.

    The md5 is taken on the way, each byte once. Of a source that is not seekable, the chunk that
    is under way is kept: the caller decides how much that is.
    """

    def __init__(self, source: Source, halt: threading.Event) -> None:
        self._source = source
        self._halt = halt
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._hashed = 0
        self._total = source.size
        self._whole = False
        self._pieces: Iterator[bytes] | None = None
        self._ahead: bytes | None = None  # of a piece that went beyond what was wanted
        self._ended = False  # it, not the source: that may be opened again
        self._kept = Kept()

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
            self._ahead = next(self._opened, None)

    def length(self, begin: int, most: int) -> int:
        """How many bytes a chunk from `begin` on has, at most `most`.

        Of a source of unknown size the chunk is read first, and one byte further: Drive wants to
        know whether it is the last.
        """
        if self._total is None:
            self._go_to(begin)
            self._kept.make_room(most + 1)
            while self._total is None and (wanted := begin + most + 1 - self._kept.end) > 0:
                self._read(wanted, keep=True)
        return most if self._total is None else min(most, self._total - begin)

    def pieces(self, begin: int, length: int) -> Iterator[bytes]:
        """`length` bytes from `begin` on, as they arrive.

        Raises:
            SourceFailed: before the last byte, unless the source ends with it: so Drive never
                takes half a file for the file.
        """
        self._go_to(begin)  # now, not once a request waits for its body
        if not self._source.seekable:
            self._kept.make_room(length)
        return self._from(begin, begin + length)

    def finish(self) -> None:
        """Read what is left, for the md5."""
        while not self._whole:
            self._go_to(self._hashed)
            self._read(_PIECE, keep=False)

    def close(self) -> None:
        """Let the source go."""
        if isinstance(self._pieces, Generator):
            self._pieces.close()
        self._pieces = self._ahead = None
        self._kept.begin_at(0)

    def _open(self, offset: int) -> None:
        self.close()
        self._pieces = self._source.open(offset)
        self._ended = False
        self._kept.begin_at(offset)

    def _go_to(self, begin: int) -> None:
        kept = self._kept
        if self._pieces is None or begin < kept.start:
            # Drive lost bytes, or has them from an earlier run: those are read for the md5.
            self._open(min(begin, self._hashed) if self._source.seekable else 0)
        kept.drop(begin)
        while (missing := begin - kept.end) > 0:
            if self._read(missing, keep=False) is None:
                raise SourceFailed("fewer bytes than Drive has of it")

    def _from(self, begin: int, end: int) -> Iterator[bytes]:
        at = begin
        while at < min(end, self._kept.end):
            piece = self._kept.read(at, min(end - at, _PIECE))
            at += len(piece)
            yield piece
        while at < end or (end == self._total and not self._ended):
            read = self._read(end - at, keep=not self._source.seekable)
            if read is None:
                break
            at += len(read)
            yield read

    def _read(self, most: int, *, keep: bool) -> bytes | None:
        """Up to so many bytes more, hashed; None at the end. If not `keep`, nothing is kept yet."""
        check(self._halt)
        piece = self._next(most)
        end = self._kept.end
        if piece is not None:
            end += len(piece)
            if keep:
                self._kept.add(piece)
            else:
                self._kept.start = self._kept.end = end
            if (new := end - self._hashed) > 0:
                self._md5.update(piece if new >= len(piece) else memoryview(piece)[-new:])
                self._hashed = end
            if end != self._total:
                if self._total is not None and end > self._total:
                    raise SourceFailed("more bytes than announced")
                return piece
            if self._next(1) is not None:
                raise SourceFailed("more bytes than announced")
        elif self._total is not None and end < self._total:
            raise SourceFailed("fewer bytes than announced")
        self._total, self._ended, self._whole = end, True, True
        return piece

    def _next(self, most: int) -> bytes | None:
        piece, self._ahead = self._ahead, None
        if piece is None:
            piece = next(self._opened, None)
        if piece is not None and len(piece) > most:
            piece, self._ahead = piece[:most], piece[most:]
        return piece

    @property
    def _opened(self) -> Iterator[bytes]:
        return iter(()) if self._pieces is None else self._pieces
