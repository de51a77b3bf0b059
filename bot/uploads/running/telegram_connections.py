"""Connections to Telegram's file server, which whoever stops an upload cuts at once.

httpx waits for a socket in the thread that asks, and has nothing that would end this from another
one. What it waits with can be replaced (https://www.encode.io/httpcore/network-backends/), and is
handed each request's time-outs as they were given: here they bring the signal along.
"""

from __future__ import annotations

import os
import socket
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpcore
import httpx
from httpcore._backends.sync import SyncStream

from bot.delivery.telegram_request import httpx_options
from security.google import sockets
from security.google.network import Network
from upload import StopSignal

_SECONDS: Final = 30.0


class _Limit(float):
    """Seconds that a step may take; the signal ends it sooner."""

    stop: StopSignal


def stoppable(stop: StopSignal) -> httpx.Timeout:
    """The time-outs of a request, each step of which `stop` ends at once with a network error."""
    limit = _Limit(_SECONDS)
    limit.stop = stop
    return httpx.Timeout(limit)


def download_client(network: Network, server: str) -> httpx.Client:
    """For every file from the server at this address: threads share its connections."""
    headers = {"Accept-Encoding": "identity"}  # compressed bytes could not be counted
    options = httpx_options(network, server)
    transport = httpx.HTTPTransport(**options)
    transport._pool._network_backend = _Backend()  # httpx has no setting for it
    return httpx.Client(headers=headers, transport=transport, trust_env=False)


@contextmanager
def _cutting(limit: float | None, found: Callable[[], Iterable[socket.socket]]) -> Iterator[None]:
    """A step that ends, with a network error, when these are cut."""
    if not isinstance(limit, _Limit):
        yield
        return

    def cut() -> None:
        for one in found():
            sockets.cut(one)

    with limit.stop.waking(cut):
        yield


class _Backend(httpcore.NetworkBackend):
    """httpcore's own, but for the signal."""

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, *_: Any, **__: Any
    ) -> httpcore.NetworkStream:
        """
        Args:
            timeout: in seconds, for each address of the host.

        Raises:
            httpcore.ConnectTimeout, httpcore.ConnectError: there is no connection.
        """
        opened: list[socket.socket] = []

        def show(one: socket.socket) -> None:
            opened.append(one)
            if isinstance(timeout, _Limit) and timeout.stop.is_set():
                raise ConnectionAbortedError("cut")

        try:
            with _cutting(timeout, lambda: opened):
                return _Stream(SyncStream(sockets.connect((host, port), timeout, show)))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(error) from error
        except OSError as error:
            raise httpcore.ConnectError(error) from error


class _Stream(httpcore.NetworkStream):
    """httpcore's own, but for the signal."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._socket: socket.socket = inner.get_extra_info("socket")

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """As the base class."""
        with _cutting(timeout, lambda: (self._socket,)):
            return self._inner.read(max_bytes, timeout)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """As the base class."""
        with _cutting(timeout, lambda: (self._socket,)):
            self._inner.write(buffer, timeout)

    def close(self) -> None:
        """As the base class."""
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        """As the base class."""
        # A socket that shakes hands cannot be reached; its connection can, by another number.
        with (
            socket.socket(fileno=os.dup(self._socket.fileno())) as same,
            _cutting(timeout, lambda: (same,)),
        ):
            return _Stream(self._inner.start_tls(ssl_context, server_hostname, timeout))

    def get_extra_info(self, info: str) -> Any:
        """As the base class."""
        return self._inner.get_extra_info(info)
