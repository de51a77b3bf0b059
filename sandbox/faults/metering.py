"""Slowing down, cutting and altering the bytes of one request, in either direction.

Handlers of both halves read ``request.content`` and answer as usual and know nothing of this: the
fault middleware puts these wrappers around the reader and the writer of a request that a rule or
a rate applies to, and around no other, so that an untroubled request costs nothing extra.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from aiohttp import streams, web
from aiohttp.abc import AbstractStreamWriter

PIECE = 64 * 1024
SLOW = 8_000_000  # bytes a second; a faster line may hold what it likes
_SAVED_UP = 0.02  # seconds of an unused rate that may be caught up with, sleep being inexact


def hold_little(line: socket.socket) -> None:
    """Have the system take in little ahead of who reads: else it swallows a megabyte at once.

    It has acknowledged what it holds: whoever sends could not tell a slow reader from a fast one.
    """
    line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, PIECE)


def read_little_ahead(request: web.Request) -> None:
    """The same of the library, which holds half a megabyte; for this connection."""
    inside: Any = request
    if inside.transport is not None:
        inside.transport.max_size = inside._payload._low_water = PIECE // 2
        inside._payload._high_water = PIECE


class ConnectionCutError(ConnectionResetError):
    """The connection ends here, on purpose."""


class Meter:
    """Counts the bytes of one direction; waits where a rate is set, ends where a cut is set."""

    def __init__(self, rate: float | None, cut_after: int | None):
        self.rate = rate
        self.cut_after = cut_after
        self.passed = 0
        self._due = time.monotonic()

    def allowed(self, size: int) -> int:
        """How many of the next ``size`` bytes may still pass before the cut."""
        return size if self.cut_after is None else max(0, min(size, self.cut_after - self.passed))

    async def count(self, size: int) -> None:
        """Account for ``size`` bytes, keeping to the rate: who was late gets nothing faster."""
        self.passed += size
        if self.rate:
            now = time.monotonic()
            self._due = max(self._due, now - _SAVED_UP) + size / self.rate
            if self._due > now:
                await asyncio.sleep(self._due - now)


class MeteredReader:
    """A request body that arrives slowly, or not whole."""

    def __init__(self, inner: streams.StreamReader, meter: Meter):
        self._inner = inner
        self._meter = meter
        self._cut = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def _passed(self, data: bytes) -> bytes:
        allowed = 0 if self._cut else self._meter.allowed(len(data))
        # Hand on what came before the cut; the next read meets the end of the connection.
        self._cut = self._cut or allowed < len(data)
        if self._cut and not allowed:
            raise ConnectionCutError("cut by the sandbox")
        await self._meter.count(allowed)
        return data[:allowed]

    async def read(self, n: int = -1) -> bytes:
        """Read at most ``n`` bytes; -1 is all of it."""
        if n >= 0:
            return await self._passed(await self._inner.read(min(n, PIECE)) if n else b"")
        return b"".join([piece async for piece in self.iter_any()])

    async def readany(self) -> bytes:
        """Read what is there, at most one piece."""
        return await self._passed(await self._inner.read(PIECE))

    async def readline(self, **options: Any) -> bytes:
        """Read one line."""
        return await self._passed(await self._inner.readline(**options))

    def iter_any(self) -> streams.AsyncStreamIterator[bytes]:
        """Iterate over pieces as they come."""
        return streams.AsyncStreamIterator(self.readany)

    def iter_chunked(self, n: int) -> streams.AsyncStreamIterator[bytes]:
        """Iterate over pieces of at most ``n`` bytes."""
        return streams.AsyncStreamIterator(lambda: self.read(n))


class MeteredWriter:
    """An answer that leaves slowly, or not whole."""

    def __init__(self, inner: AbstractStreamWriter, meter: Meter, cut: Callable[[], None]):
        self._inner = inner
        self._meter = meter
        self._cut = cut

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def write(self, chunk: Any, **_options: Any) -> None:
        """Send a piece of the body."""
        view = memoryview(chunk).cast("B")
        for start in range(0, len(view), PIECE):
            piece = view[start : start + PIECE]
            allowed = self._meter.allowed(len(piece))
            await self._meter.count(allowed)
            if allowed:
                await self._inner.write(bytes(piece[:allowed]))
            if allowed < len(piece):
                await self._inner.drain()
                self._cut()
                raise ConnectionCutError("cut by the sandbox")

    async def write_eof(self, chunk: bytes = b"") -> None:
        """Send the last piece of the body."""
        await self.write(chunk)
        await self._inner.write_eof()


class AlteredWriter:
    """An answer that leaves whole, with something else in its head or its body.

    Options, all of them optional:
        status, content_type, headers: in the place of its own; a header that is None goes.
        body: another one; padded: with blanks, or cut, to the length of its own.
        after_bytes: so much of it, and a polite end.
        gzip: compressed, and said so. chunked: without a Content-Length.
    """

    def __init__(self, inner: AbstractStreamWriter, options: dict[str, Any]):
        self._inner = inner
        self._options = options
        self._status = 200
        self._headers: Any = None
        self._parts: list[bytes] = []
        self._done = False
        self.length: int | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def enable_chunking(self) -> None:
        """Do nothing yet: whether the body is chunked is decided at its end."""

    def send_headers(self) -> None:
        """Do nothing yet: the headers leave with the body."""

    async def write_headers(self, status_line: str, headers: Any) -> None:
        """Keep status and headers until the body is complete."""
        self._status = int(status_line.split(" ")[1])
        self._headers = headers.copy()

    async def write(self, chunk: Any, **_options: Any) -> None:
        """Keep a piece of the body."""
        self._parts.append(bytes(chunk))

    async def write_eof(self, chunk: bytes = b"") -> None:
        """Send the altered answer."""
        if self._done:
            return
        self._done = True
        options, headers = self._options, self._headers
        body = self._body(b"".join((*self._parts, chunk)))
        for name in ("Content-Length", "Transfer-Encoding"):
            headers.popall(name, None)
        if options.get("gzip"):
            headers["Content-Encoding"] = "gzip"
        if "content_type" in options:
            headers["Content-Type"] = options["content_type"]
        if options.get("chunked"):
            headers["Transfer-Encoding"] = "chunked"
            self._inner.enable_chunking()
        else:
            headers["Content-Length"] = str(len(body))
        for name, value in options.get("headers", {}).items():
            headers.popall(name, None)
            if value is not None:
                headers[name] = str(value)
        status = options.get("status", self._status)
        await self._inner.write_headers(f"HTTP/1.1 {status} {HTTPStatus(status).phrase}", headers)
        if body:
            await self._inner.write(body)
        await self._inner.write_eof()

    def _body(self, own: bytes) -> bytes:
        given = self._options.get("body")
        body = own if given is None else str(given).encode()
        if self._options.get("padded"):
            body = body[: len(own)].ljust(len(own))
        body = body[: self._options.get("after_bytes", len(body))]
        return gzip.compress(body) if self._options.get("gzip") else body


class PlainFileResponse(web.FileResponse):
    """A file answer that goes through the writer instead of past it by sendfile()."""

    async def _sendfile(
        self, request: web.BaseRequest, fobj: Any, offset: int, count: int
    ) -> AbstractStreamWriter:
        writer = await super(web.FileResponse, self).prepare(request)
        assert writer is not None  # noqa: S101 - not a HEAD answered before
        await self._sendfile_fallback(writer, fobj, offset, count)
        await super(web.FileResponse, self).write_eof()
        return writer
