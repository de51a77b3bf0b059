"""Serves an app on a host and port beside everything else in this process."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final, cast

import uvicorn
from starlette.types import ASGIApp

from looks.connections import PATIENCE_SECONDS, Connection, Waiting
from web.connections import OneLength, most_connections

LAST_ANSWERS_SECONDS: Final = 1
_AT_ONCE: Final = 64
"""How many connections are taken before others' turn comes: so many more than the port may hold."""
_IN_LINE: Final = 1024


class _Server(uvicorn.Server):
    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for listener in sockets or []:
            # asyncio has one number for both; whoever is not taken yet may wait in line.
            listener.listen(_IN_LINE)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # signals are the process's own: the bot stops first


def listen(host: str, port: int) -> socket.socket:
    """Take the port; uvicorn would end the process where it is taken.

    Raises:
        OSError: nothing can listen there.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio sends at once (TCP_NODELAY) where the protocol is named; else the second half of an
    # answer waits 40 ms for the other side to say that it has the first.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
    except OSError:
        listener.close()
        raise
    return listener


@asynccontextmanager
async def serving(
    app: ASGIApp,
    listener: socket.socket,
    *,
    patience_seconds: float = PATIENCE_SECONDS,
    most: int | None = None,
    last_answers_seconds: int = LAST_ANSWERS_SECONDS,
) -> AsyncIterator[None]:
    """Serve `app` at `listener`, which is closed at the end, before answers under way have gone.

    Args:
        last_answers_seconds: how long they have; then they are cut short.
        patience_seconds: how long a connection may be open without asking for anything.
        most: how many connections there may be; None: as many as the process can afford.
    """
    waiting = Waiting(most or most_connections(), patience_seconds)
    server = _Server(
        uvicorn.Config(
            OneLength(app),
            log_config=None,  # uvicorn's own would send its lines past the redaction
            access_log=False,
            # A class, to uvicorn; it is only ever called.
            http=cast(Any, partial(Connection, waiting=waiting)),
            ws="none",
            timeout_keep_alive=int(patience_seconds),
            proxy_headers=False,  # nobody here asks for the client's address
            server_header=False,
            backlog=_AT_ONCE,
            lifespan="off",
            timeout_graceful_shutdown=last_answers_seconds,
        )
    )
    listener.listen(_IN_LINE)  # whoever comes before it is up waits, and is not refused
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await task
        listener.close()
