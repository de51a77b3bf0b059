"""An upload that is stopped: at once, whatever it waits for, and with the truth told."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest

import upload as upload_module
from config.network import Proxy
from drive.connection import Http
from security.google import sockets
from security.google.network import Network
from tests.upload.kit import CHUNK, Bytes, Desk
from upload import StopSignal, UploadCancelled, UploadInterrupted

AT_ONCE = 20.0
"""Seconds, of a busy machine; what is not cut waits for thirty, or for a slow line."""
CHUNKS = "google.upload.chunk"


@asynccontextmanager
async def under_way(desk: Desk, content: bytes) -> AsyncIterator[asyncio.Task[object]]:
    """An upload that waits for Drive."""
    running = asyncio.create_task(desk.upload(Bytes(content)))
    try:
        yield running
    finally:
        desk.stop.set()
        await asyncio.gather(running, return_exceptions=True)


async def drive_reads(desk: Desk) -> None:
    """Until it has some of the body, and will not have the whole for long."""
    sessions = desk.sandbox.google.sessions._sessions  # type: ignore[union-attr]
    async with asyncio.timeout(10):
        while not any(session.received for session in sessions.values()):  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def drive_has_the_file(desk: Desk) -> None:
    """Until it does."""
    async with asyncio.timeout(10):
        while not await desk.files():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


async def stopped(running: asyncio.Task[object]) -> Exception:
    """How it ended, at once."""
    began = time.monotonic()
    with pytest.raises((UploadCancelled, UploadInterrupted)) as caught:
        await running
    assert time.monotonic() - began < AT_ONCE
    return caught.value


async def test_a_cancelled_upload_is_cut_off_in_the_middle_of_a_write(desk: Desk) -> None:
    """A slow line would take minutes for what the system has been handed."""
    await desk.google.rate(CHUNKS, 300_000)
    async with under_way(desk, os.urandom(8 * CHUNK)) as running:
        await drive_reads(desk)
        desk.stop.set()
        error = await stopped(running)
    assert isinstance(error, UploadCancelled)
    assert (error.arrived, error.may_have_arrived) == (None, False)
    assert await desk.count("google.upload.cancel") == 1
    assert await desk.files() == []


async def test_the_programs_stop_cuts_an_upload_off_and_the_next_start_goes_on(desk: Desk) -> None:
    """Nothing is deleted, and it is no fault that would be tried again."""
    content = os.urandom(4 * CHUNK)
    await desk.google.rate(CHUNKS, 300_000)
    async with under_way(desk, content) as running:
        await drive_reads(desk)
        desk.stop.interrupt()
        assert isinstance(await stopped(running), UploadInterrupted)
    assert await desk.count("google.upload.cancel") == 0
    await desk.google.rate(CHUNKS, None)
    desk.stop = StopSignal()
    assert (await desk.upload(Bytes(content), session=desk.sessions[0])).id == desk.file_id
    assert await desk.holds_once(content)
    assert await desk.count("google.upload.start") == 1


async def test_a_cancel_after_the_last_byte_says_what_has_arrived(desk: Desk) -> None:
    """Drive's answer is on its way for half a minute; the file is there, and stays."""
    await desk.google.rate(CHUNKS, 20)
    async with under_way(desk, b"hello") as running:
        await drive_has_the_file(desk)
        desk.stop.set()
        error = await stopped(running)
    assert isinstance(error, UploadCancelled)
    assert error.arrived is not None
    assert (error.arrived.id, error.arrived.size) == (desk.file_id, 5)
    assert await desk.holds_once(b"hello")


async def test_a_cancel_that_drive_does_not_answer_ends_in_seconds(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then nobody knows whether the file is there, and that is what is said."""
    monkeypatch.setattr(upload_module, "LOOK_SECONDS", 0.3)
    await desk.google.rate(CHUNKS, 20)
    for silent in ("google.upload.cancel", "google.drive.files.get"):
        await desk.google.fault(silent, "hang", count=0)
    async with under_way(desk, b"hello") as running:
        await drive_has_the_file(desk)
        desk.stop.set()
        error = await stopped(running)
    assert isinstance(error, UploadCancelled)
    assert (error.arrived, error.may_have_arrived) == (None, True)


@pytest.mark.parametrize("operation", ["google.upload.start", "google.upload.status"])
async def test_a_cancel_ends_the_wait_for_an_answer(desk: Desk, operation: str) -> None:
    """Of a session that is begun, and of the question how far it is."""
    await desk.google.fault(operation, "hang", count=0)
    await desk.google.fault(CHUNKS, "status", status=503)
    async with under_way(desk, b"hello") as running:
        async with asyncio.timeout(10):
            while not (await desk.google.faults())[0]["hits"]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        desk.stop.set()
        error = await stopped(running)
    assert isinstance(error, UploadCancelled)
    assert (error.arrived, error.may_have_arrived) == (None, False)
    assert await desk.files() == []


def test_what_has_not_left_yet_is_dropped_by_a_cut() -> None:
    """A slow line would bring it for a while still, and perhaps make the file whole."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        with socket.create_connection(server.getsockname()) as sender:
            taken, _ = server.accept()
            sender.setblocking(False)
            sent = read = 0
            with suppress(BlockingIOError):
                while True:
                    sent += sender.send(bytes(100_000))
            sockets.cut(sender)
        with taken:
            try:
                while piece := taken.recv(100_000):
                    read += len(piece)
                ended = "politely"
            except ConnectionResetError:
                ended = "by a reset"
        assert (ended, read < sent) == ("by a reset", True)


def test_an_address_of_a_kind_that_the_system_does_not_know_is_passed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where the kernel has no IPv6, and a name has addresses of both kinds."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        place = server.getsockname()
        known = (socket.AF_INET, socket.SOCK_STREAM, 0, "", place)
        told = [(99, socket.SOCK_STREAM, 0, "", place), known]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: told)
        with sockets.connect(place, 5, lambda _: None) as found:
            assert found.getpeername() == place


@contextmanager
def deaf() -> Iterator[int]:
    """A port that opens no connection: more are waiting there than it takes."""
    with ExitStack() as stack:
        server = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(4):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(server.getsockname())
        yield server.getsockname()[1]


@contextmanager
def mute() -> Iterator[int]:
    """A port that takes connections, and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("step", ["connect", "tunnel", "tls", "tls over a tunnel", "answer"])
async def test_a_cut_ends_whatever_a_connection_waits_for(step: str, tmp_path: Path) -> None:
    """And no other one is opened in its place before it is closed."""
    with ExitStack() as stack:
        port = stack.enter_context(deaf() if step == "connect" else mute())
        proxy = Proxy("127.0.0.1", port) if "tunnel" in step else None
        if step == "tls over a tunnel":
            port = stack.enter_context(opening_tunnels())
            proxy = Proxy("127.0.0.1", port)
        http = Http(Network(proxy=proxy))
        scheme = "http" if step in ("connect", "answer") else "https"
        waiting = asyncio.create_task(
            asyncio.to_thread(http.request, f"{scheme}://127.0.0.1:{port}/")
        )
        await asyncio.sleep(0.2)
        assert not waiting.done()
        began = time.monotonic()
        http.cut()
        with pytest.raises(OSError, match=r".*"):
            await waiting
        assert time.monotonic() - began < AT_ONCE
        with pytest.raises(ConnectionAbortedError):
            http.request(f"{scheme}://127.0.0.1:{port}/")
        http.close()


async def test_a_cut_ends_an_answer_after_which_the_server_would_close() -> None:
    """The standard library's connection has no socket any more by then."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nConnection: close\r\n\r\n"
    with socket.create_server(("127.0.0.1", 0)) as server:
        http = Http()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/"
        waiting = asyncio.create_task(asyncio.to_thread(http.request, address))
        taken, _ = await asyncio.to_thread(server.accept)
        with taken:
            taken.recv(10_000)
            taken.sendall(head + b"so far, and no further")
            await asyncio.sleep(0.2)
            assert not waiting.done()
            began = time.monotonic()
            http.cut()
            with pytest.raises((OSError, IncompleteRead)):
                await waiting
            assert time.monotonic() - began < AT_ONCE
    http.close()


async def test_a_cut_just_before_there_is_a_connection_ends_what_is_asked(tmp_path: Path) -> None:
    """Amid the steps in which httplib2 gets ready to ask."""

    class Cutting(dict[str, str]):
        def __len__(self) -> int:  # httplib2 looks at what it was given before it connects
            http.cut()
            return super().__len__()

        def items(self) -> Any:
            http.cut()
            return super().items()

    with mute() as port:
        http = Http()
        began = time.monotonic()
        with pytest.raises(ConnectionAbortedError):
            await asyncio.to_thread(
                http.request, f"http://127.0.0.1:{port}/", headers=Cutting(accept="*/*")
            )
        assert time.monotonic() - began < AT_ONCE
        http.close()


@contextmanager
def opening_tunnels() -> Iterator[int]:
    """A proxy that says yes, and leads nowhere."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            taken, _ = server.accept()
            with taken:
                taken.recv(10_000)
                taken.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                while taken.recv(10_000):
                    pass

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        thread.join(5)
