"""Something else in the place of a file, as the sandbox's panel orders it: never taken for it."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.bot.test_sending import is_file, put_file, received
from tests.fixtures import RunningBot
from tests.journeys import connect, md5_of
from tests.running import in_rest

People = Callable[..., Person]
AMY = "amy@example.com"
SIZE = 900_000
PAGE = "<html>Please sign in</html>"
ERROR = {"ok": False, "error_code": 404, "description": "Not Found"}
BYTES = "application/octet-stream"

IN_ITS_PLACE: dict[str, tuple[str, dict[str, Any]]] = {
    "a page": ("html", {"body": PAGE}),
    "a page, called bytes": ("status", {"status": 200, "body": PAGE, "content_type": BYTES}),
    "a page as long": ("altered", {"body": PAGE, "padded": True, "content_type": "text/html"}),
    "a longer page": ("status", {"status": 200, "body": "x" * (SIZE + 1), "content_type": BYTES}),
    "a page without a length": ("altered", {"body": PAGE, "chunked": True}),
    "a longer page without a length": ("altered", {"body": "x" * (SIZE + 1), "chunked": True}),
    "an error in JSON": ("status", {"status": 200, "body": ERROR}),
    "204": ("altered", {"status": 204, "body": ""}),
    "404, a page": ("html", {"status": 404, "body": PAGE}),
    "400, a page": ("html", {"status": 400, "body": PAGE}),
    "206, unasked": ("altered", {"status": 206}),
    "302": ("altered", {"status": 302, "body": "", "headers": {"Location": "/login"}}),
    "another total": ("altered", {"status": 206, "headers": {"Content-Range": "bytes 0-9/10"}}),
    "several parts": (
        *("altered", {"status": 206, "content_type": "multipart/byteranges; boundary=x"}),
    ),
    "compressed": ("altered", {"gzip": True}),
    "cut, politely": ("altered", {"after_bytes": 300_000}),
    "cut, politely, without a length": ("altered", {"after_bytes": 300_000, "chunked": True}),
}

SOME = ("a page", "an error in JSON", "206, unasked", "compressed", "cut, politely")
"""Of these `make test` tries that every answer is such a one; of all others `make test-rest`."""


# Tries that follow one another at once.
pytestmark = [
    pytest.mark.one_way("on"),
    pytest.mark.timing(download_pause=0.001, upload_pause=0.05),
]


async def in_drive(google: GoogleControls, name: str) -> list[str]:
    """The checksums of what stands there under this name."""
    return [file["md5"] for file in await google.files(AMY) if file["name"] == name]


@pytest.mark.parametrize("what", IN_ITS_PLACE)
@pytest.mark.one_way
async def test_the_next_try_has_the_file(
    bot: RunningBot, google: GoogleControls, people: People, what: str
) -> None:
    """Nothing of the wrong answer is in it."""
    kind, options = IN_ITS_PLACE[what]
    ann, content = people(), os.urandom(SIZE)
    await connect(ann, google, AMY)
    await google.fault("telegram.download", kind, **options)
    await ann.send_document(content, "a.bin")
    await ann.wait_for("a.bin (878.9 KiB) is in your Drive")
    assert await in_drive(google, "a.bin") == [md5_of(content)]


@pytest.mark.parametrize("what", [*SOME, *in_rest(*(x for x in IN_ITS_PLACE if x not in SOME))])
async def test_what_is_answered_every_time_is_told_as_a_failure(
    bot: RunningBot, google: GoogleControls, people: People, what: str
) -> None:
    """With a button to try again, and nothing in Drive."""
    kind, options = IN_ITS_PLACE[what]
    ann, content = people(), os.urandom(SIZE)
    await connect(ann, google, AMY)
    await google.fault("telegram.download", kind, count=0, **options)
    await ann.send_document(content, "a.bin")
    message = await ann.wait_for("I could not get a.bin from Telegram")
    assert await in_drive(google, "a.bin") == []
    await google.clear_faults()
    await ann.tap("Try again", message)
    await ann.wait_for("a.bin (878.9 KiB) is in your Drive")
    assert await in_drive(google, "a.bin") == [md5_of(content)]


@pytest.mark.parametrize("size", [0, -1, 10**30, "900000", 1.5, True, None, [], {}])
@pytest.mark.one_way
async def test_a_size_that_is_none_makes_no_other_file(
    bot: RunningBot, google: GoogleControls, people: People, size: Any
) -> None:
    """`file_size` is optional; a file of 0 bytes would be whole before it was asked for."""
    ann, content = people(), os.urandom(SIZE)
    await connect(ann, google, AMY)
    await google.fault("telegram.getFile", "odd", count=0, set={"result.file_size": size})
    await ann.send_document(content, "a.bin")
    await ann.wait_for("a.bin (878.9 KiB) is in your Drive")
    assert await in_drive(google, "a.bin") == [md5_of(content)]


async def test_no_page_is_taken_for_a_file_that_is_there_already(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The look for the same content reads as the upload does."""
    ann, page, content = people(), PAGE.ljust(SIZE).encode(), os.urandom(SIZE)
    await connect(ann, google, AMY)
    await ann.send_document(page, "page.bin")
    await ann.wait_for("page.bin (878.9 KiB) is in your Drive")
    wrong = {"body": PAGE, "padded": True, "content_type": "text/html"}
    await google.fault("telegram.download", "altered", skip=1, **wrong)
    await ann.send_document(content, "a.bin")
    await ann.wait_for("a.bin (878.9 KiB) is in your Drive")
    assert await in_drive(google, "a.bin") == [md5_of(content)]


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"Content-Range": "bytes 0-99/100"}},
        {"headers": {"Content-Range": None}},
        {"status": 200, "body": PAGE},
        {"status": 204, "body": ""},
        {"content_type": "multipart/byteranges; boundary=x"},
        {"gzip": True},
        {"after_bytes": 1000, "chunked": True},
    ],
)
async def test_nor_is_anything_out_of_drive_sent_that_is_not_the_file(
    bot: RunningBot, google: GoogleControls, people: People, options: dict[str, Any]
) -> None:
    """Its next answer is."""
    ann = people()
    await connect(ann, google, AMY)
    content = os.urandom(300_000)
    await put_file(bot, "film.mkv", content)
    await google.fault("google.drive.files.get", "altered", skip=1, **options)
    await ann.send("/get film")
    message = await ann.wait_for(is_file)
    assert await received(bot, message) == content
    assert sum(fault["hits"] for fault in await google.faults()) == 1
