"""Answers that are as large as they may be, and take as long, and no more.

httplib2 reads an answer whole before anybody has seen how long it is; a few kB of gzip can be
taken for gigabytes of zeros, and who sends a byte now and then meets every time-out.
"""

from __future__ import annotations

import io
import time
import zlib
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any, Final

from security.errors import OperatorFault

MOST_BYTES: Final = 16 * 1024 * 1024
MOST_SECONDS: Final = 300.0
_PIECE: Final = 64 * 1024
_GZIP_OR_ZLIB: Final = 47
"""zlib's word for it."""


class AnswerTooLarge(OperatorFault):
    """There is more of the answer than there may be; the rest was not read. Asked again, it would
    be no smaller."""

    default_code = "not_json"


class Damaged(HTTPException):
    """The answer is not compressed as it says, or not as it was asked to be."""


class BoundedResponse(HTTPResponse):
    """The standard library's, which takes off the compression by itself as it reads."""

    def __init__(self, *args: Any, most_bytes: int, most_seconds: float, **options: Any) -> None:
        """
        Args:
            most_bytes: of the body, unpacked.
            most_seconds: from now on, its head included.
        """
        super().__init__(*args, **options)
        self._most = most_bytes
        self.fp: Any = io.BufferedReader(_InTime(self.fp.detach(), most_seconds))

    def read(self, amt: int | None = None) -> bytes:
        """All of the answer's body.

        Raises:
            AnswerTooLarge: it is larger than it may be.
            HTTPException: it ends too early, or cannot be decompressed.
            TimeoutError: it is not there in time.
        """
        if amt is not None:
            return super().read(amt)
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("gzip", "deflate", "identity"):
            raise Damaged("not asked for")
        unpack = None if coding == "identity" else zlib.decompressobj(_GZIP_OR_ZLIB)
        found = bytearray()
        is_empty = True
        while piece := super().read(_PIECE):
            is_empty = False
            try:
                # One byte more than it may be tells that there is more.
                found += unpack.decompress(piece, self._most + 1 - len(found)) if unpack else piece
            except zlib.error:
                raise Damaged("no gzip") from None
            if len(found) > self._most:
                raise AnswerTooLarge(f"the answer is larger than {self._most // 1024} KiB")
        if self.length or not (is_empty or unpack is None or unpack.eof):
            raise IncompleteRead(b"")
        if unpack is not None:  # as httplib2 has it after what it unpacks itself
            del self.headers["content-encoding"], self.headers["content-length"]
            self.headers["-content-encoding"] = coding
            self.headers["content-length"] = str(len(found))
        return bytes(found)


class _InTime(io.RawIOBase):
    """What comes over a socket, as long as there is time."""

    def __init__(self, raw: io.RawIOBase, seconds: float) -> None:
        self._raw = raw
        self._ends = time.monotonic() + seconds

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """As the socket; each step of that may take as long as its time-out."""
        if time.monotonic() > self._ends:
            raise TimeoutError("the answer takes too long")
        return self._raw.readinto(buffer)

    def close(self) -> None:
        """Let the socket go as well."""
        self._raw.close()
        super().close()
