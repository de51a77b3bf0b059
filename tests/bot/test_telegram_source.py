"""A file's bytes from Telegram: over HTTP, and from where a local Bot API server has put them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.uploads.telegram_source import LocalFile, LocalFileUnreadable, TelegramDownload
from upload import SourceFailed

CONTENT = os.urandom(1_000_000)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tries that follow one another at once."""
    monkeypatch.setattr("bot.uploads.telegram_source._PAUSE_SECONDS", 0.001)


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[SecretStr]:
    """A file server; the file's address."""
    app = web.Application()
    app.router.add_get("/file", handler)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(app))
        yield SecretStr(str(server.make_url("/file")))


async def read(source: TelegramDownload, offset: int = 0) -> bytes:
    """All of it, in a thread."""
    return await asyncio.to_thread(lambda: b"".join(source.open(offset)))


class Breaking:
    """Gives so much for each request, then breaks the connection; remembers what was asked."""

    def __init__(self, *, knows_ranges: bool, gives: int = 400_000) -> None:
        self.asked: list[str] = []
        self.gives = gives
        self._knows_ranges = knows_ranges

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """As much as it will."""
        asked = request.headers.get("Range", "")
        self.asked.append(asked)
        begin = int(asked[6:-1]) if asked and self._knows_ranges else 0
        response = web.StreamResponse(status=206 if begin else 200)
        response.content_length = len(CONTENT) - begin
        await response.prepare(request)
        # Without ranges each try gets a little further.
        end = begin + self.gives if self._knows_ranges else self.gives * len(self.asked)
        await response.write(CONTENT[begin:end])
        if end < len(CONTENT) and request.transport is not None:
            await asyncio.sleep(0.05)
            request.transport.abort()
        return response


async def test_a_broken_download_goes_on_where_it_broke() -> None:
    """The server is asked for the rest alone."""
    handler = Breaking(knows_ranges=True)
    async with served(handler.answer) as address:
        assert await read(TelegramDownload(address, len(CONTENT))) == CONTENT
    assert handler.asked[0] == ""
    begun = [int(asked[6:-1]) for asked in handler.asked[1:]]
    assert begun == sorted(begun)
    assert begun[0] > 0


async def test_a_server_without_ranges_is_read_up_to_where_it_broke() -> None:
    """Nothing twice, nothing left out."""
    handler = Breaking(knows_ranges=False)
    async with served(handler.answer) as address:
        assert await read(TelegramDownload(address, len(CONTENT))) == CONTENT
        assert await read(TelegramDownload(address, len(CONTENT)), 999_000) == CONTENT[999_000:]


async def test_a_server_that_only_breaks_is_given_up() -> None:
    """After a few tries without a byte."""
    handler = Breaking(knows_ranges=True, gives=0)
    async with served(handler.answer) as address:
        with pytest.raises(SourceFailed) as caught:
            await read(TelegramDownload(address, len(CONTENT)))
    assert caught.value.code == "source_failed"
    assert len(handler.asked) == 4


async def test_too_few_bytes_are_no_whole_file() -> None:
    """However politely the answer ended."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=CONTENT[:1000])

    async with served(handler) as address:
        with pytest.raises(SourceFailed):
            await read(TelegramDownload(address, 2000))
        assert await read(TelegramDownload(address, None)) == CONTENT[:1000]


@pytest.mark.parametrize("status", [400, 404])
async def test_a_file_that_is_gone_is_not_asked_for_again(status: int) -> None:
    """It will not come back."""
    asked = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(request)
        return web.Response(status=status)

    async with served(handler) as address:
        with pytest.raises(SourceFailed) as caught:
            await read(TelegramDownload(address, 1))
    assert caught.value.code == "file_gone"
    assert len(asked) == 1


async def test_bytes_are_given_as_they_come() -> None:
    """The first before the last has left."""
    first = asyncio.Event()

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 20
        await response.prepare(request)
        await response.write(b"0123456789")
        await asyncio.wait_for(first.wait(), 10)
        await response.write(b"0123456789")
        return response

    async with served(handler) as address:
        pieces = TelegramDownload(address, 20).open()
        assert await asyncio.to_thread(next, pieces) == b"0123456789"
        first.set()
        assert await asyncio.to_thread(lambda: b"".join(pieces)) == b"0123456789"


# A local Bot API server's files


@pytest.fixture
def placed(tmp_path: Path) -> Path:
    """A file where the server has put it."""
    path = tmp_path / "server" / "token" / "documents" / "file_0.pdf"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return path


def local(path: Path, size: int | None = None) -> LocalFile:
    """As the bot opens it."""
    return LocalFile(path, size, forbidden=path.parents[-2] / "nowhere")


@pytest.mark.parametrize("offset", [0, 1, 262_144, len(CONTENT)])
def test_a_local_file_is_read_from_anywhere(placed: Path, offset: int) -> None:
    """Whatever its server said of its size."""
    assert b"".join(local(placed).open(offset)) == CONTENT[offset:]
    assert local(placed).size == len(CONTENT)
    assert local(placed, 5).size == 5


@pytest.mark.parametrize("what", ["missing", "a folder", "relative", "no path at all"])
def test_a_path_that_cannot_be_read_is_an_operators_fault(placed: Path, what: str) -> None:
    """The volume is not shared, or not under the same path; nothing of the path is said."""
    path = {
        "missing": placed.with_name("gone"),
        "a folder": placed.parent,
        "relative": Path("documents/file_0.pdf"),
        "no path at all": Path("\0"),
    }[what]
    source = LocalFile(path, None, forbidden=placed.parents[2] / "user_data")
    with pytest.raises(LocalFileUnreadable) as caught:
        next(source.open())
    assert caught.value.code == "local_file_unreadable"
    assert placed.parent.name not in str(caught.value)
    if what != "a folder":
        with pytest.raises(LocalFileUnreadable):
            _ = source.size


def test_a_file_of_the_data_folder_is_never_read_nor_deleted(placed: Path, tmp_path: Path) -> None:
    """Whatever the server says, and by whatever detour."""
    (tmp_path / "detour").symlink_to(placed.parent)
    for path in (placed, tmp_path / "detour" / placed.name, tmp_path / "x" / ".." / "server" /
                 placed.relative_to(tmp_path / "server")):  # fmt: skip
        source = LocalFile(path, None, forbidden=tmp_path / "server")
        with pytest.raises(LocalFileUnreadable):
            next(source.open())
        source.remove()
    assert placed.exists()


def test_the_servers_copy_is_deleted_once(placed: Path) -> None:
    """And it is no fault if it has gone by then."""
    source = local(placed)
    with capture_logs() as logs:
        source.remove()
        source.remove()
    assert not placed.exists()
    assert logs == []


def test_a_copy_that_cannot_be_deleted_is_said_and_no_more(placed: Path) -> None:
    """It takes up room: an operator wants to know."""
    with capture_logs() as logs:
        local(placed.parent).remove()
    assert [(line["event"], line["result"]) for line in logs] == [
        ("local_copy_kept", "local_file_unreadable")
    ]


def test_a_file_is_closed_when_nobody_reads_on(placed: Path) -> None:
    """A cancelled upload keeps none open."""

    def is_open() -> bool:
        links = list(Path("/proc/self/fd").iterdir())
        return any(os.path.realpath(link) == str(placed) for link in links)

    pieces = local(placed).open()
    next(pieces)
    assert is_open()
    del pieces
    assert not is_open()
