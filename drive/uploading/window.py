"""What is read of a source on its way to Drive: hashed once, and kept until it is acknowledged."""

from __future__ import annotations

import hashlib
import mmap
import sys
from collections.abc import Generator, Iterator
from typing import Final

from drive.uploading.source import Source, SourceFailed
from drive.uploading.stopping import StopSignal

_PIECE: Final = 256 * 1024


def _memory(room: int) -> mmap.mmap:
    if sys.platform == "win32":  # which has no other kind
        return mmap.mmap(-1, room)
    return mmap.mmap(-1, room, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


class Buffer:
    """A stretch of a source, in memory of its own.

    That goes back to the system with the upload; what thousands of small pieces leave free, the
    allocator keeps, for each thread anew.
    """

    def __init__(self) -> None:
        self.start = self.end = 0
        """Where the stretch stands in the source."""
        self._memory = _memory(1)

    def restart(self, offset: int, room: int = 1, content: bytes = b"") -> None:
        """Hold `content` alone, which stands at `offset`, in memory of `room` bytes."""
        self._memory.close()
        self._memory = _memory(room)
        self.start = self.end = offset
        self.append(content)

    def make_room(self, size: int) -> None:
        """Have room for so many bytes from `start` on, and not for more."""
        room = max(size, self.end - self.start, 1)
        if room != len(self._memory):
            self.restart(self.start, room, self.read(self.start, room))

    def append(self, piece: bytes) -> None:
        """Hold what comes next in the source; there has to be room for it."""
        at = self.end - self.start
        self._memory[at : at + len(piece)] = piece
        self.end += len(piece)

    def read(self, at: int, most: int) -> bytes:
        """Up to so many bytes that stand there in the source."""
        return self._memory[at - self.start : min(at + most, self.end) - self.start]

    def drop(self, before: int) -> None:
        """Hold nothing any more that stands before there."""
        surplus = min(before, self.end) - self.start
        if surplus > 0:
            self._memory.move(0, surplus, self.end - self.start - surplus)
            self.start += surplus


class Window:
    """Reads a source in order, and gives any part of it from what Drive has acknowledged on.

    The md5 is taken on the way, each byte once. Of a source that is not seekable, the chunk that
    is under way is kept: the caller decides how much that is.
    """

    def __init__(self, source: Source, stop: StopSignal) -> None:
        self.source = source
        self.total = source.size
        """Bytes in all; None: not yet known."""
        self.read = 0
        """How many bytes have been read so far."""
        self.whole = False
        """Whether every byte has been read, and the source ended where it should."""
        self._stop = stop
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._pieces: Iterator[bytes] | None = None
        self._ahead: bytes | None = None  # of a piece that went beyond what was wanted
        self._ended = False  # what was opened; the source may be opened again
        self._kept = Buffer()

    @property
    def md5(self) -> str:
        """The md5 of every byte read so far, in hexadecimal digits."""
        return self._md5.hexdigest()

    def prepare(self) -> None:
        """Have the source begin, so that it sends while Drive is asked for a session."""
        if self._pieces is None and not self.source.seekable:
            self._ahead = next(self._open(0), None)

    def length(self, begin: int, most: int) -> int:
        """How many bytes a chunk from `begin` on has, at most `most`.

        Of a source of unknown size the chunk is read first, and one byte further: Drive wants to
        know whether it is the last.
        """
        if self.total is None:
            self._go_to(begin)
            self._kept.make_room(most + 1)
            while self.total is None and (wanted := begin + most + 1 - self._kept.end) > 0:
                self._read(wanted, keep=True)
        return most if self.total is None else min(most, self.total - begin)

    def pieces(self, begin: int, length: int) -> Iterator[bytes]:
        """`length` bytes from `begin` on, as they arrive.

        Raises:
            SourceFailed: before the last byte, unless the source ends with it: so Drive never
                takes half a file for the file.
        """
        self._go_to(begin)  # now, not once a request waits for its body
        if not self.source.seekable:
            self._kept.make_room(length)
        return self._from(begin, begin + length)

    def finish(self) -> None:
        """Read what is left, for the md5."""
        while not self.whole:
            self._go_to(self.read)
            self._read(_PIECE, keep=False)

    def close(self) -> None:
        """Let the source go."""
        if isinstance(self._pieces, Generator):
            self._pieces.close()
        self._pieces = self._ahead = None
        self._kept.restart(0)

    def _open(self, offset: int) -> Iterator[bytes]:
        self.close()
        self._pieces = self.source.open(offset)
        self._ended = False
        self._kept.restart(offset)
        return self._pieces

    def _go_to(self, begin: int) -> None:
        kept = self._kept
        if self._pieces is None or begin < kept.start:
            # Drive lost bytes, or has them from an earlier run: those are read for the md5.
            self._open(min(begin, self.read) if self.source.seekable else 0)
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
        while at < end or (end == self.total and not self._ended):
            read = self._read(end - at, keep=not self.source.seekable)
            if read is None:
                break
            at += len(read)
            yield read

    def _read(self, most: int, *, keep: bool) -> bytes | None:
        """Up to so many bytes more, hashed; None at the end. If not `keep`, nothing is kept yet."""
        self._stop.check()
        piece = self._next(most)
        end = self._kept.end
        if piece is not None:
            end += len(piece)
            if keep:
                self._kept.append(piece)
            else:
                self._kept.start = self._kept.end = end
            if (new := end - self.read) > 0:
                self._md5.update(piece if new >= len(piece) else memoryview(piece)[-new:])
                self.read = end
            if end != self.total:
                if self.total is not None and end > self.total:
                    raise SourceFailed("more bytes than announced")
                return piece
            if self._next(1) is not None:
                raise SourceFailed("more bytes than announced")
        elif self.total is not None and end < self.total:
            raise SourceFailed("fewer bytes than announced")
        self.total, self._ended, self.whole = end, True, True
        return piece

    def _next(self, most: int) -> bytes | None:
        piece, self._ahead = self._ahead, None
        if piece is None:
            piece = next(self._pieces or iter(()), None)
        if piece is not None and len(piece) > most:
            piece, self._ahead = piece[:most], piece[most:]
        return piece
