"""Computers that ask for a token over and over. `python -m bench.web.load`.

It costs as little as can be: what is measured is whoever answers. One request at a time on each
connection, which is kept.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from bench.child import Json, serve
from bench.http import is_whole
from bench.web.ports import HOST


@dataclass
class Load:
    """So many requests, and what has come of them."""

    request: bytes
    token: bytes
    left: int
    good: int = 0
    """Answers that were 200 and held the token."""
    wrong: str = ""
    """Another one, the last of them."""


class Computer(asyncio.Protocol):
    """One connection."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self._answer = bytearray()
        self._transport: asyncio.Transport | None = None
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask the first time."""
        if isinstance(transport, asyncio.Transport):
            self._transport = transport
            self._ask()

    def data_received(self, data: bytes) -> None:
        """Look at the answer once it is whole, and ask again."""
        self._answer += data
        if not is_whole(self._answer):
            return
        if self._answer.startswith(b"HTTP/1.1 200 ") and self._load.token in self._answer:
            self._load.good += 1
        else:
            self._load.wrong = self._answer.decode("latin-1")
        self._answer.clear()
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        """All are answered, or the other side had enough."""
        if not self.done.done():
            self.done.set_result(None)

    def _ask(self) -> None:
        if self._transport is None:
            return
        if self._load.left:
            self._load.left -= 1
            self._transport.write(self._load.request)
        else:
            self._transport.close()


async def run(port: int, load: Load, connections: int) -> float:
    """Ask them all; seconds until the last answer."""
    loop = asyncio.get_running_loop()
    began = time.perf_counter()
    computers = [
        (await loop.create_connection(lambda: Computer(load), HOST, port))[1]
        for _ in range(connections)
    ]
    await asyncio.gather(*(computer.done for computer in computers))
    return time.perf_counter() - began


async def main() -> None:
    """Answer "load" until there are no more commands."""

    async def answer(command: Json) -> Json:
        load = Load(
            command["request"].encode("ascii"), command["token"].encode("ascii"), command["count"]
        )
        seconds = await run(command["port"], load, command["connections"])
        return {"seconds": seconds, "good": load.good, "wrong": load.wrong}

    await serve({}, answer)


if __name__ == "__main__":
    asyncio.run(main())
