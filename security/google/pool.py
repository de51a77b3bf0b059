"""Connections that are kept open for the next call."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import httplib2

from security.google import sockets

IDLE_SECONDS: Final = 30.0


class ConnectionPool:
    """Connections that calls have done with, for the next ones: opening one takes round trips.

    Whose the next call is does not matter: a token goes with each request, not with a connection.
    Any thread may use this.
    """

    def __init__(self, connect: Callable[[], httplib2.Http]) -> None:
        """
        Args:
            connect: makes new ones.
        """
        self._connect = connect
        self._idle: deque[tuple[float, httplib2.Http]] = deque()
        """Since when (monotonic), the longest first."""
        self._lock = threading.Lock()
        self._closed = False

    def acquire(self) -> httplib2.Http:
        """The connection used last, if it is still good; else a new one."""
        while True:
            with self._lock:
                if not self._idle:
                    return self._connect()
                since, http = self._idle.pop()
            if time.monotonic() - since < IDLE_SECONDS and not _has_ended(http):
                return http
            http.close()

    def release(self, http: httplib2.Http) -> None:
        """Keep a connection after a call that ended well: it holds nothing more of an answer."""
        with self._lock:
            self._idle.append((time.monotonic(), http))
        self.close_idle(0 if self._closed else IDLE_SECONDS)

    def close_idle(self, seconds: float = IDLE_SECONDS) -> None:
        """Close the connections that nobody has used for so many seconds."""
        while True:
            with self._lock:
                if not self._idle or time.monotonic() - self._idle[0][0] < seconds:
                    return
                _, http = self._idle.popleft()
            http.close()

    def close(self) -> None:
        """Close all idle connections, also those that are released from here on."""
        self._closed = True
        self.close_idle(0)


def _has_ended(http: httplib2.Http) -> bool:
    """Whether the other side has closed: there is something to read before anything was asked."""
    found = [one.sock for one in http.connections.values() if one.sock is not None]
    return sockets.have_arrivals(found)
