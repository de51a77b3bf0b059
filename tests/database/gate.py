"""What may stand between a process and its database: it listens in, cuts, and answers itself.

Behind a socket the protocol is plain, so a gate there sees each command; by TCP it sees the
server's greeting, and what a client makes of it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

QUERY: Final = 3
"""COM_QUERY: https://mariadb.com/kb/en/com_query/"""
_SSL: Final = 0x800
"""CLIENT_SSL among the server's capabilities."""
_SECONDS: Final = 30

Judge = Callable[[bytes], "Verdict"]
"""Given a statement, says what becomes of it."""


class Verdict:
    """What becomes of a statement: it passes."""


class Cut(Verdict):
    """The connection ends before the server has it."""


class CutAfter(Verdict):
    """The server has it and answers, and nobody hears the answer."""


class Answer(Verdict):
    """The server never has it, and the client hears of an error."""

    def __init__(self, number: int, says: str = "made up") -> None:
        text = b"\xff" + struct.pack("<H", number) + b"#HY000" + says.encode()
        self.packet = len(text).to_bytes(3, "little") + b"\x01" + text


PASS: Final = Verdict()


class Gate:
    """A listener that leads on to a server; closed, it cuts all that goes through it."""

    def __init__(self, listening: socket.socket, onward: Callable[[], socket.socket]) -> None:
        self.judge: Judge = lambda statement: PASS
        self.strips_tls = False
        self.certificate: ssl.SSLContext | None = None
        """Shows this one instead of the server's."""
        self.hangs_up = False
        """When TLS is to begin."""
        self.heard: list[bytes] = []
        """What came after the greeting, by TCP."""
        self._listening = listening
        self._onward = onward
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        """Where it listens by TCP."""
        port: int = self._listening.getsockname()[1]
        return port

    def close(self) -> None:
        """Cut all there is, and wait for its end."""
        with contextlib.suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        for open_one in self._open:
            _cut(open_one)
        for thread in self._threads:
            thread.join(_SECONDS)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            server = self._onward()
            self._open += [client, server]
            for some in (client, server):
                some.settimeout(_SECONDS)
            thread = threading.Thread(target=self._serve, args=(client, server), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, client: socket.socket, server: socket.socket) -> None:
        with client, server, contextlib.suppress(OSError, EOFError):
            greeting = bytearray(_packet(server))
            if self.strips_tls or self.certificate or self.hangs_up:
                self._pretend(client, greeting)
                return
            client.sendall(greeting)
            is_heard = threading.Event()
            is_heard.set()
            answers = threading.Thread(target=_answers, args=(server, client, is_heard))
            answers.start()
            try:
                self._commands(client, server, is_heard)
            finally:
                _cut(client)
                if is_heard.is_set():  # else the server is to answer first
                    _cut(server)
                answers.join(_SECONDS)

    def _commands(
        self, client: socket.socket, server: socket.socket, is_heard: threading.Event
    ) -> None:
        while True:
            command = _packet(client)
            is_query = command[3:5] == bytes([0, QUERY])
            verdict = self.judge(command[5:]) if is_query else PASS
            if isinstance(verdict, Answer):
                client.sendall(verdict.packet)
                continue
            if isinstance(verdict, Cut):
                return
            if isinstance(verdict, CutAfter):
                is_heard.clear()
                server.sendall(command)
                return
            server.sendall(command)

    def _pretend(self, client: socket.socket, greeting: bytearray) -> None:
        if self.strips_tls:
            # After the version, a NUL, the connection's number, eight bytes of salt, a filler.
            at = greeting.index(0, 5) + 1 + 4 + 8 + 1
            (flags,) = struct.unpack_from("<H", greeting, at)
            struct.pack_into("<H", greeting, at, flags & ~_SSL)
        client.sendall(greeting)
        self.heard.append(_packet(client))
        if self.certificate:
            with self.certificate.wrap_socket(client, server_side=True) as tls:
                self.heard.append(tls.recv(65536))


def _answers(server: socket.socket, client: socket.socket, is_heard: threading.Event) -> None:
    with contextlib.suppress(OSError):
        while (data := server.recv(65536)) and is_heard.is_set():
            client.sendall(data)
    for each in (client, server):
        _cut(each)


def _cut(one: socket.socket) -> None:
    with contextlib.suppress(OSError):
        one.shutdown(socket.SHUT_RDWR)


def _packet(source: socket.socket) -> bytes:
    head = _exactly(source, 4)
    return head + _exactly(source, int.from_bytes(head[:3], "little"))


def _exactly(source: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        piece = source.recv(count - len(found))
        if not piece:
            raise EOFError
        found += piece
    return found


@contextlib.contextmanager
def by_socket(path: Path, server: Path) -> Iterator[Gate]:
    """A gate at a socket of its own, before the server's."""
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(path))
    with _listening(listening, lambda: _unix(server)) as gate:
        yield gate


@contextlib.contextmanager
def by_tcp(port: int) -> Iterator[Gate]:
    """A gate at a port of its own, before the server's."""
    listening = socket.create_server(("127.0.0.1", 0))
    with _listening(listening, lambda: socket.create_connection(("127.0.0.1", port))) as gate:
        yield gate


@contextlib.contextmanager
def _listening(listening: socket.socket, onward: Callable[[], socket.socket]) -> Iterator[Gate]:
    listening.listen()
    gate = Gate(listening, onward)
    try:
        yield gate
    finally:
        gate.close()


def _unix(path: Path) -> socket.socket:
    found = socket.socket(socket.AF_UNIX)
    found.connect(str(path))
    return found
