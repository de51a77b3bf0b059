"""A download from Telegram that is stopped ends at once, whatever it waits for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack, closing

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr

from bot.uploads.running.telegram_connections import download_client
from bot.uploads.running.telegram_source import TelegramDownload
from security.google.network import DIRECT
from tests.upload.test_stopping import AT_ONCE, deaf, mute
from upload import StopSignal, UploadCancelled, UploadInterrupted

SIZE = 1_000_000


async def stopped(source: TelegramDownload, stop: StopSignal, waits: asyncio.Event) -> Exception:
    """How reading it ended, when it was stopped while it waited for what never comes."""
    reading = asyncio.create_task(asyncio.to_thread(lambda: b"".join(source.open())))
    await asyncio.wait_for(waits.wait(), 10)
    await asyncio.sleep(0.1)
    assert not reading.done()
    began = time.monotonic()
    stop.set()
    with pytest.raises((UploadCancelled, UploadInterrupted)) as caught:
        await reading
    assert time.monotonic() - began < AT_ONCE
    return caught.value


@pytest.mark.parametrize("gives", [None, 0, SIZE // 2], ids=["no answer", "no byte", "half of it"])
@pytest.mark.parametrize("used", [False, True], ids=["new connection", "used connection"])
async def test_silence_of_telegram_does_not_hold_a_cancel_up(gives: int | None, used: bool) -> None:
    """Before its answer, and in the middle of it."""
    waits = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/small":
            return web.Response(body=b"x")
        response = web.StreamResponse()
        response.content_length = SIZE
        if gives is not None:
            await response.prepare(request)
            await response.write(bytes(gives))
        waits.set()
        await asyncio.sleep(60)
        return response

    app = web.Application()
    app.router.add_get("/{name}", answer)
    stop = StopSignal()
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(app))
        client = stack.enter_context(download_client(DIRECT, str(server.make_url("/"))))
        if used:
            small = TelegramDownload(SecretStr(str(server.make_url("/small"))), 1, client)
            assert await asyncio.to_thread(lambda: b"".join(small.open())) == b"x"
        address = SecretStr(str(server.make_url("/file")))
        error = await stopped(TelegramDownload(address, SIZE, client, stop=stop), stop, waits)
    assert isinstance(error, UploadCancelled)


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("server", [deaf, mute])
async def test_a_connection_that_does_not_come_about_does_not_either(
    server: Callable[[], AbstractContextManager[int]], scheme: str
) -> None:
    """Nobody takes it, or nobody says hello."""
    waits, stop = asyncio.Event(), StopSignal()
    waits.set()
    with server() as port:
        address = f"{scheme}://127.0.0.1:{port}/"
        with closing(download_client(DIRECT, address)) as client:
            source = TelegramDownload(SecretStr(address), SIZE, client, stop=stop)
            await stopped(source, stop, waits)


async def test_a_pause_between_two_tries_does_not_either() -> None:
    """However long it is."""
    waits, stop = asyncio.Event(), StopSignal()

    async def answer(_: web.Request) -> web.Response:
        waits.set()
        return web.Response(status=503)

    app = web.Application()
    app.router.add_get("/file", answer)
    async with TestServer(app) as server:
        address = SecretStr(str(server.make_url("/file")))
        await stopped(TelegramDownload(address, SIZE, stop=stop, pause_seconds=60), stop, waits)
