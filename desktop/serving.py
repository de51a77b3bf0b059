"""The page's port, at both addresses by which this machine reaches itself."""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from typing import Any, Final, cast

import uvicorn
from starlette.types import ASGIApp

from looks.connections import PATIENCE_SECONDS, Connection, Waiting

_TRIED: Final = 20
_LAST: Final = 65535
_TAKEN: Final = frozenset({errno.EADDRINUSE, errno.EACCES})
_MOST: Final = 128
"""Connections: other accounts of this machine can open them as well, and files want descriptors."""
_AT_ONCE: Final = 32
"""How many are taken before others' turn comes."""
_NO_SUCH: Final = frozenset({errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT})


class NoPort(OSError):
    """None of those that were tried can be had; its `strerror` is the last one's."""

    def __init__(self, number: int, reason: str, tried: range) -> None:
        super().__init__(number, reason)
        self.tried = tried


def listen(port: int) -> tuple[int, Sequence[socket.socket]]:
    """The first port from this one on that is free at both addresses; 0: any.

    Somebody else on this machine may hold one of the two: a browser would ask them.

    Raises:
        NoPort: none of twenty is.
        OSError: nothing can listen here.
    """
    tries = range(port, min(port + _TRIED, _LAST + 1))
    last = OSError()
    for tried in tries if port else [0] * _TRIED:
        try:
            return _both(tried)
        except OSError as error:
            if error.errno not in _TAKEN:
                raise
            last = error
    raise NoPort(last.errno or 0, last.strerror or "", tries)


def _both(port: int) -> tuple[int, Sequence[socket.socket]]:
    first = _listening(socket.AF_INET, "127.0.0.1", port)
    port = first.getsockname()[1]
    try:
        return port, (first, _listening(socket.AF_INET6, "::1", port))
    except OSError as error:
        if error.errno in _NO_SUCH:  # then nobody else can have it either
            return port, (first,)
        first.close()
        raise


def _listening(family: socket.AddressFamily, host: str, port: int) -> socket.socket:
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        if sys.platform == "win32":  # there another program could listen beside us otherwise
            found.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        else:
            found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family is socket.AF_INET6:
            found.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        found.bind((host, port))
        found.listen(128)
    except OSError:
        found.close()
        raise
    return found


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield  # they are the process's own


@asynccontextmanager
async def serving(app: ASGIApp, listeners: Sequence[socket.socket]) -> AsyncIterator[None]:
    """Serve `app` for as long as this is entered."""
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,  # uvicorn's own would send its lines past the redaction
            access_log=False,
            # A class, to uvicorn; it is only ever called.
            http=cast(Any, partial(Connection, waiting=Waiting(_MOST, PATIENCE_SECONDS))),
            ws="none",
            timeout_keep_alive=int(PATIENCE_SECONDS),
            backlog=_AT_ONCE,
            proxy_headers=False,
            server_header=False,
            lifespan="off",
            timeout_graceful_shutdown=1,
        )
    )
    task = asyncio.create_task(server.serve(sockets=list(listeners)))
    try:
        yield
    finally:
        server.should_exit = True
        await task
        for listener in listeners:
            listener.close()
