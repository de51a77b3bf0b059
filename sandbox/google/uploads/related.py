"""Reading multipart/related, the body of multipart uploads (RFC 2387), without holding it.

Google's Python client ends its lines with a bare LF, which Google takes and aiohttp's own reader
does not; so the line ending of the first boundary counts for the whole body.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.parser import BytesHeaderParser

from aiohttp import web

from sandbox.google.errors import DriveRefusal

_LONGEST_HEAD = 64 * 1024
_LONGEST_METADATA = 1024 * 1024


def malformed() -> DriveRefusal:
    """400 for a body whose parts cannot be told."""
    return DriveRefusal(400, "badContent", "Malformed multipart body.")


class RelatedReader:
    """The parts of one request, in their order, each to be read to its end before the next."""

    def __init__(self, request: web.Request):
        boundary = _boundary(request.headers.get("Content-Type", ""))
        self._content = request.content
        self._buffer = bytearray()
        self._marker = b"--" + boundary
        self._newline = b"\r\n"
        self._end = False

    async def _more(self) -> bool:
        piece = await self._content.readany()
        self._buffer += piece
        return bool(piece)

    async def _line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > _LONGEST_HEAD or not await self._more():
                raise malformed()
        line = bytes(self._buffer[: end + 1])
        del self._buffer[: end + 1]
        return line

    async def open(self) -> None:
        """Find the first boundary."""
        while not (line := await self._line()).startswith(self._marker):
            pass
        self._newline = b"\r\n" if line.endswith(b"\r\n") else b"\n"

    async def headers(self) -> dict[str, str]:
        """The headers of the next part, names in lower case."""
        if self._end:
            raise malformed()
        head = bytearray()
        while (line := await self._line()).strip():
            head += line
            if len(head) > _LONGEST_HEAD:
                raise malformed()
        parsed = BytesHeaderParser().parsebytes(bytes(head))
        return {name.lower(): str(value) for name, value in parsed.items()}

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body of the part, up to the boundary that ends it."""
        marker = self._newline + self._marker
        while (end := self._buffer.find(marker)) < 0:
            if (safe := len(self._buffer) - len(marker)) > 0:
                yield bytes(self._buffer[:safe])
                del self._buffer[:safe]
            if not await self._more():
                raise malformed()
        if end:
            yield bytes(self._buffer[:end])
        del self._buffer[: end + len(marker)]
        while len(self._buffer) < 2 and await self._more():
            pass
        self._end = self._buffer.startswith(b"--")
        if not self._end:
            await self._line()

    async def small(self) -> bytes:
        """The whole body of a part that has to be small."""
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if len(body) > _LONGEST_METADATA:
                raise malformed()
        return bytes(body)


def _boundary(content_type: str) -> bytes:
    parsed = BytesHeaderParser().parsebytes(f"Content-Type: {content_type}\n\n".encode())
    boundary = parsed.get_boundary()
    if parsed.get_content_maintype() != "multipart" or not boundary:
        raise DriveRefusal(400, "badContent", "Multipart must have content type multipart/*.")
    return boundary.encode()
