"""Answers of an upload's session that lack something, or are odd: unknown is not wrong."""

from __future__ import annotations

import os
from typing import Any

import pytest
from pydantic import SecretStr

from drive import DriveRefused
from security.errors import TransientFault
from tests.running import in_rest
from tests.security.kit import AMY, ANN
from tests.upload.kit import CHUNK, Bytes, Desk
from upload import discard


@pytest.mark.parametrize("field", ["md5Checksum", "size", "id", "webViewLink", "name", "trashed"])
@pytest.mark.parametrize(
    "odd",
    [{}, None, "", *in_rest([], 7.5, "\ud800", "0" * 40)],
    ids=lambda value: repr(value)[:12],
)
async def test_what_the_last_answer_does_not_tell_is_asked_for(
    desk: Desk, field: str, odd: Any
) -> None:
    """And the bytes go once; nothing is deleted."""
    change = {"drop": [field]} if odd == {} else {"set": {field: odd}}
    if field == "size" and odd == "0" * 40:
        change = {"set": {field: -1}}
    await desk.google.fault("google.upload.*", "odd", skip=1, count=0, **change)
    content = os.urandom(CHUNK + 5)
    found = await desk.upload(Bytes(content))
    assert (found.id, found.size) == (desk.file_id, len(content))
    assert await desk.holds_once(content)
    assert await desk.sent() == len(content)
    assert await desk.count("google.drive.files.delete") == 0


@pytest.mark.parametrize("times", [1, 3])
async def test_a_checksum_that_comes_late_is_waited_for(desk: Desk, times: int) -> None:
    """files.get does not know it at once, either."""
    await desk.google.fault("google.upload.chunk", "odd", drop=["md5Checksum"])
    await desk.google.fault("google.drive.files.get", "odd", drop=["md5Checksum"], count=times)
    content = os.urandom(300_000)
    await desk.upload(Bytes(content))
    assert await desk.holds_once(content)
    assert await desk.sent() == len(content)


async def test_a_checksum_that_never_comes_deletes_nothing(desk: Desk) -> None:
    """It is no success either: the next try asks again, and sends nothing."""
    for target in ("google.upload.*", "google.drive.files.get"):
        await desk.google.fault(target, "odd", drop=["md5Checksum"], count=0)
    content = os.urandom(300_000)
    with pytest.raises(TransientFault):
        await desk.upload(Bytes(content))
    assert await desk.holds_once(content)
    assert await desk.count("google.drive.files.delete") == 0
    await desk.google.clear_faults()
    await desk.google.forget_calls()
    assert (await desk.upload(Bytes(content), session=desk.sessions[0])).id == desk.file_id
    assert await desk.sent() == 0


async def test_only_a_checksum_that_differs_deletes(desk: Desk) -> None:
    """There, and another one."""
    await desk.google.fault("google.upload.chunk", "odd", set={"md5Checksum": "0" * 32})
    content = os.urandom(300_000)
    found = await desk.upload(Bytes(content))
    assert found.id != desk.file_id
    assert await desk.holds_once(content)
    assert await desk.count("google.drive.files.delete") == 1


async def test_a_checksum_in_capitals_is_the_same(desk: Desk) -> None:
    """Hexadecimal digits have no case."""
    md5 = "5D41402ABC4B2A76B9719D911017C592"
    await desk.google.fault("google.upload.chunk", "odd", set={"md5Checksum": md5})
    assert (await desk.upload(Bytes(b"hello"))).id == desk.file_id
    assert await desk.sent() == 5


@pytest.mark.parametrize(
    "odd",
    [
        *("bytes=0/0", "bytes=0-", "bytes=-5", "bytes", "0-99", "bytes=5-99", "bytes=0--1", "x"),
        *("bytes=0-1,3-4", "bytes=0-0x10", "bytes=0-1.5", "bytes=0-" + "9" * 30, "bytes=0-\u0661"),
    ],
)
async def test_a_range_that_is_none_is_asked_for_again(desk: Desk, odd: str) -> None:
    """Nothing else follows from it."""
    await desk.google.fault("google.upload.chunk", "odd", headers={"Range": odd})
    await desk.google.fault("google.upload.status", "odd", headers={"Range": odd})
    content = os.urandom(3 * CHUNK + 7)
    await desk.upload(Bytes(content))
    assert await desk.holds_once(content)
    assert await desk.count("google.upload.start") == 1


@pytest.mark.parametrize("held", [5 * CHUNK, 10**17])
async def test_a_range_beyond_the_file_is_a_passing_fault(desk: Desk, held: int) -> None:
    """Drive cannot have more than there is."""
    await desk.google.fault("google.upload.chunk", "odd", headers={"Range": f"bytes=0-{held}"})
    content = os.urandom(3 * CHUNK + 7)
    await desk.upload(Bytes(content))
    assert await desk.holds_once(content)


@pytest.mark.parametrize("address", ["", "x", "/upload", "http://[", "http://a:b/", "ftp://x/"])
@pytest.mark.parametrize(
    "host", ["", "http://127.0.0.1:1", *in_rest("http://amy@localhost", "https://x")]
)
async def test_a_session_somewhere_else_gets_no_token(desk: Desk, address: str, host: str) -> None:
    """Its address is asked for again. The owner's token goes only where Drive is."""
    told = f"{host}/upload/drive/v3/files?upload_id=1" if host else address
    await desk.google.fault("google.upload.start", "odd", headers={"Location": told or None})
    await desk.google.fault("google.upload.chunk", "odd", headers={"Location": told}, count=0)
    content = os.urandom(CHUNK)
    await desk.upload(Bytes(content))
    assert await desk.holds_once(content)
    assert await desk.count("google.upload.start") == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [
        *((200, body) for body in ("{}", "[]", "null", "", "<html>", "[" * 100_000)),
        *((308, body) for body in ("{}", "x")),
        *((403, body) for body in ('{"error": {"message": {}}}', '{"error": {"errors": [1]}}')),
    ],
    ids=lambda value: repr(value)[:20],
)
async def test_an_odd_answer_to_a_chunk_spoils_nothing(desk: Desk, status: int, body: str) -> None:
    """It is asked what has become of it; a refusal is one."""
    await desk.google.fault("google.upload.chunk", "status", status=status, body=body)
    content = os.urandom(3 * CHUNK + 7)
    if status == 403:
        assert isinstance(await desk.refused(Bytes(content)), DriveRefused)
        return
    await desk.upload(Bytes(content))
    assert await desk.holds_once(content)


@pytest.mark.parametrize("times", [1, 3])
async def test_a_folder_made_a_moment_ago_is_waited_for(desk: Desk, times: int) -> None:
    """files.get knows it, and the place where uploads begin does not yet."""
    await desk.google.fault(
        "google.upload.start", "status", status=404, reason="notFound", count=times
    )
    content = os.urandom(CHUNK)
    assert (await desk.upload(Bytes(content))).id == desk.file_id
    assert await desk.holds_once(content)
    assert await desk.count("google.upload.start") == times + 1


async def test_a_folder_in_the_bin_is_not_waited_for(desk: Desk) -> None:
    """Whoever remembers it looks for it once more."""
    await desk.google.act("trash", file_id=desk.folder_id)
    await desk.google.fault("google.upload.start", "status", status=404, reason="notFound", count=0)
    assert (await desk.refused(Bytes(b"x"))).code == "file_gone"
    assert await desk.count("google.upload.start") == 1
    assert [file["trashed"] for file in await desk.google.files(AMY)] == [True]


async def test_a_session_of_another_address_gets_no_token(desk: Desk) -> None:
    """GOOGLE_API_ENDPOINT was another when it began: here it is none."""
    content = os.urandom(1000)
    away = SecretStr("http://127.0.0.1:1/upload/drive/v3/files?upload_id=x")
    assert (await desk.upload(Bytes(content), session=away)).id == desk.file_id
    assert await desk.holds_once(content)
    await desk.world.drives.run(ANN, lambda drive: discard(drive, desk.file_id, away))
    assert await desk.files() == []
