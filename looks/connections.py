"""Connections that ask for nothing: closed after a while, and the first to go where room is short.

Whoever reaches the port can open as many as they like. uvicorn waits for their first byte for ever,
as it does until an answer is read, and has no limit but one that answers 503 to health checks, too
(`limit_concurrency`).
"""

from __future__ import annotations

import asyncio
from typing import Any, Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

PATIENCE_SECONDS: Final = 10.0
"""From a connection's opening, or its last answer, to the end of its next request's head."""
_SLOWEST: Final = 1024
"""Bytes of an answer in a second: whoever reads less of it keeps the process's memory for nothing.
"""


class Waiting:
    """The connections of a port that have no request under way, those that wait longest first."""

    def __init__(self, most: int, patience_seconds: float) -> None:
        self._most = most
        self._patience_seconds = patience_seconds
        self._timers: dict[Connection, asyncio.TimerHandle] = {}

    def add(self, connection: Connection) -> None:
        """It waits from now on. Where the port holds too many, the one that waits longest goes."""
        self.discard(connection)
        timer = connection.loop.call_later(self._patience_seconds, self._close, connection)
        self._timers[connection] = timer
        oldest = next(iter(self._timers))
        if len(connection.connections) > self._most and oldest is not connection:
            self._close(oldest)

    @property
    def patience_seconds(self) -> float:
        """How long a connection may keep the process waiting."""
        return self._patience_seconds

    def discard(self, connection: Connection) -> None:
        """It waits no longer."""
        if (timer := self._timers.pop(connection, None)) is not None:
            timer.cancel()

    def _close(self, connection: Connection) -> None:
        self.discard(connection)
        connection.transport.abort()  # `close` would wait for whoever does not read


class Connection(H11Protocol):
    """uvicorn's, whose waits for a request are bounded."""

    def __init__(self, *args: Any, waiting: Waiting, **options: Any) -> None:
        super().__init__(*args, **options)
        self._waiting = waiting
        self._unread: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """As uvicorn's."""
        super().connection_made(transport)
        self._waiting.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """As uvicorn's."""
        self._waiting.discard(self)
        self._stop_looking()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """As uvicorn's; from here on it is looked how the answer is read."""
        super().pause_writing()
        self._look_again(self.transport.get_write_buffer_size())

    def resume_writing(self) -> None:
        """As uvicorn's."""
        self._stop_looking()
        super().resume_writing()

    def _look_again(self, unread: int) -> None:
        seconds = self._waiting.patience_seconds
        self._unread = self.loop.call_later(seconds, self._look, unread - _SLOWEST * seconds)

    def _look(self, most: float) -> None:
        unread = self.transport.get_write_buffer_size()
        if unread > most:
            self.transport.abort()
        else:
            self._look_again(unread)

    def _stop_looking(self) -> None:
        if self._unread is not None:
            self._unread.cancel()
            self._unread = None

    def handle_events(self) -> None:
        """As uvicorn's; with a complete head a request is under way."""
        super().handle_events()
        if self.cycle is not None and not self.cycle.response_complete:
            self._waiting.discard(self)

    def send_400_response(self, msg: str) -> None:
        """As uvicorn's, where a body that turns out to be none follows a good head as well.

        Then the handler still answers, or has: h11 takes no second answer, and uvicorn would log
        a traceback for each such request, which anybody can send.
        """
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.transport.abort()

    def on_response_complete(self) -> None:
        """As uvicorn's, which goes on with the next request, if it has come already."""
        if not self.transport.is_closing():
            self._waiting.add(self)
        super().on_response_complete()
