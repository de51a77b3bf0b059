"""A file's bytes from Telegram: over HTTP, and from where a local Bot API server has put them."""

from __future__ import annotations

import asyncio
import gzip
import os
import socket
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from pydantic import SecretStr
from structlog.testing import capture_logs

from bot.uploads.running import telegram_source
from bot.uploads.running.telegram_source import LocalFile, LocalFileUnreadable
from upload import SourceFailed, SourceSpoilt

CUT = 300_000
CONTENT = os.urandom(1_000_000)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


TelegramDownload = partial(telegram_source.TelegramDownload, pause_seconds=0.001)
"""Its tries follow one another at once."""


@asynccontextmanager
async def served(handler: Handler) -> AsyncIterator[SecretStr]:
    """A file server; the file's address."""
    app = web.Application()
    app.router.add_get("/file", handler)
    async with AsyncExitStack() as stack:
        server = await stack.enter_async_context(TestServer(app))
        yield SecretStr(str(server.make_url("/file")))


async def read(source: telegram_source.TelegramDownload, offset: int = 0) -> bytes:
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
        if begin:
            response.headers["Content-Range"] = f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"
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


PAGE = b"<html><title>Please sign in</title></html>"


class Scripted:
    """Gives one answer after the other, the last one again and again; remembers what was asked."""

    def __init__(self, *answers: Callable[[int], web.StreamResponse | tuple[bytes, bool]]) -> None:
        self.asked: list[int] = []
        self._answers = answers

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """The next one."""
        asked = request.headers.get("Range", "bytes=0-")
        begin = int(asked[6:-1])
        given = self._answers[min(len(self.asked), len(self._answers) - 1)](begin)
        self.asked.append(begin)
        if isinstance(given, web.StreamResponse):
            return given
        body, clean = given  # without a length
        response = web.StreamResponse()
        response.enable_chunked_encoding()
        await response.prepare(request)
        await response.write(body)
        if not clean and request.transport is not None:
            await asyncio.sleep(0.05)
            request.transport.abort()
        return response


def right(begin: int) -> web.Response:
    """What ought to be answered."""
    if not begin:
        return web.Response(body=CONTENT)
    span = f"bytes {begin}-{len(CONTENT) - 1}/{len(CONTENT)}"
    return web.Response(status=206, headers={"Content-Range": span}, body=CONTENT[begin:])


def part(begin: int, end: int, total: int, body: bytes, **headers: str) -> web.Response:
    """206."""
    headers["Content-Range"] = f"bytes {begin}-{end - 1}/{total}"
    return web.Response(status=206, headers=headers, body=body)


SIZE = len(CONTENT)
HTML = {"Content-Type": "text/html; charset=utf-8"}
BYTES = {"Content-Type": "application/octet-stream"}
WRONG: dict[str, Callable[[int], web.StreamResponse | tuple[bytes, bool]]] = {
    "a page": lambda _: web.Response(body=PAGE, headers=HTML),
    "a page of no type": lambda _: web.Response(body=PAGE, headers=BYTES),
    "a longer page": lambda _: web.Response(body=PAGE.ljust(SIZE + 1), headers=BYTES),
    "a page as long": lambda _: web.Response(body=PAGE.ljust(SIZE), headers=HTML),
    "an error in JSON": lambda _: web.json_response({"ok": False, "error_code": 404}),
    "an error as long": lambda _: web.json_response(text="{}".ljust(SIZE)),
    "nothing": lambda _: web.Response(status=204),
    "empty": lambda _: web.Response(body=b""),
    "led elsewhere": lambda _: web.Response(status=302, headers={"Location": "/login"}),
    "a part unasked": lambda _: part(0, SIZE, SIZE, CONTENT),
    "a part of another": lambda begin: part(begin, SIZE + 1, SIZE + 1, b"x" + CONTENT[begin:]),
    "another part": lambda begin: part(begin + 1, SIZE, SIZE, CONTENT[begin + 1 :]),
    "several parts": lambda begin: web.Response(
        status=206,
        headers={"Content-Type": "multipart/byteranges; boundary=x"},
        body=CONTENT[begin:],
    ),
    "compressed": lambda _: web.Response(
        body=gzip.compress(CONTENT), headers={"Content-Encoding": "gzip"}
    ),
    "said to be compressed": lambda _: web.Response(
        body=CONTENT, headers={"Content-Encoding": "gzip"}
    ),
    "busy": lambda _: web.Response(status=503),
}


@pytest.mark.parametrize("what", WRONG)
async def test_nothing_of_an_answer_that_is_not_the_file_counts(what: str) -> None:
    """At its beginning and in its middle; the next try begins at the last good byte."""

    async def broken(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = SIZE
        await response.prepare(request)
        await response.write(CONTENT[:400_000])
        await asyncio.sleep(0.05)
        assert request.transport is not None
        request.transport.abort()
        return response

    at_first = Scripted(WRONG[what], right)
    async with served(at_first.answer) as address:
        assert await read(TelegramDownload(address, SIZE)) == CONTENT
    assert at_first.asked == [0, 0]

    later, tries = Scripted(WRONG[what], right), []

    async def handler(request: web.Request) -> web.StreamResponse:
        tries.append(request)
        return await (broken(request) if len(tries) == 1 else later.answer(request))

    async with served(handler) as address:
        assert await read(TelegramDownload(address, SIZE)) == CONTENT
    assert len(set(later.asked)) == 1
    assert 0 < later.asked[0] <= 400_000

    only = Scripted(WRONG[what])
    async with served(only.answer) as address:
        with pytest.raises(SourceFailed):
            await read(TelegramDownload(address, SIZE))
    assert len(only.asked) == 4


@pytest.mark.parametrize(
    ("body", "clean"),
    [(PAGE, True), (PAGE, False), (PAGE.ljust(SIZE + 1), True), (CONTENT[:-1], True)],
    ids=["shorter", "cut", "longer", "one byte short"],
)
@pytest.mark.parametrize("size", [SIZE, None])
async def test_what_came_without_a_length_and_ended_otherwise_is_not_gone_on_from(
    body: bytes, clean: bool, size: int | None
) -> None:
    """Whoever has taken bytes of it hears that they are none."""
    answers = Scripted(lambda _: (body, clean), right)
    async with served(answers.answer) as address:
        source = TelegramDownload(address, size)
        if size is None and clean:  # nothing else says how long it is
            assert await read(source) == body
            return
        with pytest.raises(SourceSpoilt):
            await read(source)
        assert answers.asked == [0]
        assert await read(source) == CONTENT


@pytest.mark.parametrize("size", [SIZE, None])
async def test_the_file_without_a_length_is_taken(size: int | None) -> None:
    """As long as announced, or ended cleanly."""
    answers = Scripted(lambda _: (CONTENT, True))
    async with served(answers.answer) as address:
        assert await read(TelegramDownload(address, size)) == CONTENT


async def test_where_no_size_is_announced_the_answers_length_decides() -> None:
    """And what is cut is gone on with."""
    handler = Breaking(knows_ranges=True)
    async with served(handler.answer) as address:
        assert await read(TelegramDownload(address, None)) == CONTENT
    assert len(handler.asked) > 1


async def test_a_page_that_somebody_sent_is_a_file_like_any_other() -> None:
    """Where its address says that it is one."""

    async def handler(_: web.Request) -> web.Response:
        return web.Response(body=PAGE, headers=HTML)

    app = web.Application()
    app.router.add_get("/documents/file_3.html", handler)
    async with TestServer(app) as server:
        address = SecretStr(str(server.make_url("/documents/file_3.html")))
        assert await read(TelegramDownload(address, len(PAGE))) == PAGE


# A local Bot API server's files

TOKEN = "1234567:a-token-that-is-nobodys-at-all-12345"


@pytest.fixture
def placed(tmp_path: Path) -> Path:
    """A file where the server has put it."""
    path = tmp_path / "server" / TOKEN / "documents" / "file_0.pdf"
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    return path


def local(path: Path, size: int | None = None, *, placed: Path | None = None) -> LocalFile:
    """As the bot opens it; `placed`: a file of its own, where `path` is another one."""
    folder = (placed or path).parents[2]
    return LocalFile(path, size, folder=folder, token=SecretStr(TOKEN))


@pytest.mark.parametrize("offset", [0, 1, 262_144, len(CONTENT)])
def test_a_local_file_is_read_from_anywhere(placed: Path, offset: int) -> None:
    """As long as it is as long as its server says."""
    assert b"".join(local(placed).open(offset)) == CONTENT[offset:]
    assert local(placed).size == len(CONTENT)
    assert b"".join(local(placed, len(CONTENT)).open(offset)) == CONTENT[offset:]


@pytest.mark.parametrize("size", [5, len(CONTENT) - 1, len(CONTENT) + 1])
def test_a_local_file_of_another_length_is_not_the_file(placed: Path, size: int) -> None:
    """Nothing of it is read."""
    with pytest.raises(SourceFailed):
        next(local(placed, size).open())


def _named(placed: Path, what: str, aside: Path) -> Path:
    """What a server might name, and lead to the file aside by."""
    folder, link = placed.parent, placed.with_name("link")
    match what:
        case "missing":
            return placed.with_name("gone")
        case "a folder":
            return folder
        case "the token's folder":
            return placed.parents[1]
        case "the whole folder":
            return placed.parents[2]
        case "relative":
            return Path("documents/file_0.pdf")
        case "no path at all":
            return Path("\0")
        case "no path within":
            return placed.with_name("\0")
        case "outside":
            return aside
        case "of this process":
            return Path("/proc/self/environ")
        case "by dots":
            return placed.parents[2] / TOKEN / ".." / ".." / aside.name
        case "by dots and back":
            return folder / ".." / "documents" / placed.name
        case "another bot's":
            other = placed.parents[2] / "7654321:another" / placed.name
            other.parent.mkdir()
            other.write_bytes(CONTENT)
            return other
        case "of no bot":
            free = placed.parents[2] / placed.name
            free.write_bytes(CONTENT)
            return free
        case "a link":
            link.symlink_to(aside)
            return link
        case "a link within":
            link.symlink_to(placed)
            return link
        case "a linked folder":
            link.symlink_to(aside.parent)
            return link / aside.name
        case "a linked token":
            away = placed.parents[2].with_name("moved")
            placed.parents[1].rename(away)
            placed.parents[1].symlink_to(away)
            return placed
        case "a pipe":
            os.mkfifo(link)
            return link
        case "a socket":
            with socket.socket(socket.AF_UNIX) as listening:
                listening.bind(link.name)
            return link
    raise AssertionError(what)


NAMED = (
    *("missing", "a folder", "the token's folder", "the whole folder", "relative"),
    *("no path at all", "no path within", "outside", "of this process", "by dots"),
    *("by dots and back", "another bot's", "of no bot", "a link", "a link within"),
    *("a linked folder", "a linked token", "a pipe", "a socket"),
)


@pytest.mark.parametrize("what", NAMED)
@pytest.mark.timeout(20)
def test_whatever_the_server_names_no_other_file_is_read_or_deleted(
    placed: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only regular files of its own for this bot, by no link; nothing of the path is said."""
    monkeypatch.chdir(placed.parent)  # a socket's name is short
    aside = placed.parents[3] / "aside.env"
    aside.write_bytes(b"SECRET=1")
    path = _named(placed, what, aside)
    before = sorted(placed.parents[3].rglob("*"))
    source = local(path, placed=placed)
    for attempt in (lambda: next(source.open()), lambda: source.size):
        with pytest.raises(LocalFileUnreadable) as caught:
            attempt()
        assert caught.value.code == "local_file_unreadable"
        text = "".join(traceback.format_exception(caught.value))
        said = text.replace(str(Path(__file__).parents[2]), "").replace("LocalFile", "")
        for part in (TOKEN, placed.name, aside.name, str(placed.parents[3]), "environ"):
            assert part not in str(caught.value)
            assert part not in said
    with capture_logs() as logs:
        source.remove()
    assert aside.read_bytes() == b"SECRET=1"
    assert set(before) <= set(placed.parents[3].rglob("*"))
    assert placed.exists()
    assert {line["event"] for line in logs} <= {"local_copy_kept"}
    assert not any(TOKEN in str(line) or aside.name in str(line) for line in logs)


def test_a_folder_that_is_named_by_a_link_serves(placed: Path) -> None:
    """That is the operator's own; the server may name it either way."""
    detour = placed.parents[3] / "detour"
    detour.symlink_to(placed.parents[2])
    for path in (detour / placed.relative_to(placed.parents[2]), placed):
        source = LocalFile(path, None, folder=detour, token=SecretStr(TOKEN))
        assert b"".join(source.open()) == CONTENT


def test_the_servers_copy_is_deleted_once(placed: Path) -> None:
    """And it is no fault if it has gone by then."""
    source = local(placed)
    with capture_logs() as logs:
        source.remove()
        source.remove()
    assert not placed.exists()
    assert logs == []


@pytest.mark.parametrize("other", ["another file", "a link", "a folder"])
def test_only_the_file_that_was_read_is_deleted(placed: Path, other: str) -> None:
    """What has taken its place meanwhile stays, and is not read on from either."""
    source, aside = local(placed), placed.with_name("aside")
    assert b"".join(source.open()) == CONTENT
    placed.rename(aside)
    match other:
        case "another file":
            placed.write_bytes(CONTENT)
        case "a link":
            placed.symlink_to(aside)
        case "a folder":
            placed.mkdir()
    with capture_logs() as logs, pytest.raises((SourceFailed, LocalFileUnreadable)):
        next(source.open(5))
    with capture_logs() as logs:
        source.remove()
    assert placed.exists()
    assert aside.read_bytes() == CONTENT
    assert [line["event"] for line in logs] == ["local_copy_kept"]


def test_a_copy_that_cannot_be_deleted_is_said_and_no_more(placed: Path) -> None:
    """It takes up room: an operator wants to know."""
    with capture_logs() as logs:
        local(placed.parent, placed=placed).remove()
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


@pytest.mark.parametrize("change", [-CUT, CUT], ids=["cut", "grown"])
def test_a_file_that_changes_while_it_is_read_failed(placed: Path, change: int) -> None:
    placed.write_bytes(bytes(CUT * 3))
    source = local(placed)
    pieces = source.open()
    next(pieces)
    os.truncate(placed, CUT * 3 + change)
    with pytest.raises(SourceFailed):
        b"".join(pieces)


def test_a_file_that_grows_without_end_is_not_read_without_end(placed: Path) -> None:
    placed.write_bytes(bytes(CUT))
    read = []

    def read_and_grow() -> None:
        for piece in local(placed).open():
            read.append(len(piece))
            with placed.open("ab") as file:
                file.write(bytes(CUT))

    with pytest.raises(SourceFailed):
        read_and_grow()
    assert sum(read) <= CUT
