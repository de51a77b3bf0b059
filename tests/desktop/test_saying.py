"""What goes wrong, or otherwise than expected, is said as it is, with what comes next."""

from __future__ import annotations

import asyncio
import shutil
from pathlib import Path

import pytest

from desktop.keeping.system import this_system
from desktop.page.texts import Texts
from desktop.page.words import said_of
from desktop.queue.shelf import Shelf
from desktop.sending.cloud import Cloud
from desktop.sending.live import Live
from desktop.sending.route import Route
from desktop.sending.sender import Sender
from desktop.sending.sources import QueuedContent
from desktop.sending.waits import Wait, wait_for
from drive.api import DriveApi
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from security.errors import TransientFault
from security.google.network import DIRECT
from tests.desktop.demo import File
from tests.desktop.kit import FORM, RunningDesktop, moves, paired_desktop, pdf, running_desktop
from tests.desktop.test_hostile import FILE_ID, PAIRED, cloud_that_says
from tests.desktop.test_keeping import PAIRING, add, manager
from tests.journeys import out_of_place, until, until_struck
from tests.pages.clock import NOW
from tests.security.kit import AMY
from tests.web.kit import OPERATOR, RunningWeb
from tests.web.test_uploads import files, open_sessions

pytestmark = pytest.mark.encryption("on")
BOTH_KEYS = pytest.mark.parametrize(
    "may", [("upload",), ("upload", "token")], ids=["session", "token"]
)
NOWHERE = "http://127.0.0.1:9"
PRESSED = {**FORM, "Content-Type": "application/x-www-form-urlencoded"}


async def press(desk: RunningDesktop, what: str) -> None:
    """The button of the one file there is."""
    [record] = desk.records
    answer = await desk.browser.post(f"/files/{record.id}/{what}", headers=PRESSED)
    assert answer.status_code == 303


async def test_a_cloud_without_its_database_is_waited_for(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    await web.authorise(google, AMY)
    async with paired_desktop(web, tmp_path / "desk") as desk:
        with out_of_place(tmp_path / "user_data"):
            await desk.add(("甲.pdf", pdf()))
            page = await desk.until_it_says("It cannot take files now.")
            assert "Waiting for the cloud" in page
            assert "to wake" not in page
            assert "goes by itself then; where this lasts, tell an administrator" in page
        await press(desk, "now")
        await desk.until("done")


async def test_a_blocked_key_is_said_and_serves_again_once_it_is_unblocked(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    await web.authorise(google, AMY)
    async with paired_desktop(web, tmp_path / "desk") as desk:
        [client] = await asyncio.to_thread(web.services.desk.clients.all, "tanhae")
        await web.services.desk.block(client.id, OPERATOR)
        await desk.add(("甲.pdf", pdf()))
        page = await desk.until_it_says("this computer's key is blocked")
        assert "Ask an administrator to look at it" in page
        await web.services.desk.unblock(client.id, OPERATOR)
        await press(desk, "now")
        await desk.until("done")


@BOTH_KEYS
async def test_what_is_cancelled_while_bytes_move_leaves_nothing(
    web: RunningWeb,
    google: GoogleControls,
    sandbox: Sandbox,
    tmp_path: Path,
    may: tuple[str, ...],
) -> None:
    """Neither in Drive nor on the disk, nor a session that would take more."""
    await web.authorise(google, AMY)
    await google.rate("google.upload.chunk", 100_000)
    endpoint = web.settings.google_api_endpoint
    async with paired_desktop(
        web, tmp_path / "desk", may=may, google_api_endpoint=endpoint
    ) as desk:
        await desk.add(("甲.pdf", pdf(5_000_000)))
        [record] = desk.records
        await until(lambda: moves(desk, record.id))
        page = (await desk.browser.get("/live")).text
        assert "Uploading, " in page
        await press(desk, "remove")
        await until(lambda: not desk.records)
        page = (await desk.browser.get("/live")).text
    assert "甲.pdf" not in page
    assert await files(google) == []
    assert open_sessions(sandbox) == 0
    assert list((tmp_path / "desk" / "queue").iterdir()) == []


async def test_what_is_cancelled_twice_is_cancelled(tmp_path: Path) -> None:
    """Somebody presses again while nobody answers whether it has arrived."""
    asked, answers = asyncio.Event(), asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await answers.wait()
        writer.close()

    kept = manager(tmp_path)
    shelf = Shelf(tmp_path / "queue", this_system(), kept.keyring)
    record = add(shelf)
    shelf.change(record.id, file_id=FILE_ID)  # it was begun at an earlier start
    sender = Sender(Route(shelf, kept, DIRECT, NOWHERE, lambda at: DriveApi(at, DIRECT)))
    async with await asyncio.start_server(hold, "127.0.0.1", 0) as server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        kept.keep(PAIRING.model_copy(update={"cloud": address}))
        first = asyncio.create_task(asyncio.to_thread(sender.cancel, record.id))
        await asked.wait()
        await asyncio.to_thread(sender.cancel, record.id)
        answers.set()
        await first
    assert shelf.all() == []


@pytest.mark.one_way
@BOTH_KEYS
async def test_what_has_arrived_before_it_is_cancelled_is_said_to_be_there(
    web: RunningWeb, google: GoogleControls, tmp_path: Path, may: tuple[str, ...]
) -> None:
    """Also where only Drive's answer was lost; and where nobody can be asked, that it may be."""
    await web.authorise(google, AMY)
    endpoint = web.settings.google_api_endpoint
    async with paired_desktop(
        web, tmp_path / "desk", may=may, google_api_endpoint=endpoint
    ) as desk:
        await google.fault("google.upload.chunk", "after")
        first = 0 if "token" in may else 1
        await google.fault("google.upload.status", "hang", skip=first, count=None)
        await desk.add(("甲.pdf", pdf()))
        await until_struck(google, "google.upload.status")
        await asyncio.to_thread(shutil.copytree, tmp_path / "desk", tmp_path / "later")
        await google.clear_faults()
        await press(desk, "remove")
        await desk.until("done")
        [pairing] = desk.services.credentials.pairings
    # As a kill would have left it, and nobody answers since.
    alone = pairing.model_copy(update={"cloud": NOWHERE, "token": None})
    manager(tmp_path / "later").keep(alone)
    async with running_desktop(tmp_path / "later", google_api_endpoint=NOWHERE) as desk:
        await desk.until_it_says("No connection")
        await press(desk, "remove")
        await desk.until("refused")
        page = (await desk.browser.get("/live")).text
    assert "Cancelled, but perhaps in Drive" in page
    assert len(await files(google)) == 1


async def test_what_arrives_while_cancel_is_pressed_stays_in_the_history(tmp_path: Path) -> None:
    """The page that was pressed on did not know yet."""
    kept = manager(tmp_path)
    shelf = Shelf(tmp_path / "queue", this_system(), kept.keyring)
    sender = Sender(Route(shelf, kept, DIRECT, NOWHERE, lambda at: DriveApi(at, DIRECT)))
    record = add(shelf)
    arrived = shelf.change(record.id, state="done", file_id=FILE_ID, ended_at=shelf.now())
    sender.cancel(record.id)
    assert shelf.all() == [arrived]


async def test_what_never_went_is_not_said_to_be_perhaps_in_drive(tmp_path: Path) -> None:
    """It was begun, no byte of it went, and the next start meets a key that opens nothing."""
    session = {"state": "waiting", "file_id": FILE_ID, "session_url": f"{NOWHERE}/upload?id=1"}
    async with (
        cloud_that_says(pair=PAIRED, upload_sessions=session) as cloud,
        running_desktop(tmp_path) as desk,
    ):
        await desk.pair(cloud, "AAAA-AAAA")
        await desk.add(("甲.pdf", pdf()))
        await until(lambda: bool(desk.records[0].file_id))
        [pairing] = desk.services.credentials.pairings
    problem = "403 Forbidden\r\nContent-Type: application/problem+json"
    async with cloud_that_says(problem, upload_sessions={"code": "key_revoked"}) as cloud:
        manager(tmp_path).keep(pairing.model_copy(update={"cloud": cloud}))
        async with running_desktop(tmp_path) as desk:
            await desk.until_it_says("key was disabled")
            await press(desk, "remove")
            await until(lambda: not desk.records)  # its last try may not be over yet


async def test_another_file_of_the_same_name_is_said_to_be_beside_it(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """Drive keeps both; the same content is not sent again, and that is said with its time."""
    await web.authorise(google, AMY)
    async with paired_desktop(web, tmp_path / "desk") as desk:
        await desk.add(("班表.pdf", pdf(seed=1)))
        await desk.until("done")
        assert "another file of this name" not in (await desk.browser.get("/live")).text
        await desk.add(("班表.pdf", pdf(seed=2)))
        await desk.until("done", "done")
        await desk.add(("班表.pdf", pdf(seed=2)), ("又.pdf", pdf(seed=1)))
        await desk.until("done", "done", "same", "same")
        page = (await desk.browser.get("/live")).text
    assert page.count("Drive keeps another file of this name beside it") == 1
    assert "</time>, under the same name. It was not sent again." in page
    assert "</time>, as “班表.pdf”. It was not sent again." in page
    assert [file["name"] for file in await files(google)] == ["班表.pdf"] * 2


def test_an_upload_that_stands_still_is_not_said_to_end_soon() -> None:
    """How fast it was until then tells nothing any more."""
    record = File("甲.pdf", 100).record
    live = Live(record.size, 0.0, content=QueuedContent(Path(), record.size))
    assert live.content is not None
    live.content.since = 1.0

    def more(seconds: float, share: float) -> str:
        live.progress.confirm(int(record.size * share))
        return str(said_of(record, live, "淡海", Texts("en"), NOW, seconds).more)

    said = said_of(record, live, "淡海", Texts("en"), NOW, 11.0)
    assert said.word == "Beginning"  # and no cloud is said to sleep: it has answered
    live.progress.confirm(0)
    assert more(11.0, 0.5) == "5 MiB a second, 10 seconds to go"
    assert more(15.0, 0.5).endswith("14 seconds to go")
    assert more(16.0, 0.5) == "Nothing has moved for 5 seconds; it goes on by itself."
    assert more(17.0, 0.8) == "5 MiB a second, 4 seconds to go"


def test_what_an_earlier_try_has_sent_does_not_make_this_one_fast() -> None:
    """Nor does it count as moving, where each try ends in the same way."""
    live = Live(100 * 1024**2, 0.0, content=QueuedContent(Path(), 100 * 1024**2))
    assert live.content is not None
    live.content.since = 1.0
    live.progress.confirm(50 * 1024**2)
    assert (live.speed(11.0), live.has_moved) == (0.0, False)
    live.progress.confirm(60 * 1024**2)
    assert (live.speed(11.0), live.has_moved) == (1024**2, True)


def test_what_is_read_or_sent_moves() -> None:
    """By 64 KiB a minute; before the cloud has answered nothing is to move."""
    live = Live(10**6, 0.0)
    assert live.stands_for(100.0) == 0
    content = live.content = QueuedContent(Path(), 10**6)
    live.progress.confirm(0)
    for seconds, read, sent, stands in (
        (100.0, 0, 0, 0),
        (160.0, 0, 65_535, 60),
        (161.0, 0, 65_536, 0),
        (200.0, 65_536, 65_536, 0),
        (290.0, 65_536, 100_000, 90),
    ):
        content.at = read
        live.progress.confirm(sent)
        assert live.stands_for(seconds) == stands, seconds


@pytest.mark.parametrize("wait", [None, Wait("asleep", 0.0)], ids=["asking", "waiting"])
def test_a_cloud_that_never_answers_is_not_said_to_wake_for_ever(wait: Wait | None) -> None:
    """It may drip, or somebody else may answer in its place: an administrator has to know."""
    record = File("甲.pdf", 1).record
    live = Live(record.size, 0.0, wait=wait)

    def word(seconds: float) -> str:
        return str(said_of(record, live, "淡海", Texts("en"), NOW, seconds).word)

    assert word(4.0) == word(299.0) == "Waiting for the cloud to wake"
    assert word(301.0) == "Waiting for the cloud"


def test_whose_turn_has_come_is_not_said_to_go_on_soon() -> None:
    """While others go."""
    record = File("甲.pdf", 1).record
    live = Live(record.size, 0.0, wait=Wait("offline", 10.0))

    def word(seconds: float) -> str:
        return str(said_of(record, live, "淡海", Texts("en"), NOW, seconds).word)

    assert (word(9.0), word(11.0)) == ("No connection", "In the queue")


async def test_whoever_answers_late_is_asleep_and_is_asked_again() -> None:
    """A host holds requests until what is behind it is up. In earnest that is 90 s (WAKING_SECONDS)
    at a time."""

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until whoever asks has left
        writer.close()

    async with await asyncio.start_server(hold, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        cloud = Cloud(f"http://localhost:{port}", patience=0.2)
        with pytest.raises(TransientFault) as late:
            await asyncio.to_thread(cloud.status, PAIRING)
    assert wait_for(late.value, 1, 0.0).why == "asleep"
