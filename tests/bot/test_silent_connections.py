"""Whoever reaches the port may open connections and say nothing: everybody else is served."""

from __future__ import annotations

import asyncio
import resource
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from fastapi import FastAPI

from looks.connections import PATIENCE_SECONDS
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.ports import free_port
from sandbox.run import bot_settings
from sandbox.server import Sandbox
from tests.bot.processes import process
from tests.journeys import connect
from tests.running import in_rest
from web.connections import most_connections
from web.serving import listen, serving

REQUEST = b"GET /ok HTTP/1.1\r\nHost: x\r\n\r\n"
LIMITED = (
    "import resource, sys; resource.setrlimit(resource.RLIMIT_NOFILE, (1024, 1024)); "
    "from cli import main; sys.exit(main())"
)


@asynccontextmanager
async def a_port(app: FastAPI | None = None, **limits: Any) -> AsyncIterator[int]:
    """A port of ours that answers /ok."""
    if app is None:
        app = FastAPI()

        @app.get("/ok")
        async def ok() -> str:
            return "ok"

    listener = listen("127.0.0.1", 0)
    async with serving(app, listener, **limits):
        yield listener.getsockname()[1]


class Peer:
    """A raw connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def say(self, text: bytes) -> None:
        """Send it."""
        self.writer.write(text)

    async def answer(self) -> bytes:
        """The whole of one answer."""
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 20)
        return head + await self.reader.readexactly(4)  # "ok" in JSON

    async def until_closed(self, seconds: float = 30) -> None:
        """Wait for the other side's end."""
        async with asyncio.timeout(seconds):
            while True:
                try:
                    if not await self.reader.read(1000):
                        return
                except ConnectionError:
                    return

    def is_open(self) -> bool:
        """As far as has been heard."""
        return not self.reader.at_eof() and self.reader.exception() is None


@pytest.fixture
async def open_peer() -> AsyncIterator[Callable[..., object]]:
    """`await open_peer(port)`: closed at the end of the test."""
    async with AsyncExitStack() as stack:

        async def make(port: int) -> Peer:
            peer = Peer(*await asyncio.open_connection("127.0.0.1", port))
            stack.callback(peer.writer.close)
            return peer

        yield make


OpenPeer = Callable[[int], "asyncio.Future[Peer]"]


@pytest.fixture
def impatient() -> float:
    """Two seconds stand for the ten."""
    assert PATIENCE_SECONDS == 10
    return 2.0


@pytest.mark.parametrize(
    "beginning",
    [b"", b"G", REQUEST[:-2], REQUEST[:-1], b"POST /ok HTTP/1.1\r\nContent-Le"],
    ids=repr,
)
async def test_without_a_complete_head_a_connection_is_closed(
    open_peer: OpenPeer, impatient: float, beginning: bytes
) -> None:
    """Whatever it has said of one."""
    async with a_port(patience_seconds=impatient) as port:
        peer, began = await open_peer(port), time.monotonic()
        peer.say(beginning)
        await peer.until_closed()
        assert time.monotonic() - began >= impatient * 0.9


async def test_a_head_that_comes_byte_by_byte_has_no_longer(
    open_peer: OpenPeer, impatient: float
) -> None:
    """A sign of life now and then is no request."""
    async with a_port(patience_seconds=impatient) as port:
        peer, began = await open_peer(port), time.monotonic()

        async def drip() -> None:
            for byte in b"GET /ok HTTP/1.1\r\n" + b"X-A: b\r\n" * 1000:
                peer.say(bytes([byte]))
                await asyncio.sleep(0.1)

        dripping = asyncio.create_task(drip())
        await peer.until_closed()
        dripping.cancel()
        assert time.monotonic() - began < 100  # the head would take longer than ten minutes


async def test_after_an_answer_the_wait_begins_anew(open_peer: OpenPeer) -> None:
    """Kept connections are for the next request, not for ever."""
    patience = 4.0
    async with a_port(patience_seconds=patience) as port:
        peer = await open_peer(port)
        for _ in range(5):  # longer than the patience together, and far from it each
            await asyncio.sleep(patience / 4)
            peer.say(REQUEST)
            assert b"200" in await peer.answer()
        began = time.monotonic()
        peer.say(REQUEST[:10])
        await peer.until_closed()
        assert time.monotonic() - began >= patience * 0.8


async def test_a_body_nobody_reads_keeps_no_connection(
    open_peer: OpenPeer, impatient: float
) -> None:
    """It is answered, and what still comes is no next request."""
    async with a_port(patience_seconds=impatient) as port:
        peer = await open_peer(port)
        peer.say(REQUEST[:-2] + b"Content-Length: 100000\r\n\r\n")
        assert b"200" in await peer.answer()

        async def drip() -> None:
            while True:
                peer.say(b"x")
                await asyncio.sleep(0.05)

        dripping = asyncio.create_task(drip())
        await peer.until_closed(10)
        dripping.cancel()


async def test_an_answer_that_takes_long_is_waited_for(
    open_peer: OpenPeer, impatient: float
) -> None:
    """The bound is for requests that do not come."""
    app = FastAPI()

    @app.get("/ok")
    async def ok() -> str:
        await asyncio.sleep(impatient * 1.2)
        return "ok"

    async with a_port(app, patience_seconds=impatient) as port:
        peer = await open_peer(port)
        peer.say(REQUEST + REQUEST)  # the second waits for the first
        assert b"200" in await peer.answer()
        assert b"200" in await peer.answer()


async def test_where_there_are_too_many_the_one_that_waits_longest_goes(
    open_peer: OpenPeer,
) -> None:
    """Not one whose request is under way, nor one that has just been answered."""
    release = asyncio.Event()
    app = FastAPI()

    @app.get("/ok")
    async def ok() -> str:
        return "ok"

    @app.get("/slow")
    async def slow() -> str:
        await release.wait()
        return "ok"

    async with a_port(app, most=4) as port:
        slow_one, kept, first, second = [await open_peer(port) for _ in range(4)]
        slow_one.say(REQUEST.replace(b"/ok", b"/slow"))
        kept.say(REQUEST)
        await kept.answer()
        later = await open_peer(port)
        await first.until_closed()
        assert all(peer.is_open() for peer in (slow_one, kept, second, later))
        last = await open_peer(port)
        await second.until_closed()
        last.say(REQUEST)
        assert b"200" in await last.answer()
        release.set()
        assert b"200" in await slow_one.answer()
        assert kept.is_open()


def test_a_quarter_of_the_descriptors_is_the_most() -> None:
    """The process needs the others."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        for limit, most in ((256, 64), (1024, 256), (min(hard, 4096), 512)):
            resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))
            assert most_connections() == most
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.one_way
@pytest.mark.parametrize("attacked", ["WEB_PORT", *in_rest("METRICS_PORT")])
async def test_eleven_hundred_silent_connections_keep_nobody_from_being_served(
    sandbox: Sandbox,
    google: GoogleControls,
    people: Callable[..., Person],
    tmp_path: Path,
    encryption_keys: object,
    open_peer: OpenPeer,
    attacked: str,
) -> None:
    """With the 1024 descriptors that a shell gives a process; both ports alike."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 8192)), hard))
    settings = bot_settings(sandbox, tmp_path / "user_data", "device") | {
        "METRICS_PORT": str(free_port()),
        "LOG_FORMAT": "json",
    }
    ports = [settings["WEB_PORT"], settings["METRICS_PORT"]]
    ann = people()
    async with process(tmp_path, settings, "-c", LIMITED) as bot, aiohttp.ClientSession() as http:
        await connect(ann, google, "amy@example.com")
        for _ in range(11):
            await asyncio.gather(*(open_peer(int(settings[attacked])) for _ in range(100)))
            for port in ports:
                async with http.get(f"http://127.0.0.1:{port}/healthz") as answer:
                    assert answer.status == 200
            await ann.send("/status")
            await ann.wait_for("Connected")
        assert '"asyncio:' not in bot.log()  # nothing was refused for want of a descriptor
        held = len(list(Path(f"/proc/{bot.pid}/fd").iterdir()))  # noqa: ASYNC240 - no disk
        assert held < 512
        await bot.stop()
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.timeout(60)
@pytest.mark.parametrize("wait", [False, True], ids=["at once", "after the answer"])
@pytest.mark.parametrize("method", [b"POST", b"GET"])
async def test_a_body_that_is_none_leaves_no_traceback(
    method: bytes, wait: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    async with a_port() as port, aiohttp.ClientSession() as others:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        peer = Peer(reader, writer)
        peer.say(method + b" /ok HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        if wait:
            await peer.reader.readuntil(b"\r\n\r\n")
        peer.say(b"ZZ\r\n")
        await peer.until_closed()
        writer.close()
        async with others.get(f"http://127.0.0.1:{port}/ok") as page:
            assert page.status == 200
    assert "Traceback" not in capsys.readouterr().err


async def test_an_answer_waits_for_no_word_that_its_beginning_has_come() -> None:
    """Else whoever keeps a connection open has each answer 40 ms later."""
    taken: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    class Taking(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            theirs = transport.get_extra_info("socket")
            taken.set_result(theirs.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    listener = listen("127.0.0.1", 0)
    server = await asyncio.get_running_loop().create_server(Taking, sock=listener)
    async with server:
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await taken
        writer.close()
