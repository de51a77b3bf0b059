"""A proxy for MySQL's protocol: sees every packet, and cuts connections where it is told to.

For connections without TLS, over loopback. A packet has three bytes of length, one of its number in
the conversation, and a body; a client's packet with number 0 is a command, whose first byte says
which. https://mariadb.com/docs/server/reference/clientserver-protocol/0-packet

`python -m tests.database.proxy SERVER --trip 0.02`: the database at that port or socket, as if it
were 20 ms away.
"""

from __future__ import annotations

import argparse
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Literal, Self

LOOPBACK: Final = "127.0.0.1"
LOGIN: Final = "login"
_COMMANDS: Final = {0x01: "QUIT", 0x02: "INIT_DB", 0x0E: "PING", 0x1F: "RESET_CONNECTION"}
COMMANDS: Final = frozenset({LOGIN, *_COMMANDS.values()})
"""What stands in a statement's place where there is none."""
_QUERY: Final = 0x03

When = Literal["before", "after"]


@dataclass(frozen=True, slots=True)
class Packet:
    """One packet that went through, or should have."""

    number: int
    """Of all since `Proxy.watch`, from 1, whatever connection it is of."""
    statement: str
    """What the client says in it, or what is being answered."""
    answer: int
    """0: the client's; n: the server's nth to that statement."""

    def __str__(self) -> str:
        said = f"answer {self.answer} to " if self.answer else ""
        return f"packet {self.number}, {said}{self.statement[:60]!r}"


@dataclass(frozen=True, slots=True)
class Cut:
    """Where a connection ends.

    Before a client's packet the server has not heard of it; after it the server has done what it
    says, and its answer is lost. Before and after a server's packet is about its answer alone.
    """

    number: int
    when: When
    is_lasting: bool = False
    """Whether all connections end, and none is let through before `Proxy.admit`."""


class Proxy:
    """Listens on a port of its own, in threads of its own. A context manager.

    Attributes:
        port: where it listens.
        statements: every statement and command since it began, as it was sent.
        packets: those since `watch`.
        met: the packet at which the connection was cut; None: it has not come yet.
        trip_seconds: how long the way to the server and back takes.
        goes_on: whether what clients say is handed on.
    """

    def __init__(self, server: int | Path, *, trip_seconds: float = 0.0) -> None:
        """
        Args:
            server: the database's port on loopback, or its socket, where it lets nobody in by a
                port without TLS.
        """
        self.statements: list[str] = []
        self.packets: list[Packet] = []
        self.met: Packet | None = None
        self.trip_seconds = trip_seconds
        self._server = server
        self.goes_on = threading.Event()
        self.goes_on.set()
        self._cut: Cut | None = None
        self._is_open = True
        self._connections: set[_Connection] = set()
        self._lock = threading.Lock()
        self._listener = socket.create_server((LOOPBACK, 0), backlog=128)
        self.port: Final[int] = self._listener.getsockname()[1]
        self._accepting = threading.Thread(target=self._accept, daemon=True)

    def __enter__(self) -> Self:
        self._accepting.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._accepting.join()
        self.let_go()
        self.refuse()
        self.wait_for_ends()

    def watch(self, cut: Cut | None = None) -> None:
        """Count packets from here on, and cut as `cut` says."""
        with self._lock:
            self.packets, self.met, self._cut = [], None, cut

    def wait_for_ends(self) -> None:
        """Wait until all connections have ended, and the last words of each are counted."""
        while self._connections:
            time.sleep(0.001)

    def refuse(self) -> None:
        """End all connections, and let none through: the database is away."""
        with self._lock:
            self._is_open = False
            self._end_all()

    def admit(self) -> None:
        """The database is there again."""
        self._is_open = True

    def hold(self) -> None:
        """Let what clients say lie, for as long as it takes: the network is silent."""
        self.goes_on.clear()

    def let_go(self) -> None:
        """Hand it on."""
        self.goes_on.set()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # closed
            try:
                server = _connected(self._server)
            except OSError:
                client.close()
                continue
            connection = _Connection(self, client, server)
            with self._lock:
                if is_open := self._is_open:
                    self._connections.add(connection)
            if is_open:
                connection.start()
            else:
                connection.close()

    def arrived(self, statement: str, answer: int) -> When | None:
        """One more packet is there: whether the connection ends before or after it goes on."""
        with self._lock:
            packet = Packet(len(self.packets) + 1, statement, answer)
            self.packets.append(packet)
            if not answer:
                self.statements.append(statement)
            if self._cut is None or self._cut.number != packet.number:
                return None
            self.met, self._is_open = packet, not self._cut.is_lasting
            return self._cut.when

    def ended(self, connection: _Connection) -> None:
        """A connection is no more; no other is, either, where a cut was to last."""
        with self._lock:
            self._connections.discard(connection)
            if not self._is_open:
                self._end_all()

    def _end_all(self) -> None:
        for connection in self._connections:
            connection.end()


class _Connection:
    """A client's connection, and the one to the server that goes with it."""

    def __init__(self, proxy: Proxy, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._sockets = (client, server)
        for one in self._sockets:
            if one.family == socket.AF_INET:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._statement, self._answers = LOGIN, 0
        self._is_unanswered = False
        self._is_over = False

    def start(self) -> None:
        """Hand packets on, a thread for each direction."""
        threading.Thread(target=self._run, daemon=True).start()

    def end(self) -> None:
        """Hand nothing on any more, whoever waits for it."""
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Give both sides up."""
        for one in self._sockets:
            one.close()

    def _run(self) -> None:
        answering = threading.Thread(target=self._until_it_ends, args=(self._answer,), daemon=True)
        answering.start()
        self._until_it_ends(self._ask)
        answering.join()
        self.close()
        self._proxy.ended(self)

    def _until_it_ends(self, work: Callable[[], None]) -> None:
        with suppress(OSError):  # one side has gone
            work()
        self.end()

    def _ask(self) -> None:
        client, server = self._sockets
        for head, body in _packets(client):
            if head[3] == 0:
                self._statement = _statement(body)
            self._answers = 0
            time.sleep(self._proxy.trip_seconds)
            self._proxy.goes_on.wait()
            ends = self._proxy.arrived(self._statement, 0)
            if ends == "before" or self._is_over:
                return
            self._is_unanswered = ends == "after"
            server.sendall(head + body)

    def _answer(self) -> None:
        client, server = self._sockets
        for head, body in _packets(server):
            if self._is_unanswered:  # by its answer, the server has done what it was told
                return
            self._answers += 1
            ends = self._proxy.arrived(self._statement, self._answers)
            if ends == "before":
                return
            self._is_over = ends == "after"  # ahead of whatever the client says to this
            client.sendall(head + body)
            if self._is_over:
                return


def _connected(server: int | Path) -> socket.socket:
    if isinstance(server, int):
        return socket.create_connection((LOOPBACK, server))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(str(server))
    return connection


def _packets(source: socket.socket) -> Iterator[tuple[bytes, bytes]]:
    """Heads and bodies, until the other side ends."""
    with source.makefile("rb") as stream:
        while len(head := stream.read(4)) == 4:
            yield head, stream.read(int.from_bytes(head[:3], "little"))


def _statement(body: bytes) -> str:
    """What a command says: a query's text, else the command's name."""
    if body[0] == _QUERY:
        return body[1:].decode("utf-8", "backslashreplace")
    return _COMMANDS.get(body[0], f"command {body[0]}")


def main() -> None:
    """Stand before a database until the standard input ends; say the port first."""
    parser = argparse.ArgumentParser(prog="python -m tests.database.proxy", description=__doc__)
    parser.add_argument("server", help="the database's port, or the path of its socket")
    parser.add_argument("--trip", type=float, default=0.0, help="seconds to the server and back")
    chosen = parser.parse_args()
    server = int(chosen.server) if chosen.server.isdigit() else Path(chosen.server)
    with Proxy(server, trip_seconds=chosen.trip) as proxy:
        print(proxy.port, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
