"""A file's bytes out of Drive again, piece by piece."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import pytest

from drive import Drive, DriveContent, DriveRefused
from drive.content import PIECE
from security.errors import TransientFault
from tests.drive.conftest import calls, put
from tests.security.kit import ANN, World


async def test_the_bytes_come_out_in_pieces_as_they_went_in(world: World) -> None:
    """No piece is larger than the others; a broken connection in between does no harm."""
    content = secrets.token_bytes(2 * PIECE + 5)
    made = await world.drives.run(ANN, put("a.bin", content))
    await world.google.fault("google.drive.files.get", "cut_response", after_bytes=100_000, skip=2)

    def work(drive: Drive) -> tuple[DriveContent, list[int], str]:
        found, md5, sizes = drive.content(made.id), hashlib.md5(usedforsecurity=False), []
        for piece in found.pieces:
            md5.update(piece)
            sizes.append(len(piece))
        return found, sizes, md5.hexdigest()

    found, sizes, md5 = await world.drives.run(ANN, work)
    assert (found.name, found.size, md5) == ("a.bin", len(content), made.md5)
    assert sizes == [PIECE, PIECE, 5]
    assert "a.bin" not in repr(found)


async def test_an_empty_file_has_no_pieces(world: World) -> None:
    """There is no range of nothing to ask for."""
    made = await world.drives.run(ANN, put("a.bin", b""))
    pieces = await world.drives.run(ANN, lambda drive: [*drive.content(made.id).pieces])
    assert pieces == []
    assert (await calls(world))["google.drive.files.get"] == 1


@pytest.mark.parametrize(
    ("altered", "code"),
    [
        ({"body": "hellO"}, "checksum_mismatch"),
        ({"status": 200, "body": "hellO"}, "checksum_mismatch"),
        ({"body": "hell"}, "unavailable"),
        ({"body": "hell", "chunked": True}, "unavailable"),
        ({"body": "hello!", "chunked": True}, "unavailable"),
        ({"status": 200, "body": "hello!"}, "unavailable"),
        ({"status": 200, "body": "hell", "chunked": True}, "unavailable"),
        ({"status": 201}, "unavailable"),
        ({"status": 204, "body": ""}, "unavailable"),
        ({"headers": {"Content-Range": None}}, "unavailable"),
        ({"headers": {"Content-Range": "bytes 0-4/6"}}, "unavailable"),
        ({"headers": {"Content-Range": "bytes 1-5/5"}}, "unavailable"),
        ({"headers": {"Content-Range": "bytes 0-4/*"}}, "unavailable"),
        ({"content_type": "multipart/byteranges; boundary=x"}, "unavailable"),
        ({"gzip": True}, "unavailable"),
        ({"headers": {"Content-Encoding": "br"}}, "unavailable"),
    ],
)
async def test_other_bytes_than_were_announced_are_not_taken_for_the_file(
    world: World, altered: dict[str, Any], code: str
) -> None:
    """Changed meanwhile, cut, or a part of something else."""
    made = await world.drives.run(ANN, put("a.bin", b"hello"))
    await world.google.fault("google.drive.files.get", "altered", skip=1, count=0, **altered)
    with pytest.raises(TransientFault) as caught:
        await world.drives.run(ANN, lambda drive: [*drive.content(made.id).pieces])
    assert caught.value.code == code


@pytest.mark.parametrize("altered", [{}, {"chunked": True}], ids=["", "without a length"])
async def test_a_drive_that_knows_no_ranges_gives_the_whole_file(
    world: World, altered: dict[str, Any]
) -> None:
    """RFC 9110, 14.2: a server may ignore a range."""
    made = await world.drives.run(ANN, put("a.bin", b"hello"))
    whole = {"status": 200, "body": "hello", "headers": {"Content-Range": None}}
    await world.google.fault("google.drive.files.get", "altered", count=0, **whole, **altered)

    def work(drive: Drive) -> bytes:
        return drive.piece(made.id, 1, 3, size=5)

    assert await world.drives.run(ANN, work) == b"ell"


async def test_what_is_not_there_or_a_folder_has_no_content(world: World) -> None:
    """And that is said."""

    def folder(drive: Drive) -> bytes:
        return drive.piece(drive.ensure_folder("Telegram"), 0, 1)

    with pytest.raises(DriveRefused) as caught:
        await world.drives.run(ANN, lambda drive: drive.content(drive.new_file_id()))
    assert caught.value.code == "file_gone"
    with pytest.raises(DriveRefused) as caught:
        await world.drives.run(ANN, folder)
    assert caught.value.code == "no_bytes"
