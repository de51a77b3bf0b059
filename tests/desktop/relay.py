"""Stands before the cloud or before Drive: writes down what goes by, and holds it on demand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Relay:
    """One that runs. Each names itself where the other side names itself, in both directions."""

    host: str
    """Its own, as `host:port`."""
    to: str
    others: tuple[Relay, ...] = ()
    """What is said of what stands behind these is said of these."""
    asked: bytearray = field(default_factory=bytearray)
    """All that was sent there."""
    answered: bytearray = field(default_factory=bytearray)
    """All that came back."""
    goes: asyncio.Event = field(default_factory=asyncio.Event)
    """Unset: whoever asks is held, as by a host that wakes what is behind it."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://{self.host}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        await self.goes.wait()
        host, port = self.to.split(":")
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pipe(reader, there_writer, is_asked=True))
            group.create_task(self._pipe(there_reader, writer, is_asked=False))

    async def _pipe(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, *, is_asked: bool
    ) -> None:
        try:
            while piece := await source.read(65536):
                (self.asked if is_asked else self.answered).extend(piece)
                for relay in (self, *self.others):  # ports are of five digits: as long as before
                    here, there = relay.host.encode(), relay.to.encode()
                    piece = piece.replace(*((here, there) if is_asked else (there, here)))
                sink.write(piece)
                await sink.drain()
        except ConnectionError:
            pass  # whoever asked was killed, or the other side dropped it
        finally:
            sink.close()


@asynccontextmanager
async def relay(to: str, *others: Relay) -> AsyncIterator[Relay]:
    """`async with relay(web.url) as cloud:`

    Args:
        to: an address, http://host:port.
    """
    host, port = to.partition("//")[2].split(":")
    made: list[Relay] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await made[0].serve(reader, writer)

    async with await asyncio.start_server(serve, host, 0) as server:
        own = server.sockets[0].getsockname()[1]
        made.append(Relay(f"{host}:{own}", f"{host}:{port}", others))
        made[0].goes.set()
        yield made[0]
