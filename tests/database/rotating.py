"""A token endpoint that is strict: each refresh gives a new refresh token and ends the one before.

So whoever refreshes an owner twice, or loses what a refresh gave, is found out. Refresh tokens name
owner and turn: `1--7-3` is the fourth of owner 7. Each process asks at a path of its own.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

from security.credential import DRIVE_FILE_SCOPE

_REQUEST: Final = re.compile(rb"POST /(\w+)/token ")
_TOKEN: Final = re.compile(rb"refresh_token=1--([0-9]+)-([0-9]+)")
_QUIET_SECONDS: Final = 0.3
_LENGTH: Final = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


def refresh_token(number: int, turn: int) -> str:
    """The owner's token of this turn."""
    return f"1--{number}-{turn}"


class RotatingEndpoint:
    """What Google knows, and how it treats whom.

    Attributes:
        turns: the turn of each owner's token that is good; all begin with 0.
        stale: how often an owner's token was presented whose turn was over.
        asked: how many requests each process has made.
        rejects: whether every grant has ended.
        latency: seconds until an answer.
    """

    def __init__(self, latency: float = 0.0) -> None:
        self.url = ""
        self.turns: Counter[int] = Counter()
        self.stale: Counter[int] = Counter()
        self.asked: Counter[str] = Counter()
        self.rejects = False
        self.latency = latency
        self._withheld: dict[str, list[Callable[[], None]]] = {}
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[RotatingEndpoint]:
        """Answer on loopback."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: _Conversation(self), "127.0.0.1", 0, backlog=1024)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with server:
            yield self

    def withhold(self, process: str) -> None:
        """From now on this process's requests lie there: nothing is done about them."""
        self._withheld.setdefault(process, [])

    async def has_withheld(self, process: str, count: int) -> None:
        """Wait until so many of its requests lie there, or more, and no further one comes."""
        while len(self._withheld[process]) < count:
            self._changed.clear()
            await self._changed.wait()
        with suppress(TimeoutError):
            while True:
                self._changed.clear()
                await asyncio.wait_for(self._changed.wait(), _QUIET_SECONDS)

    async def has_refreshed(self, count: int) -> None:
        """Wait until so many owners have been refreshed."""
        while len(self.turns) < count:
            self._changed.clear()
            await self._changed.wait()

    def answer_withheld(self, process: str) -> int:
        """Do what they ask, and answer; how many there were."""
        answers = self._withheld.pop(process)
        for answer in answers:
            answer()
        return len(answers)

    def forget_withheld(self, process: str) -> None:
        """They have never arrived."""
        self._withheld.pop(process)

    def take(self, process: str, request: bytes, answer: Callable[[bytes], None]) -> None:
        """A whole request."""
        self.asked[process] += 1

        def do() -> None:
            answer(self._done(request))

        if process in self._withheld:
            self._withheld[process].append(do)
            self._changed.set()
        elif self.latency:
            asyncio.get_running_loop().call_later(self.latency, do)
        else:
            do()

    def _done(self, request: bytes) -> bytes:
        found = _TOKEN.search(request)
        if found is None or self.rejects:
            return _response("400 Bad Request", {"error": "invalid_grant"})
        number, turn = int(found[1]), int(found[2])
        if turn != self.turns[number]:
            self.stale[number] += 1
            return _response("400 Bad Request", {"error": "invalid_grant"})
        self.turns[number] += 1
        self._changed.set()
        return _response(
            "200 OK",
            {
                "access_token": f"ya29.{number}-{self.turns[number]}",
                "refresh_token": refresh_token(number, self.turns[number]),
                "expires_in": 3599,
                "scope": DRIVE_FILE_SCOPE,
                "token_type": "Bearer",
            },
        )


class _Conversation(asyncio.Protocol):
    """One connection; requests come one after the other."""

    def __init__(self, endpoint: RotatingEndpoint) -> None:
        self._endpoint = endpoint
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if not found or len(body) < (int(length[1]) if length else 0):
            return
        asking = _REQUEST.match(head)
        request, self._buffer = body, b""
        process = asking[1].decode("ascii") if asking else ""
        self._endpoint.take(process, request, self._transport.write)


def _response(status: str, document: dict[str, Any]) -> bytes:
    body = json.dumps(document)
    return (
        f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    ).encode("ascii")
