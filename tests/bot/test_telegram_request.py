"""Requests to Telegram: the same to the last byte as python-telegram-bot's own, and as safe."""

from __future__ import annotations

import asyncio
import datetime
import gzip
import io
import re
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from pathlib import Path

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from telegram import InputFile
from telegram.error import InvalidToken, NetworkError, TelegramError, TimedOut
from telegram.ext import ExtBot
from telegram.request import BaseRequest, HTTPXRequest, RequestData
from telegram.request._requestparameter import RequestParameter

from bot.delivery import deliver
from bot.telegram_request import TelegramRequest, Unanswered
from bot.tls import tls_context
from security.credential import Owner

TOKEN = "110201543:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw"
OK = b'HTTP/1.1 200 OK\r\nContent-Length: 25\r\n\r\n{"ok":true,"result":true}'
GONE = b"HTTP/1.1 404 Not Found\r\nContent-Length: 24\r\n\r\n" + b'{"ok":false,"result":""}'
SOON = 0.05  # seconds; for what shall not come to an answer
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Connections:
    """That a server has got."""

    count: int = 0
    any: asyncio.Event = field(default_factory=asyncio.Event)


@asynccontextmanager
async def listening(
    handler: Handler, tls: ssl.SSLContext | None = None
) -> AsyncIterator[tuple[str, Connections]]:
    """A server's address, and who has come there."""
    connections = Connections()
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.count += 1
        connections.any.set()
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            await handler(reader, writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{port}/bot{TOKEN}", connections
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def read(reader: asyncio.StreamReader) -> tuple[str, bytes]:
    """One request: its head and its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    if "chunked" in head.lower():
        body = b""
        while size := int(await reader.readline(), 16):
            body += (await reader.readexactly(size + 2))[:-2]
        await reader.readline()
        return head, body
    length = re.search(r"content-length: (\d+)", head, re.IGNORECASE)
    return head, await reader.readexactly(int(length[1]) if length else 0)


def answering(*answers: bytes, seen: list[tuple[str, bytes]] | None = None) -> Handler:
    """Gives these answers, one to a request, the last one to all that follow."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = 0
        while True:
            request = await read(reader)
            if seen is not None:
                seen.append(request)
            writer.write(answers[min(number, len(answers) - 1)])
            number += 1

    return handler


def after_all_of_it(answer: bytes, *, then_hang: bool) -> Handler:
    """Sends that much of an answer to a whole request; then it hangs, or cuts the connection."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read(reader)
        writer.write(answer)
        await writer.drain()
        if then_hang:
            await asyncio.sleep(60)
        writer.close()

    return handler


def taking_no_more(answer: bytes = b"") -> Handler:
    """Reads a request's beginning, perhaps says something, and then does nothing."""

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        writer.write(answer)
        await asyncio.sleep(60)

    return handler


async def nothing(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Says nothing, not even what TLS wants to hear."""
    await asyncio.sleep(60)


def parameters(**fields: object) -> RequestData:
    """What the library's methods make of their arguments."""
    return RequestData([RequestParameter.from_input(name, value) for name, value in fields.items()])


def large() -> RequestData:
    """More than the system's buffers take by themselves."""
    return parameters(document=InputFile(io.BytesIO(bytes(16 << 20)), read_file_handle=False))


@asynccontextmanager
async def opened(**options: object) -> AsyncIterator[TelegramRequest]:
    """Ready for requests."""
    async with TelegramRequest(**options) as request:  # type: ignore[arg-type]
        yield request


def holds_no_address(error: BaseException) -> bool:
    """Nor the token in it."""
    text = f"{error!s} {error!r}"
    return TOKEN not in text and "127.0.0.1" not in text and "://" not in text


# -- what Telegram sees --------------------------------------------------------------------------


def text() -> RequestData:
    """A message."""
    return parameters(
        chat_id=-501, text="a&b=c d+e%\r\n名字 😀", disable_notification=True, markup={"x": ["é"]}
    )


def one_file() -> RequestData:
    """Of bytes, with a name that cannot be written as it is."""
    hostile = 'naïve "名字"\\\r\n;x=y.pdf'
    return parameters(chat_id=501, caption="ü", document=InputFile(b"abc", filename=hostile))


def two_files() -> RequestData:
    """One of them open, and read already."""
    spool = io.BytesIO()
    spool.write(bytes(range(256)) * 600)
    return parameters(
        document=InputFile(spool, filename="文件.bin", read_file_handle=False),
        thumbnail=InputFile(b"\x89PNG\r\n\x1a\n"),
    )


async def seen_from(request: BaseRequest, data: RequestData | None, method: str) -> str:
    """What a server receives, without what is drawn by lot or means nothing in HTTP/1.1."""
    seen: list[tuple[str, bytes]] = []
    async with listening(answering(OK, seen=seen)) as (url, _), request:
        assert await request.do_request(f"{url}/sendDocument", method, data) == (200, OK[-25:])
    head, body = seen[0]
    lines = [line for line in head.split("\r\n") if not line.lower().startswith("connection:")]
    text = "\n".join([lines[0], *sorted(line.lower() for line in lines[1:])])
    if boundary := re.search(r"boundary=(\S+)", head):
        body = body.replace(boundary[1].encode(), b"--")
        text = text.replace(boundary[1], "--")
    return re.sub(r"127\.0\.0\.1:\d+", "host", text) + "\n" + repr(body)


CALLS: dict[str, Callable[[], RequestData | None]] = {
    "text": text,
    "nothing": RequestData,
    "a file": one_file,
    "two files": two_files,
}


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("kind", CALLS)
async def test_telegram_sees_what_the_librarys_own_client_sends(kind: str, method: str) -> None:
    """Address, headers and body, names of files with anything in them included."""
    theirs = HTTPXRequest(httpx_kwargs={"verify": tls_context()})
    expected = await seen_from(theirs, CALLS[kind](), method)
    assert await seen_from(TelegramRequest(), CALLS[kind](), method) == expected
    assert expected.startswith(f"{method} /bot{TOKEN}/sendDocument HTTP/1.1")


async def test_answers_come_back_as_they_are() -> None:
    """Refusals, packed ones, and redirects, which nobody follows; a cookie is not returned."""
    packed = gzip.compress(OK[-25:])
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
    moved = b"HTTP/1.1 302 Found\r\nSet-Cookie: a=b\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n"
    seen: list[tuple[str, bytes]] = []
    handler = answering(moved, GONE, head.encode() + packed, OK, seen=seen)
    async with listening(handler) as (url, connections), opened() as request:
        assert await request.do_request(url, "POST") == (302, b"")
        with pytest.raises(InvalidToken):
            await request.post(url, text())
        assert await request.do_request(url, "POST") == (200, OK[-25:])
        assert await request.post(url, text()) is True
    assert "cookie" not in "".join(head for head, _ in seen).lower()
    assert len(seen) == 4
    assert connections.count == 1


# -- its life ------------------------------------------------------------------------------------


async def test_it_works_between_initialize_and_shutdown_as_often_as_wanted() -> None:
    """Twice does not hurt; otherwise a RuntimeError says so."""
    request = TelegramRequest(read_timeout=7)
    assert request.read_timeout == 7
    await request.shutdown()
    async with listening(answering(OK)) as (url, _):
        for _ in range(2):
            with pytest.raises(RuntimeError, match="not initialized"):
                await request.do_request(url, "POST")
            await request.initialize()
            await request.initialize()
            assert await request.post(url) is True
            await request.shutdown()
            await request.shutdown()


async def test_a_shutdown_ends_what_is_under_way_and_what_waits() -> None:
    """Without an address, and at once."""
    async with (
        listening(nothing) as (url, connections),
        opened(connection_pool_size=1, pool_timeout=60, read_timeout=60) as request,
    ):
        tasks = [asyncio.create_task(request.do_request(url, "POST")) for _ in range(2)]
        await connections.any.wait()
        await request.shutdown()
        errors = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(error) for error in errors] == [NetworkError, NetworkError]
    assert all(isinstance(error, BaseException) and holds_no_address(error) for error in errors)


async def test_a_request_that_is_given_up_leaves_its_place_to_others() -> None:
    """The pool of one is free again."""
    hang = True

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await (nothing if hang else answering(OK))(reader, writer)

    async with (
        listening(handler) as (url, connections),
        opened(connection_pool_size=1, pool_timeout=60) as request,
    ):
        task = asyncio.create_task(request.do_request(url, "POST"))
        await connections.any.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        hang = False
        assert await request.post(url) is True
        assert connections.count == 2


# -- what can go wrong ---------------------------------------------------------------------------

HALF = OK[:-5]
SLOW = {"read_timeout": SOON}
TROUBLES: dict[str, tuple[Handler, dict[str, float], type[TelegramError]]] = {
    "no answer": (after_all_of_it(b"", then_hang=True), SLOW, Unanswered),
    "half an answer": (after_all_of_it(HALF, then_hang=True), SLOW, Unanswered),
    "cut before the answer": (after_all_of_it(b"", then_hang=False), {}, NetworkError),
    "cut in the answer": (after_all_of_it(HALF, then_hang=False), {}, NetworkError),
    "no HTTP": (after_all_of_it(b"what?\r\n\r\n", then_hang=True), {}, NetworkError),
}


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_a_small_request_in_trouble(trouble: str) -> None:
    """Only where Telegram had all of it, and was slow, may it have been done."""
    handler, timeouts, kind = TROUBLES[trouble]
    async with listening(handler) as (url, connections), opened(**timeouts) as request:
        with pytest.raises(NetworkError) as raised:
            await request.post(f"{url}/sendMessage", text())
        assert type(raised.value) is kind
        assert raised.value.__cause__ is not None
        assert holds_no_address(raised.value)
        assert connections.count == 1  # it was not sent once more


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 200 OK\r\n"], ids=["silent", "early answer"])
async def test_a_large_request_that_is_not_taken_ends(said: bytes) -> None:
    """By the time-out for sending, or for reading where something came; it was not sent."""
    times = {"media_write_timeout": 60 if said else SOON, "read_timeout": SOON if said else 60}
    async with listening(taking_no_more(said)) as (url, _), opened(**times) as request:
        with pytest.raises(TimedOut) as raised:
            await request.post(f"{url}/sendDocument", large())
        assert type(raised.value) is TimedOut
        assert holds_no_address(raised.value)


async def test_an_answer_in_the_middle_of_a_large_request_counts() -> None:
    """Too large, say: Telegram need not have all of it for that."""
    too_large = b"HTTP/1.1 413 Too Large\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
    async with listening(taking_no_more(too_large)) as (url, _), opened() as request:
        assert await request.do_request(url, "POST", large()) == (413, b"{}")


async def test_time_for_a_request_with_files_is_another() -> None:
    """And what the caller says goes before both."""
    async with (
        listening(taking_no_more()) as (url, _),
        opened(write_timeout=SOON, media_write_timeout=60) as request,
    ):
        task = asyncio.create_task(request.post(url, large()))
        long = parameters(text="x" * (16 << 20))
        for data, said in ((long, BaseRequest.DEFAULT_NONE), (large(), SOON)):
            with pytest.raises(TimedOut):
                await request.post(url, data, write_timeout=said)
        assert not task.done()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_a_full_pool_is_told_from_a_slow_server() -> None:
    """It is said to have not been sent, and was not."""
    async with (
        listening(nothing) as (url, connections),
        opened(connection_pool_size=1, pool_timeout=SOON, read_timeout=60) as request,
    ):
        task = asyncio.create_task(request.post(url, text()))
        await connections.any.wait()
        with pytest.raises(TimedOut, match="Pool timeout") as raised:
            await request.post(url, text())
        assert type(raised.value) is TimedOut
        assert connections.count == 1
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def unused() -> str:
    """Where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}/bot{TOKEN}"


@pytest.mark.parametrize(
    ("trouble", "kind", "outcome"),
    [
        ("slow", Unanswered, "sent"),
        ("cut", NetworkError, "later"),
        ("refused", NetworkError, "later"),
        ("no connection", TimedOut, "later"),
        ("full", TimedOut, "later"),
        ("shut down", NetworkError, "later"),
    ],
)
@pytest.mark.usefixtures("restored_logging")
async def test_a_message_counts_as_sent_only_if_telegram_had_all_of_it(
    trouble: str, kind: type[TelegramError], outcome: str
) -> None:
    """What has not left, or may not have arrived, is sent another time."""
    handler = after_all_of_it(b"", then_hang=trouble != "cut")
    async with AsyncExitStack() as stack:
        url, connections = await stack.enter_async_context(listening(handler))
        url = {"refused": unused(), "no connection": url.replace("http:", "https:")}.get(
            trouble, url
        )
        request = TelegramRequest(
            connection_pool_size=1,
            pool_timeout=SOON,
            read_timeout=SOON if trouble == "slow" else 60,
            connect_timeout=SOON if trouble == "no connection" else 60,
        )
        bot: ExtBot[None] = ExtBot(
            TOKEN,
            base_url=url.removesuffix(TOKEN),
            request=request,
            get_updates_request=TelegramRequest(),
        )
        await stack.enter_async_context(request)
        waiting = None
        if trouble == "full":
            waiting = asyncio.create_task(request.post(url, text(), read_timeout=60))
            await connections.any.wait()
        elif trouble == "shut down":
            await request.shutdown()
        with pytest.raises(NetworkError) as raised:
            await bot.send_message(501, "Hello")
        assert type(raised.value) is kind
        assert await deliver(bot, Owner.user(501), "Hello", None) == outcome  # type: ignore[arg-type]
        if waiting is not None:
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)


# -- connections that are kept -------------------------------------------------------------------


@pytest.mark.parametrize("busy", [False, True], ids=["idle loop", "busy loop"])
async def test_a_connection_that_was_closed_meanwhile_is_not_used(busy: bool) -> None:
    """The next request arrives, and once; also where the loop had no time to see the end."""
    requests: list[bytes] = []
    close, closed = threading.Event(), threading.Event()

    def serve(listener: socket.socket) -> None:
        for number in range(2):
            connection, _ = listener.accept()
            with connection:
                while not requests[number:]:
                    requests.append(connection.recv(65536))
                connection.sendall(OK)
                if number == 0:
                    close.wait(10)
            closed.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(10)
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        async with opened() as request:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}/bot{TOKEN}/sendMessage"
            assert await request.post(url, parameters(text="one")) is True
            close.set()
            if busy:
                closed.wait(10)
            else:
                await asyncio.to_thread(closed.wait, 10)
                await asyncio.sleep(SOON)
            assert await request.post(url, parameters(text="two")) is True
        await asyncio.to_thread(thread.join)
    assert [body[-8:] for body in requests] == [b"text=one", b"text=two"]


async def test_no_more_connections_than_wanted_and_no_fewer() -> None:
    """Four at once over two; then again over the same."""
    busy, most = 0, 0

    async def handler(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal busy, most
        while True:
            await read(reader)
            busy += 1
            most = max(most, busy)
            await asyncio.sleep(SOON)
            busy -= 1
            writer.write(OK)

    async with (
        listening(handler) as (url, connections),
        opened(connection_pool_size=2, pool_timeout=10) as request,
    ):
        await asyncio.gather(*(request.post(url, text()) for _ in range(4)))
        await request.post(url, text())
    assert (most, connections.count) == (2, 2)


# -- TLS and proxies -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 that nobody has signed, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "telegram")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    pem = serialization.Encoding.PEM
    path.write_bytes(
        certificate.public_bytes(pem)
        + key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return path


def server_side(identity: Path) -> ssl.SSLContext:
    """With that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    return context


async def test_only_a_server_with_a_trusted_certificate_hears_the_token(identity: Path) -> None:
    """Nothing is sent to another."""
    seen: list[tuple[str, bytes]] = []
    handler = answering(OK, seen=seen)
    async with listening(handler, server_side(identity)) as (url, _):
        async with opened() as request:
            with pytest.raises(NetworkError) as raised:
                await request.post(url, text())
        assert isinstance(raised.value.__cause__, aiohttp.ClientConnectorCertificateError)
        assert holds_no_address(raised.value)
        assert seen == []
        trusting = ssl.create_default_context(cafile=str(identity))
        async with opened(tls=trusting) as request:
            for _ in range(2):
                assert await request.post(url, text()) is True


@pytest.fixture
def proxies(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """`proxies(HTTPS_PROXY="…")`, and none else."""

    def install(**values: str) -> None:
        for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        for name, value in values.items():
            monkeypatch.setenv(name, value)

    return install


async def test_the_environments_proxy_is_asked(
    proxies: Callable[..., None], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """With its password; but where it says so; and nothing is read from a .netrc."""
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login amy password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    seen: list[tuple[str, bytes]] = []
    async with listening(answering(OK, seen=seen)) as (address, _):
        host = address.split("/")[2]
        target = f"http://telegram.test/bot{TOKEN}/getMe"
        for names in (
            {"http_proxy": f"http://amy:secret@{host}"},
            {"ALL_PROXY": f"amy:secret@{host}"},
        ):
            proxies(**names)
            async with opened() as request:
                assert await request.post(target, text()) is True
            head, _ = seen.pop()
            assert head.startswith(f"POST {target} HTTP/1.1\r\nHost: telegram.test\r\n")
            assert "\r\nProxy-Authorization: Basic YW15OnNlY3JldA==\r\n" in head
        proxies(HTTP_PROXY="http://127.0.0.1:1", NO_PROXY="example.org,127.0.0.1")
        async with opened() as request:
            assert await request.post(address, text()) is True
        assert "authorization" not in seen.pop()[0].lower()
        proxies(HTTP_PROXY=f"socks5://{host}")
        async with opened() as request:
            with pytest.raises(NetworkError) as raised:
                await request.post(address, text())
        assert holds_no_address(raised.value)
    assert seen == []


async def test_the_token_passes_a_proxy_inside_tls(
    proxies: Callable[..., None], identity: Path
) -> None:
    """The proxy learns the host alone."""
    asked: list[str] = []

    async def tunnel(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode())
        inward, outward = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2][:5]))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, outward), pump(inward, writer))

    async with (
        listening(answering(OK), server_side(identity)) as (url, _),
        listening(tunnel) as (proxy, _),
    ):
        proxies(HTTPS_PROXY=proxy.rsplit("/", 1)[0])
        trusting = ssl.create_default_context(cafile=str(identity))
        async with opened(tls=trusting) as request:
            assert await request.post(url, text()) is True
            assert await request.post(url, text()) is True
    assert len(asked) == 1
    assert TOKEN not in asked[0]
