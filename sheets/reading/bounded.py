"""Connections whose answers are as large as one look may take, and no larger.

httplib2 reads an answer whole before anybody has seen how long it is, and a few kB of gzip can be
taken for gigabytes of zeros.
"""

from __future__ import annotations

import zlib
from http.client import HTTPException, HTTPResponse, IncompleteRead
from typing import Any, Final

import httplib2

from drive.connection import Http
from security.google.network import DIRECT, Network
from sheets.answer import MAX_BODY

_PIECE: Final = 64 * 1024
_GZIP: Final = 31
"""zlib's word for it."""


class TooLarge(Exception):
    """There is more of the answer than `MAX_BODY`; the rest was not read."""


class Damaged(HTTPException):
    """The answer is not compressed as it says, or not as it was asked to be."""


class BoundedHttp(Http):
    """Connections for one thread at a time. Redirects are not followed: the token in a request is
    for this host alone."""

    def __init__(self, network: Network = DIRECT) -> None:
        super().__init__(network)
        self.follow_redirects = False

    def _conn_request(self, conn: Any, *args: Any) -> tuple[httplib2.Response, bytes]:
        conn.response_class = _BoundedResponse
        return super()._conn_request(conn, *args)


class _BoundedResponse(HTTPResponse):
    """The standard library's, which takes off the compression by itself as it reads."""

    def read(self, amt: int | None = None) -> bytes:
        """All of the answer's body.

        Raises:
            TooLarge: it is larger than it may be.
            HTTPException: it ends too early, or cannot be decompressed.
        """
        if amt is not None:
            return super().read(amt)
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        if coding not in ("gzip", "identity"):
            raise Damaged("not asked for")
        unpack = zlib.decompressobj(_GZIP) if coding == "gzip" else None
        found = bytearray()
        while piece := super().read(_PIECE):
            try:
                # One byte more than it may be tells that there is more.
                found += unpack.decompress(piece, MAX_BODY + 1 - len(found)) if unpack else piece
            except zlib.error:
                raise Damaged("no gzip") from None
            if len(found) > MAX_BODY:
                raise TooLarge
        if self.length or (unpack is not None and not unpack.eof):
            raise IncompleteRead(b"")
        del self.headers["content-encoding"]
        return bytes(found)
