"""A token endpoint that costs as little as can be: what is measured is whoever asks it.

`python -m bench.endpoint SECONDS_OF_LATENCY [SECONDS_OF_LIFE]`, the latter of its access tokens.
HTTP/1.1 with keep-alive, one request at a time on a connection, as the contenders ask; every
refresh token is good, and every answer brings a token of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
from typing import Final

from bench.child import Json, serve
from bench.http import is_whole

EXPIRES_IN: Final = 600
"""Seconds, unless told otherwise. Less than the lead of fifteen minutes: whoever has been refreshed
is due again."""
_PADDING: Final = "x" * 200  # Google's access tokens have about this length


def access_token(number: int) -> str:
    """The one that an answer brings, by how many were answered before it."""
    return f"ya29.{number:012d}{_PADDING}"


class TokenEndpoint(asyncio.Protocol):
    """One connection."""

    answered = itertools.count()
    latency = 0.0
    expires_in = EXPIRES_IN

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep it: answers may be late."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there to be answered."""
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Answer once the whole request has come."""
        self._buffer += data
        if not is_whole(self._buffer):
            return
        is_refresh = b"grant_type=refresh_token" in self._buffer
        self._buffer.clear()
        if self.latency:
            asyncio.get_running_loop().call_later(self.latency, self._answer, is_refresh)
        else:
            self._answer(is_refresh)

    def _answer(self, is_refresh: bool) -> None:
        if self._transport is None:
            return
        if is_refresh:
            status, document = (
                "200 OK",
                {
                    "access_token": access_token(next(self.answered)),
                    "expires_in": self.expires_in,
                    "scope": "https://www.googleapis.com/auth/drive.file",
                    "token_type": "Bearer",
                },
            )
        else:
            status, document = "400 Bad Request", {"error": "unsupported_grant_type"}
        body = json.dumps(document).encode("ascii")
        head = (
            f"HTTP/1.1 {status}\r\nContent-Type: application/json; charset=utf-8\r\n"
            f"Cache-Control: no-cache, no-store\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self._transport.write(head.encode("ascii") + body)


async def main() -> None:
    """Serve until there are no more commands."""
    latency, *life = sys.argv[1:]
    TokenEndpoint.latency = float(latency)
    if life:
        TokenEndpoint.expires_in = int(life[0])
    loop = asyncio.get_running_loop()
    server = await loop.create_server(TokenEndpoint, "127.0.0.1", 0, backlog=1024)
    port = server.sockets[0].getsockname()[1]

    async def answer(_: Json) -> Json:
        """How many refreshes have been answered since this was last asked."""
        answered = next(TokenEndpoint.answered)
        TokenEndpoint.answered = itertools.count()
        return {"answered": answered}

    async with server:
        await serve({"url": f"http://127.0.0.1:{port}"}, answer)


if __name__ == "__main__":
    asyncio.run(main())
