"""Uploads: the resumable protocol with all its refusals."""

from __future__ import annotations

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import ClientError
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaIoBaseUpload

from tests.sandbox.google_kit import AMY, BEN, BLOCK, Drive, Kit, drive_client, in_pieces

CONTENT = os.urandom(3 * BLOCK + 1234)
MD5 = hashlib.md5(CONTENT, usedforsecurity=False).hexdigest()


async def finish(drive: Drive, location: str, start: int = 0) -> dict[str, Any]:
    """Send the rest in one request; the file."""
    reply = await drive.put(location, CONTENT[start:], start, len(CONTENT))
    assert reply.status == 200, reply.text
    file: dict[str, Any] = reply.json
    return file


async def test_real_client_uploads_resumably_in_chunks(kit: Kit) -> None:
    token = (await kit.connect())["access_token"]

    def upload() -> dict[str, Any]:
        client = drive_client(kit.url, token)
        with client:
            file_id = client.files().generateIds(count=1).execute()["ids"][0]
            media = MediaIoBaseUpload(
                io.BytesIO(CONTENT), "application/pdf", chunksize=BLOCK, resumable=True
            )
            request = client.files().create(
                body={"id": file_id, "name": "報告 №1.pdf"}, media_body=media, fields="*"
            )
            done = None
            while done is None:
                _status, done = request.next_chunk()
            assert client.files().get_media(fileId=file_id).execute() == CONTENT
            found: dict[str, Any] = done
            return found

    file = await asyncio.to_thread(upload)
    assert (file["md5Checksum"], file["name"]) == (MD5, "報告 №1.pdf")
    assert (await kit.google.calls())["counts"]["google.upload.chunk"] == 4


async def test_real_client_replaces_content(kit: Kit) -> None:
    drive = await kit.bearer()
    file = await drive.upload(b"before")

    def replace() -> None:
        client = drive_client(kit.url, drive.token)
        with client:
            media = MediaIoBaseUpload(io.BytesIO(CONTENT), "text/plain", resumable=True)
            again = client.files().update(fileId=file["id"], media_body=media, fields="*").execute()
            assert (again["id"], again["md5Checksum"]) == (file["id"], MD5)
            assert client.files().get_media(fileId=file["id"]).execute() == CONTENT

    await asyncio.to_thread(replace)
    assert len(await kit.google.files(AMY)) == 1


async def test_real_client_gets_http_errors_it_can_read(kit: Kit) -> None:
    token = (await kit.connect())["access_token"]

    def ask() -> HttpError:
        client = drive_client(kit.url, token)
        with client, pytest.raises(HttpError) as caught:
            client.files().get(fileId="nowhere").execute()
        return caught.value

    error = await asyncio.to_thread(ask)
    assert error.resp.status == 404
    assert error.error_details[0]["reason"] == "notFound"


async def test_empty_file_is_uploaded_resumably(kit: Kit) -> None:
    token = (await kit.connect())["access_token"]

    def upload() -> dict[str, Any]:
        client = drive_client(kit.url, token)
        with client:
            media = MediaIoBaseUpload(io.BytesIO(b""), "text/plain", resumable=True)
            found: dict[str, Any] = (
                client.files().create(body={"name": "a"}, media_body=media, fields="size").execute()
            )
            return found

    assert await asyncio.to_thread(upload) == {"size": "0"}


async def test_upload_without_metadata_has_no_name(kit: Kit) -> None:
    drive = await kit.bearer()
    start = await drive.ask(
        "POST",
        "/upload/drive/v3/files?uploadType=resumable&fields=name,mimeType,size",
        headers={"X-Upload-Content-Type": "text/plain"},
    )
    reply = await drive.put(start.headers["location"], b"abc", 0, 3)
    assert reply.json == {"name": "Untitled", "mimeType": "text/plain", "size": "3"}


@pytest.mark.parametrize("kind", ["media", "multipart"])
async def test_upload_of_one_request_is_refused_as_not_modelled(kit: Kit, kind: str) -> None:
    drive = await kit.bearer()
    reply = await drive.ask("POST", f"/upload/drive/v3/files?uploadType={kind}", data=b"abc")
    assert (reply.status, reply.reason) == (400, "badContent")
    assert f"does not model uploadType={kind}" in reply.json["error"]["message"]
    assert await kit.google.files(AMY) == []


async def test_unknown_upload_type_is_refused(kit: Kit) -> None:
    drive = await kit.bearer()
    reply = await drive.ask("POST", "/upload/drive/v3/files?uploadType=pigeon", data=b"")
    assert reply.status == 400


async def test_session_address_is_on_the_sandboxs_own_origin(kit: Kit) -> None:
    drive = await kit.bearer()
    location = await drive.session(len(CONTENT))
    assert location.startswith(f"{kit.url}/upload/drive/v3/files?uploadType=resumable&upload_id=")


async def test_range_header_tells_what_has_arrived(kit: Kit) -> None:
    drive = await kit.bearer()
    location = await drive.session(len(CONTENT))
    nothing = await drive.offset(location)
    assert nothing.status == 308
    assert "range" not in nothing.headers
    chunk = await drive.put(location, CONTENT[:BLOCK], 0, len(CONTENT))
    assert (chunk.status, chunk.headers["range"]) == (308, f"bytes=0-{BLOCK - 1}")
    asked = await drive.offset(location, len(CONTENT))
    assert (asked.status, asked.headers["range"]) == (308, f"bytes=0-{BLOCK - 1}")
    assert (await finish(drive, location, BLOCK))["md5Checksum"] == MD5


async def test_finished_session_answers_the_file_again(kit: Kit) -> None:
    drive = await kit.bearer()
    location = await drive.session(len(CONTENT))
    file = await finish(drive, location)
    again = await drive.offset(location, len(CONTENT))
    assert (again.status, again.json) == (200, file)
    assert len(await kit.google.files(AMY)) == 1


async def test_total_may_stay_unknown_until_the_last_chunk(kit: Kit) -> None:
    drive = await kit.bearer()
    location = await drive.session(None)
    assert (await drive.put(location, CONTENT[: 2 * BLOCK], 0, "*")).status == 308
    assert (await finish(drive, location, 2 * BLOCK))["md5Checksum"] == MD5


async def test_total_can_be_told_after_the_bytes(kit: Kit) -> None:
    drive = await kit.bearer()
    location = await drive.session(None)
    assert (await drive.put(location, CONTENT[:BLOCK], 0, "*")).status == 308
    told = await drive.offset(location, BLOCK)
    assert (told.status, told.json["size"]) == (200, str(BLOCK))


async def test_whole_file_may_come_without_a_content_range(kit: Kit) -> None:
    drive = await kit.bearer()
    location = await drive.session(len(CONTENT))
    reply = await drive.ask("PUT", location, data=in_pieces(CONTENT))
    assert (reply.status, reply.json["md5Checksum"]) == (200, MD5)


@pytest.mark.parametrize("size", [1, BLOCK - 1, BLOCK + 1])
async def test_chunk_that_is_no_multiple_of_256_kib_is_refused(kit: Kit, size: int) -> None:
    drive = await kit.bearer()
    location = await drive.session(len(CONTENT))
    reply = await drive.put(location, CONTENT[:size], 0, len(CONTENT))
    assert reply.status == 400
    assert "multiple of 262144" in reply.json["error"]["message"]
    assert "range" not in (await drive.offset(location)).headers


async def test_gap_is_refused_with_the_size_that_has_arrived(kit: Kit) -> None:
    drive = await kit.bearer()
    location = await drive.session(len(CONTENT))
    reply = await drive.put(location, CONTENT[BLOCK : 2 * BLOCK], BLOCK, len(CONTENT))
    assert reply.status == 503
    assert "exceeds already uploaded size of 0 byte(s)" in reply.text


async def test_bytes_sent_twice_count_once(kit: Kit) -> None:
    drive = await kit.bearer()
    location = await drive.session(len(CONTENT))
    for _ in range(2):
        reply = await drive.put(location, CONTENT[:BLOCK], 0, len(CONTENT))
        assert reply.headers["range"] == f"bytes=0-{BLOCK - 1}"
    assert (await finish(drive, location))["md5Checksum"] == MD5


@pytest.mark.parametrize(
    "header", ["rubbish", "bytes 5-1/10", "bytes 0-10/10", "bytes 0-2/99", "bytes 0-4/100"]
)
async def test_bad_content_range_is_refused(kit: Kit, header: str) -> None:
    drive = await kit.bearer()
    location = await drive.session(100)
    reply = await drive.ask("PUT", location, data=b"abc", headers={"Content-Range": header})
    assert reply.status == 400


async def test_bad_declared_length_is_refused(kit: Kit) -> None:
    drive = await kit.bearer()
    reply = await drive.ask(
        "POST",
        "/upload/drive/v3/files?uploadType=resumable",
        json={},
        headers={"X-Upload-Content-Length": "many"},
    )
    assert reply.status == 400


async def test_unknown_and_forgotten_sessions_are_404(kit: Kit) -> None:
    drive = await kit.bearer()
    location = await drive.session(len(CONTENT))
    assert (await drive.put(location + "x", CONTENT, 0, len(CONTENT))).status == 404
    assert await kit.google.forget_sessions(BEN) == 0
    assert await kit.google.forget_sessions(AMY) == 1
    assert (await drive.put(location, CONTENT, 0, len(CONTENT))).status == 404
    assert (await drive.offset(location)).status == 404


@pytest.mark.parametrize("by_clock", [True, False])
async def test_session_older_than_a_week_is_410(kit: Kit, by_clock: bool) -> None:
    drive = await kit.bearer()
    location = await drive.session(len(CONTENT))
    if by_clock:
        await kit.google.act("advance_clock", seconds=7 * 86400 + 1)
    else:
        await kit.google.act("expire_sessions")
    assert (await drive.offset(location)).status == 410


async def test_a_second_request_cuts_off_the_one_that_still_sends(kit: Kit) -> None:
    """Whoever sends stands still, and somebody else goes on where it was."""
    drive = await kit.bearer()
    location = await drive.session(len(CONTENT))
    stands = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield CONTENT[: 2 * BLOCK]
        await stands.wait()

    span = f"bytes 0-{len(CONTENT) - 1}/{len(CONTENT)}"
    headers = {"Content-Range": span, "Content-Length": str(len(CONTENT))}
    sending = asyncio.create_task(drive.ask("PUT", location, data=body(), headers=headers))
    async with asyncio.timeout(10):
        while True:
            asked = await drive.offset(location)
            if asked.headers.get("range") == f"bytes=0-{2 * BLOCK - 1}":
                break
            if sending.done():  # it was cut off before all of that had come
                sending = asyncio.create_task(
                    drive.ask("PUT", location, data=body(), headers=headers)
                )
            await asyncio.sleep(0.05)
        with pytest.raises(ClientError):
            await sending
    assert (await finish(drive, location, 2 * BLOCK))["md5Checksum"] == MD5


async def test_cancelled_session_is_499_then_gone(kit: Kit) -> None:
    drive = await kit.bearer()
    location = await drive.session(len(CONTENT))
    assert (await drive.ask("DELETE", location)).status == 499
    assert (await drive.offset(location)).status == 404
    assert (await drive.ask("DELETE", location)).status == 404


async def test_session_address_alone_is_enough_but_a_dead_token_is_401(kit: Kit) -> None:
    drive = await kit.bearer()
    location = await drive.session(len(CONTENT))
    bare = await kit.ask("PUT", location, headers={"Content-Range": "bytes */*"})
    assert bare.status == 308
    await kit.google.expire_access_tokens(AMY)
    assert (await drive.put(location, CONTENT[:BLOCK], 0, len(CONTENT))).status == 401
    fresh = await kit.bearer()
    assert "range" not in (await fresh.offset(location)).headers
    assert (await finish(fresh, location))["md5Checksum"] == MD5


async def test_session_is_of_no_use_to_another_account_or_after_revoking(kit: Kit) -> None:
    amy, ben = await kit.bearer(AMY), await kit.bearer(BEN)
    location = await amy.session(len(CONTENT))
    assert (await ben.offset(location)).status == 401
    await kit.google.revoke(AMY)
    assert (await kit.ask("PUT", location, headers={"Content-Range": "bytes */*"})).status == 401


async def test_taken_identifier_is_409_at_the_start_and_at_the_end(kit: Kit) -> None:
    drive = await kit.bearer()
    ids = (await drive.ask("GET", "/drive/v3/files/generateIds?count=1")).json["ids"]
    first = await drive.session(len(CONTENT), id=ids[0])
    second = await drive.session(len(CONTENT), id=ids[0])
    await finish(drive, first)
    late = await drive.put(second, CONTENT, 0, len(CONTENT))
    assert (late.status, late.reason) == (409, "fileIdInUse")
    early = await drive.ask(
        "POST", "/upload/drive/v3/files?uploadType=resumable", json={"id": ids[0]}
    )
    assert early.status == 409
    assert len(await kit.google.files(AMY)) == 1


async def test_full_storage_refuses_uploads_at_their_start_and_end(kit: Kit) -> None:
    drive = await kit.bearer()
    await kit.google.set_quota(AMY, limit=1000)
    start = await drive.ask(
        "POST",
        "/upload/drive/v3/files?uploadType=resumable",
        json={},
        headers={"X-Upload-Content-Length": "1001"},
    )
    location = await drive.session(None)
    chunk = await drive.put(location, CONTENT, 0, len(CONTENT))
    for reply in (start, chunk):
        assert (reply.status, reply.reason) == (403, "storageQuotaExceeded")
        message = reply.json["error"]["message"]
        assert message == "The user's Drive storage quota has been exceeded."
    assert await kit.google.files(AMY) == []


async def test_usage_counts_files_even_in_the_trash(kit: Kit) -> None:
    drive = await kit.bearer()
    await kit.google.set_quota(AMY, used=100)
    file = await drive.upload(b"x" * 50)
    await drive.ask("PATCH", f"/drive/v3/files/{file['id']}", json={"trashed": True})
    quota = (await drive.ask("GET", "/drive/v3/about?fields=storageQuota")).json["storageQuota"]
    assert quota == {
        "limit": str(15 * 1024**3),
        "usage": "150",
        "usageInDrive": "50",
        "usageInDriveTrash": "50",
    }


async def test_hundred_uploads_at_once_keep_their_bytes_apart(kit: Kit) -> None:
    async def one(number: int) -> bool:
        drive = await kit.bearer(f"user{number}@example.com")
        content = bytes([number]) * (BLOCK + number)
        location = await drive.session(len(content))
        await drive.put(location, content[:BLOCK], 0, len(content))
        await drive.put(location, content[BLOCK:], BLOCK, len(content))
        files = await kit.google.files(f"user{number}@example.com")
        return [await kit.google.file_bytes(file["id"]) for file in files] == [content]

    assert all(await asyncio.gather(*(one(number) for number in range(1, 101))))
