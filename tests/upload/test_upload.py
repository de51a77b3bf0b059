"""One file into one Drive, exactly once, whatever happens on the way."""

from __future__ import annotations

import asyncio
import hashlib
import os
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from drive import Drive, DriveFile, DriveRefused
from security.errors import ConsentRequired, TransientFault
from tests.security.kit import AMY, ANN
from tests.upload.kit import CHUNK, TYPE, Bytes, Desk
from upload import SourceFailed, SourceSpoilt, Target, UploadCancelled, upload

# Sizes and shapes


@pytest.mark.parametrize(
    "size", [0, 1, 256 * 1024, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 12_345]
)
@pytest.mark.parametrize("known", [True, False], ids=["size known", "size unknown"])
async def test_a_file_of_any_size_arrives_whole(desk: Desk, size: int, known: bool) -> None:
    """Empty, less and more than a chunk, exact multiples; Telegram may not tell the size."""
    content = os.urandom(size)
    found = await desk.upload(Bytes(content, size=size if known else None))
    assert (found.id, found.size) == (desk.file_id, size)
    assert found.md5 == hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert found.link
    assert await desk.holds_once(content)
    assert await desk.count("google.upload.start") == 1


@pytest.mark.parametrize("size", [None, 5], ids=["size unknown", "size known"])
async def test_a_file_is_found_by_its_size(desk: Desk, size: int | None) -> None:
    """However late that was known: it is how duplicates are noticed."""
    found = await desk.upload(Bytes(b"hello", size=size))
    assert await desk.world.drives.run(ANN, lambda drive: drive.files_of_size(5)) == [found]


@pytest.mark.parametrize("piece", [1000, 65_537, CHUNK, 5 * CHUNK])
async def test_the_size_of_the_pieces_does_not_matter(desk: Desk, piece: int) -> None:
    """As the network gives them."""
    content = os.urandom(2 * CHUNK + 1)
    await desk.upload(Bytes(content, piece=piece))
    assert await desk.holds_once(content)


@pytest.mark.parametrize(
    "name", ["報告 🎉.pdf", "../../etc/passwd", "a'b\\c\".txt", " ", "x" * 255]
)
async def test_a_name_is_kept_as_it_is(desk: Desk, name: str) -> None:
    """It is never used as a path."""
    assert (await desk.upload(Bytes(b"x"), name)).name == name


async def test_memory_stays_at_a_few_chunks(desk: Desk) -> None:
    """Whatever the file's size."""
    size = 24 * CHUNK

    class Endless:
        seekable = False

        def __init__(self) -> None:
            self.size = size

        def open(self, offset: int = 0) -> Iterator[bytes]:
            piece = bytes(64 * 1024)
            for _ in range(size // len(piece)):
                yield piece

    tracemalloc.start()
    try:
        await desk.upload(Endless())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * CHUNK  # the sandbox, in this process, has its share


# What can be mended on the way

TROUBLES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "503 at the start": ("google.upload.start", "status", {"status": 503}),
    "a dropped start": ("google.upload.start", "drop", {}),
    "a start whose answer was lost": ("google.upload.start", "after", {}),
    "503 in the middle": ("google.upload.chunk", "status", {"status": 503, "skip": 1}),
    "two 503s": ("google.upload.chunk", "status", {"status": 503, "skip": 1, "count": 2}),
    "429": ("google.upload.chunk", "status", {"status": 429, "skip": 1}),
    "403 for the rate": ("google.upload.chunk", "status", {"reason": "userRateLimitExceeded"}),
    "a dropped chunk": ("google.upload.chunk", "drop", {"skip": 1}),
    "a chunk cut short": ("google.upload.chunk", "cut_body", {"after_bytes": 300_000, "skip": 1}),
    "a chunk whose answer was lost": ("google.upload.chunk", "after", {"skip": 1}),
    "a last chunk whose answer was lost": ("google.upload.chunk", "after", {"skip": 3}),
    "a last chunk whose answer was cut": (
        "google.upload.chunk", "cut_response", {"after_bytes": 20, "skip": 3},
    ),
    "a last chunk answered by a page": ("google.upload.chunk", "html", {"skip": 3}),
    "a session lost": ("google.upload.chunk", "status", {"status": 404, "skip": 2}),
    "a session over": ("google.upload.chunk", "status", {"status": 410, "skip": 2}),
    "a session lost at the last chunk": (
        "google.upload.chunk", "status", {"status": 404, "skip": 3},
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "known"),
    [(name, known) for name in TROUBLES for known in (True, False) if known or "last" in name],
)
@pytest.mark.one_way
async def test_trouble_on_the_way_ends_in_one_whole_file(
    desk: Desk, name: str, known: bool
) -> None:
    """Exactly once, with the right bytes; where the last chunk matters, of unknown size too."""
    target, kind, options = TROUBLES[name]
    await desk.google.fault(target, kind, **options)
    content = os.urandom(3 * CHUNK + 999)
    found = await desk.upload(Bytes(content, size=len(content) if known else None))
    assert found.md5 == hashlib.md5(content, usedforsecurity=False).hexdigest()
    assert await desk.holds_once(content)
    assert (await desk.google.faults())[0]["hits"] >= 1


async def test_a_session_forgotten_while_bytes_move_is_begun_anew(desk: Desk) -> None:
    """As Google loses them: the bytes it had are gone."""
    content = os.urandom(4 * CHUNK)

    class Forgetful(Bytes):
        def open(self, offset: int = 0) -> Iterator[bytes]:
            for number, piece in enumerate(super().open(offset)):
                if number == 25 and self.opened == 1:
                    loop_call(desk.google.forget_sessions())
                yield piece

    loop = asyncio.get_running_loop()

    def loop_call(work: Any) -> None:
        asyncio.run_coroutine_threadsafe(work, loop).result(5)

    source = Forgetful(content)
    await desk.upload(source)
    assert await desk.holds_once(content)
    assert await desk.count("google.upload.start") == 2
    assert source.opened == 2


async def test_a_file_that_is_there_already_is_found(desk: Desk) -> None:
    """The program was restarted after the last byte: 409, and the md5 agrees."""
    content = os.urandom(CHUNK + 1)
    first = await desk.upload(Bytes(content))
    again = await desk.upload(Bytes(content))
    assert again == first
    assert await desk.holds_once(content)


async def test_another_content_under_the_identifier_is_replaced(desk: Desk) -> None:
    """409, and the md5 does not agree."""
    await desk.upload(Bytes(b"half of it"))
    content = os.urandom(CHUNK + 1)
    await desk.upload(Bytes(content))
    assert await desk.holds_once(content)


async def test_a_token_that_ends_during_an_upload_is_refreshed_once(desk: Desk) -> None:
    """And the upload goes on."""
    content = os.urandom(3 * CHUNK)
    ended = False

    class Slow(Bytes):
        def open(self, offset: int = 0) -> Iterator[bytes]:
            nonlocal ended
            for number, piece in enumerate(super().open(offset)):
                if number == 15 and not ended:
                    ended = True
                    future = asyncio.run_coroutine_threadsafe(
                        desk.google.expire_access_tokens(AMY), loop
                    )
                    future.result(5)
                yield piece

    loop = asyncio.get_running_loop()
    await desk.upload(Slow(content))
    assert await desk.holds_once(content)
    assert await desk.world.refreshes() == 1


async def test_a_file_that_arrived_is_not_called_lost(desk: Desk) -> None:
    """Only its answer was lost, and every question after it; it stands in Drive."""
    await desk.google.fault("google.upload.chunk", "after")
    await desk.google.fault("google.upload.*", "status", status=503, count=0, skip=1)
    assert (await desk.upload(Bytes(b"hello"))).id == desk.file_id
    assert await desk.holds_once(b"hello")


# What cannot


async def test_a_grant_revoked_during_an_upload_needs_consent(desk: Desk) -> None:
    """And is quarantined once."""

    class Revoked(Bytes):
        def open(self, offset: int = 0) -> Iterator[bytes]:
            for number, piece in enumerate(super().open(offset)):
                if number == 15:
                    asyncio.run_coroutine_threadsafe(desk.google.revoke(AMY), loop).result(5)
                yield piece

    loop = asyncio.get_running_loop()
    with pytest.raises(ConsentRequired) as caught:
        await desk.upload(Revoked(os.urandom(3 * CHUNK)))
    assert caught.value.code == "invalid_grant"
    assert desk.world.quarantine_notes() == ["invalid_grant"]
    assert await desk.files() == []


async def test_a_full_drive_stops_at_once(desk: Desk) -> None:
    """Trying again would not help."""
    await desk.google.set_quota(AMY, limit=1000, used=1000)
    error = await desk.refused(Bytes(os.urandom(CHUNK)))
    assert isinstance(error, DriveRefused)
    assert error.code == "quota_exceeded"
    assert await desk.count("google.upload.start") == 1


async def test_a_folder_that_was_deleted_is_said_at_once(desk: Desk) -> None:
    """Whoever remembers it looks for it once more."""
    await desk.google.act("delete", file_id=desk.folder_id)
    error = await desk.refused(Bytes(b"x"))
    assert error.code == "file_gone"
    assert await desk.count("google.upload.start") == 1


async def test_drive_being_away_ends_in_a_transient_fault(desk: Desk) -> None:
    """After several tries, with growing pauses."""
    await desk.google.fault("google.upload.*", "status", status=503, count=0)
    assert isinstance(await desk.refused(Bytes(os.urandom(2 * CHUNK))), TransientFault)
    assert await desk.count("google.upload.start") == 6


async def test_a_pause_asked_for_is_not_waited_for_without_end(desk: Desk) -> None:
    """An upload does not sleep for an hour because the token's renewal was told to."""
    await desk.google.expire_access_tokens(AMY)
    await desk.google.fault("google.token.refresh", "status", status=429, retry_after=3600)
    async with asyncio.timeout(20):
        await desk.upload(Bytes(b"x"))
    assert await desk.holds_once(b"x")


@pytest.mark.parametrize("code", ["source_failed", "file_gone"])
@pytest.mark.parametrize("size", [0, 1000, 2 * CHUNK])
async def test_a_source_that_fails_leaves_nothing_in_drive(
    desk: Desk, code: str, size: int
) -> None:
    """At its beginning, in the middle, before its end; its own reason is told."""
    error = await desk.refused(Bytes(bytes(size), size=3 * CHUNK, ends=code))
    assert isinstance(error, SourceFailed)
    assert error.code == code


@pytest.mark.parametrize("size", [0, 1000, CHUNK, 2 * CHUNK - 1])
async def test_a_source_that_ends_early_is_no_whole_file(desk: Desk, size: int) -> None:
    """It announced more; half a file must not pass for the file."""
    error = await desk.refused(Bytes(bytes(size), size=2 * CHUNK))
    assert isinstance(error, SourceFailed)


@pytest.mark.parametrize("size", [1001, CHUNK, 2 * CHUNK])
async def test_a_source_that_gives_more_than_announced_is_refused(desk: Desk, size: int) -> None:
    """It has changed meanwhile."""
    error = await desk.refused(Bytes(bytes(size), size=1000))
    assert isinstance(error, SourceFailed)


class Liar(Bytes):
    """Gives other bytes each time it is opened."""

    def open(self, offset: int = 0) -> Iterator[bytes]:
        """As many as announced."""
        self.opened += 1
        for _ in range(0, len(self.content), self._piece):
            yield os.urandom(self._piece)


async def test_bytes_that_differ_from_what_drive_has_are_never_called_a_success(
    desk: Desk,
) -> None:
    """A source that changed while a session was lost: deleted, tried anew, then said."""
    await desk.google.fault("google.upload.chunk", "status", status=404, skip=2, count=1)
    await desk.google.fault("google.upload.chunk", "status", status=404, skip=8, count=1)
    await desk.google.fault("google.upload.chunk", "status", status=404, skip=14, count=1)
    error = await desk.refused(Liar(bytes(4 * CHUNK), piece=CHUNK))
    assert error.code == "checksum_mismatch"


async def test_a_mismatch_that_happens_once_is_mended(desk: Desk) -> None:
    """The second upload agrees, under an identifier of its own: the first is spent."""
    await desk.google.fault("google.upload.chunk", "status", status=404, skip=2)
    found = await desk.upload(Liar(bytes(4 * CHUNK), piece=CHUNK))
    assert found.id != desk.file_id
    assert len(await desk.files()) == 1
    assert await desk.count("google.drive.files.delete") == 1


# Cancelling


async def test_cancelling_before_the_first_byte_uploads_nothing(desk: Desk) -> None:
    """The button was faster."""
    desk.stop.set()
    assert isinstance(await desk.refused(Bytes(b"x")), UploadCancelled)
    assert await desk.count("google.upload.start") == 0


@pytest.mark.parametrize("after", [1, 15, 29])
async def test_cancelling_midway_leaves_nothing_in_drive(desk: Desk, after: int) -> None:
    """At any piece."""

    class Watched(Bytes):
        def open(self, offset: int = 0) -> Iterator[bytes]:
            for number, piece in enumerate(super().open(offset)):
                if number == after:
                    desk.stop.set()
                yield piece

    assert isinstance(await desk.refused(Watched(os.urandom(3 * CHUNK))), UploadCancelled)
    assert await desk.count("google.upload.cancel") == 1  # it cannot complete any more


async def test_cancelling_during_a_pause_does_not_wait_for_it(desk: Desk) -> None:
    """The file had arrived, and only its answer was lost: that is said, and it stays."""
    await desk.google.fault("google.upload.chunk", "after")
    await desk.google.fault("google.upload.*", "status", status=503, count=0, skip=1)
    target = Target(desk.file_id, "a", TYPE, desk.folder_id)

    def work(drive: Drive) -> DriveFile:
        return upload(
            drive,
            Bytes(b"hello"),
            target,
            progress=desk.progress,
            stop=desk.stop,
            pause_seconds=60,
        )

    running = asyncio.create_task(desk.world.drives.run(ANN, work))
    async with asyncio.timeout(10):
        while not await desk.files():  # noqa: ASYNC110 - it is in another process's hands
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.2)
        desk.stop.set()
        with pytest.raises(UploadCancelled) as caught:
            await running
    assert caught.value.arrived is not None
    assert await desk.holds_once(b"hello")


class Spoilt(Bytes):
    """Gives a page first, and hears only at its end that it was one."""

    def __init__(self, content: bytes, wrong: bytes, times: int = 1) -> None:
        super().__init__(content)
        self._wrong, self._times = wrong, times

    def open(self, offset: int = 0) -> Iterator[bytes]:
        """From there on."""
        if self.opened >= self._times:
            yield from super().open(offset)
            return
        self.opened += 1
        yield self._wrong
        raise SourceSpoilt("not the file")


@pytest.mark.parametrize("size", [2 * CHUNK + 5, None], ids=["announced", "not announced"])
async def test_nothing_of_what_was_not_the_file_stays_in_its_session(
    desk: Desk, size: int | None
) -> None:
    """That session is given up, and another one gets the file from its beginning."""
    source = Spoilt(os.urandom(2 * CHUNK + 5), b"<html>" * 200_000)
    source.size = size
    await desk.upload(source)
    assert await desk.holds_once(source.content)
    assert source.opened == 2
    assert len(desk.sessions) == 2
    assert await desk.count("google.upload.cancel") == 1


async def test_a_source_that_is_spoilt_every_time_is_given_up(desk: Desk) -> None:
    """It may pass, and is told so."""
    fault = await desk.refused(Spoilt(os.urandom(CHUNK), b"<html>", times=99))
    assert fault.code == "source_failed"
    assert await desk.count("google.upload.cancel") == len(desk.sessions) == 3
