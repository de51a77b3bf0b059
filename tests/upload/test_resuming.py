"""An upload that a later process goes on with, and what may have become of it meanwhile."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from pydantic import SecretStr

from security.errors import OperatorFault, TransientFault
from tests.security.kit import ANN, secret
from tests.upload.kit import CHUNK, Bytes, Desk, await_bytes
from upload import StopSignal, UploadInterrupted, discard


def whole(size: int) -> Bytes:
    """A source as a local Bot API server's."""
    return Bytes(os.urandom(size), seekable=True)


async def interrupted(desk: Desk, source: Bytes, *, after: int) -> SecretStr:
    """An upload that the program's stop meets at that piece; the session's address."""

    class Stopped(Bytes):
        def open(self, offset: int = 0) -> Iterator[bytes]:
            for number, piece in enumerate(super().open(offset)):
                if number == after:
                    await_bytes(desk.sandbox, 2 * CHUNK)
                    desk.stop.interrupt()
                yield piece

    same = Stopped(source.content, seekable=source.seekable)
    with pytest.raises(UploadInterrupted) as caught:
        await desk.upload(same)
    assert caught.value.code == "stopped"
    desk.stop = StopSignal()
    return desk.sessions[-1]


@pytest.mark.parametrize("seekable", [False, True], ids=["streamed", "seekable"])
async def test_an_interrupted_upload_goes_on_where_drive_says(desk: Desk, seekable: bool) -> None:
    """What Drive has is not sent again, and nothing was deleted meanwhile."""
    source = Bytes(os.urandom(4 * CHUNK + 5), seekable=seekable)
    session = await interrupted(desk, source, after=25)
    had = await desk.sent()
    await desk.google.forget_calls()
    found = await desk.upload(source, session=session)
    assert found.id == desk.file_id
    assert await desk.holds_once(source.content)
    # Drive keeps whole blocks of what a broken request brought.
    assert await desk.sent() <= len(source.content) - 2 * CHUNK
    assert had >= 2 * CHUNK
    assert await desk.count("google.upload.start") == 0
    assert len(desk.sessions) == 1
    for operation in ("google.upload.cancel", "google.drive.files.delete"):
        assert await desk.count(operation) == 0


async def test_a_kill_after_drives_last_answer_makes_no_second_file(desk: Desk) -> None:
    """Nobody wrote the answer down: the session tells it again, without a byte sent."""
    source = whole(2 * CHUNK + 1)
    first = await desk.upload(source)
    await desk.google.forget_calls()
    assert await desk.upload(source, session=desk.sessions[0]) == first
    assert await desk.sent() == 0
    assert await desk.holds_once(source.content)


@pytest.mark.parametrize("seekable", [False, True], ids=["streamed", "seekable"])
@pytest.mark.parametrize("status", [404, 410, 499, 400])
async def test_a_finished_session_that_is_over_leads_to_its_file(
    desk: Desk, status: int, seekable: bool
) -> None:
    """A week later the identifier still tells."""
    source = Bytes(os.urandom(2 * CHUNK + 1), seekable=seekable)
    first = await desk.upload(source)
    await desk.google.fault("google.upload.status", "status", status=status, count=0)
    await desk.google.forget_calls()
    assert await desk.upload(source, session=desk.sessions[0]) == first
    assert await desk.sent() == 0
    assert await desk.holds_once(source.content)


async def test_a_session_lost_between_two_runs_is_begun_anew(desk: Desk) -> None:
    """Under the same identifier; the new address is told."""
    source = whole(4 * CHUNK)
    session = await interrupted(desk, source, after=25)
    await desk.google.forget_sessions()
    found = await desk.upload(source, session=session)
    assert found.id == desk.file_id
    assert await desk.holds_once(source.content)
    assert [secret(told) == secret(session) for told in desk.sessions] == [True, False]


async def test_a_source_that_changed_between_two_runs_is_no_success(desk: Desk) -> None:
    """Half of the one and half of the other: deleted, and uploaded anew."""
    session = await interrupted(desk, whole(4 * CHUNK), after=25)
    other = whole(4 * CHUNK)
    found = await desk.upload(other, session=session)
    assert found.id != desk.file_id
    assert await desk.holds_once(other.content)


async def test_what_drive_has_is_kept_while_it_is_away(desk: Desk) -> None:
    """A later try, by a tap on “Try again”, goes on there."""
    source = Bytes(os.urandom(4 * CHUNK))
    await desk.google.fault("google.upload.*", "status", status=503, count=0, skip=3)
    assert isinstance(await desk.refused(source), TransientFault)
    await desk.google.clear_faults()
    await desk.google.forget_calls()
    assert (await desk.upload(source, session=desk.sessions[0])).id == desk.file_id
    assert await desk.sent() == 2 * CHUNK
    assert await desk.holds_once(source.content)


async def test_a_session_is_told_before_its_first_byte(desk: Desk) -> None:
    """What could not be written down could not be gone on with."""

    class Seen(Bytes):
        def open(self, offset: int = 0) -> Iterator[bytes]:
            for piece in super().open(offset):
                yield piece
                seen.append(len(desk.sessions))

    seen: list[int] = []
    await desk.upload(Seen(bytes(CHUNK), piece=CHUNK // 4, seekable=True))
    assert set(seen) == {1}


@pytest.mark.parametrize("code", ["local_file_unreadable", "store_failed"])
async def test_an_operators_fault_deletes_nothing(desk: Desk, code: str) -> None:
    """Once it is mended, the upload goes on."""
    source = whole(4 * CHUNK)

    class Unreadable(Bytes):
        def open(self, offset: int = 0) -> Iterator[bytes]:
            for number, piece in enumerate(super().open(offset)):
                if number == 25:
                    raise OperatorFault("not for now", code=code)
                yield piece

    error = await desk.refused(Unreadable(source.content, seekable=True))
    assert error.code == code
    assert await desk.count("google.upload.cancel") == 0
    await desk.upload(source, session=desk.sessions[0])
    assert await desk.holds_once(source.content)


def test_whoever_was_first_says_why_an_upload_ends() -> None:
    """A stop that meets a cancelled upload does not keep it, nor the other way round."""
    stopped, cancelled = StopSignal(), StopSignal()
    stopped.interrupt()
    stopped.set()
    cancelled.set()
    cancelled.interrupt()
    assert (stopped.interrupted, cancelled.interrupted) == (True, False)


async def test_who_gives_up_a_waiting_upload_leaves_nothing_of_it(desk: Desk) -> None:
    """Killed after Drive's last answer, then cancelled: the file goes, and cannot come back."""
    source = whole(CHUNK)
    await desk.upload(source)
    await desk.world.drives.run(ANN, lambda drive: discard(drive, desk.file_id, desk.sessions[0]))
    assert await desk.files() == []
