"""What is pressed, or changes, while something else does: the later one is heard as well."""

from __future__ import annotations

import asyncio
import errno
import json
import os
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretStr

from config import Settings
from desktop.keeping import files
from desktop.keeping.system import this_system
from desktop.page.texts import Texts
from desktop.page.words import said_of, why_it_waits
from desktop.queue.shelf import Shelf
from desktop.sending.cloud import Cloud
from desktop.sending.live import Live, next_try
from desktop.sending.sources import QueuedContent
from desktop.sending.waits import Wait
from desktop.services import Services
from processes.desktop.running import services_of
from sandbox.clients.google_controls import GoogleControls
from tests.desktop.demo import File
from tests.desktop.kit import code_for, paired_desktop, pdf, running_desktop
from tests.desktop.test_hostile import FILE_ID
from tests.desktop.test_keeping import PAIRING, add, manager, shelf_in
from tests.desktop.test_saying import BOTH_KEYS, PRESSED
from tests.desktop.test_uploading import waits
from tests.journeys import out_of_place, until, until_struck
from tests.pages.clock import NOW
from tests.security.kit import AMY
from tests.web.kit import RunningWeb

pytestmark = pytest.mark.encryption("on")
KIND = this_system()


async def test_a_code_that_the_cloud_cannot_look_at_is_not_called_wrong(
    web: RunningWeb, tmp_path: Path
) -> None:
    """It is good once the cloud is; and whoever pressed once more meanwhile is paired."""
    async with running_desktop(tmp_path / "desk") as desk:
        code = await code_for(web)
        with out_of_place(tmp_path / "user_data"):
            answer = await desk.pair(web.url, code)
        assert (answer.status_code, "The cloud cannot pair now" in answer.text) == (400, True)
        assert "This code is wrong" not in answer.text
        for _ in range(2):
            assert (await desk.pair(web.url, code)).status_code == 303


async def test_an_authorised_department_is_not_said_to_be_none_while_files_wait_their_turn(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """The first that goes is the news for all, above the files as well."""
    async with paired_desktop(web, tmp_path / "desk") as desk:
        await desk.add(*((f"{number}.pdf", pdf(seed=number)) for number in range(4)))
        await until(lambda: all(waits(desk, record.id) for record in desk.records))
        await desk.until_it_says("✗ not authorised")
        await google.fault("google.upload.chunk", "hang", count=None)
        await web.authorise(google, AMY)
        await desk.browser.post(f"/files/{desk.records[0].id}/now", headers=PRESSED)
        await until_struck(google, "google.upload.chunk", 2)
        page = await desk.until_it_says("✓ authorised")
        assert "has not authorised Google Drive" not in page
        assert len(re.findall("In the queue", page)) == 2
        await google.clear_faults()
        await desk.until(*["done"] * 4)


async def test_what_was_said_of_the_key_before_holds_for_this_one_no_more(tmp_path: Path) -> None:
    """The computer is paired anew while the cloud still thinks about the old key."""
    asked, answers = asyncio.Event(), asyncio.Event()

    async def cloud(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        status, said = "200 OK", {"state": "complete", "file_id": FILE_ID}
        if b"upload-sessions" in head and b"dkc_secret" in head:
            asked.set()
            await answers.wait()
            status = "403 Forbidden\r\nContent-Type: application/problem+json"
            said = {"code": "key_revoked"}
        body = json.dumps(said)
        writer.write(f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode())
        writer.close()

    async with (
        await asyncio.start_server(cloud, "127.0.0.1", 0) as server,
        running_desktop(tmp_path) as desk,
    ):
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        desk.services.credentials.keep(PAIRING.model_copy(update={"cloud": address}))
        await desk.add(("甲.pdf", pdf()))
        await asked.wait()
        again = PAIRING.model_copy(update={"cloud": address, "key": SecretStr("dkc_other")})
        desk.services.credentials.keep(again)
        desk.services.sender.wake()
        answers.set()
        await desk.until("done")


def test_what_is_asked_again_is_said_to_wait_until_the_cloud_says_otherwise() -> None:
    """Or else the page would jump each half minute, and read that aloud."""
    record = File("甲.pdf", 1).record
    mono, before = 100.0, Live(record.size, 50.0, wait=Wait("consent", 99.0))
    live = next_try(record, before, mono)
    assert [why_it_waits(live, mono + seconds) for seconds in (0, 4)] == ["consent", "asleep"]
    live.content = QueuedContent(Path(), record.size)
    assert why_it_waits(live, mono) is None
    assert before.wait is not None
    before.wait = before.wait.ended  # somebody has pressed, or it is authorised now
    assert said_of(record, before, "淡海", Texts("en"), NOW, mono).word == "In the queue"
    assert why_it_waits(next_try(record, before, mono), mono) is None


class FullDisk(type(KIND)):  # type: ignore[misc]
    """Has no room for a byte while it is full."""

    is_full = False

    def create(self, path: Path) -> int:
        """As a system does."""
        if self.is_full:
            raise OSError(errno.ENOSPC, "no room")
        return int(super().create(path))


def why(services: Services, id: str) -> str:
    """What a file waits for."""
    live = services.sender.live(id)
    return live.wait.why if live is not None and live.wait is not None else ""


@BOTH_KEYS
async def test_a_full_disk_is_said_of_what_has_not_begun(
    web: RunningWeb, google: GoogleControls, tmp_path: Path, may: tuple[str, ...]
) -> None:
    """Nothing of it goes, since it could not be known again; once there is room it does."""
    await web.authorise(google, AMY)
    disk, endpoint = FullDisk(), web.settings.google_api_endpoint
    settings = Settings(_env_file=None, google_api_endpoint=endpoint)
    with services_of(settings, tmp_path / "desk", disk) as services:
        pairing = await asyncio.to_thread(Cloud(web.url).pair, await code_for(web, may=may))
        record = add(services.shelf)  # for which there is no key yet
        services.credentials.keep(pairing)
        disk.is_full = True
        services.sender.wake()
        await until(lambda: why(services, record.id) == "disk")
        disk.is_full = False
        services.sender.wake()
        await until(lambda: [one.state for one in services.shelf.all()] == ["done"])


class SlowDisk(type(KIND)):  # type: ignore[misc]
    """Somebody else comes in while it forgets a file."""

    meanwhile: Callable[[], object] = staticmethod(lambda: None)

    def sync_folder(self, folder: Path) -> None:
        """As a system does."""
        super().sync_folder(folder)
        now, self.meanwhile = self.meanwhile, lambda: None
        now()


def test_what_is_to_go_once_more_meanwhile_is_not_cleared_away(tmp_path: Path) -> None:
    """An hour is over after which it could not be asked for, but it was."""
    disk, now = SlowDisk(), 1_800_000_000.0
    shelf = Shelf(tmp_path / "queue", disk, manager(tmp_path).keyring, now=lambda: now)
    same = add(shelf, "甲.pdf")
    shelf.change(same.id, state="same")
    now += 7200
    old = add(shelf, "乙.pdf", pdf(seed=2))  # the newest comes first
    shelf.change(old.id, state="done", ended_at=now - 91 * 86_400)
    disk.meanwhile = lambda: shelf.change(same.id, state="queued", anew=True)
    shelf.forget_old(told=now)
    assert [one.state for one in shelf.all()] == ["queued"]
    assert shelf.content(same.id).exists()


async def test_only_what_is_in_drive_already_is_sent_once_more(tmp_path: Path) -> None:
    """Two press at once, and the first one's has arrived by now."""
    shelf = shelf_in(tmp_path)
    record = add(shelf)
    arrived = shelf.change(record.id, state="done", ended_at=shelf.now())
    shelf.again(record.id)
    assert shelf.all() == [arrived]


def test_what_cannot_be_removed_stays_in_the_list(tmp_path: Path) -> None:
    """The next start would find it, and upload it."""
    shelf = shelf_in(tmp_path)
    record = add(shelf)
    kept = tmp_path / "queue" / f"{record.id}.record"
    kept.rename(tmp_path / "kept")
    kept.mkdir()
    with pytest.raises(OSError, match=r"directory|permitted"):
        shelf.remove(record.id)
    assert shelf.all() == [record]


def test_a_token_of_the_key_before_is_not_kept_for_one_that_may_not(tmp_path: Path) -> None:
    kept = manager(tmp_path)
    kept.keep(PAIRING)
    of_before = SecretStr("dkc_before")
    kept.keep_token("tanhae", SecretStr("ya29.token"), datetime.now(UTC), asked_by=of_before)
    assert manager(tmp_path).pairings == (PAIRING,)


class NoRoom(type(KIND)):  # type: ignore[misc]
    """A file can be made, and nothing be written into it."""

    def create(self, path: Path) -> int:
        """As a system does."""
        os.close(super().create(path))
        return os.open("/dev/full", os.O_WRONLY)


def test_a_full_disk_is_left_nothing_of_what_it_did_not_take(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="space"):
        files.write(NoRoom(), tmp_path / "record", b"some of it")
    assert list(tmp_path.iterdir()) == []


async def test_a_file_that_is_gone_is_said_to_be_no_page(tmp_path: Path) -> None:
    """Its record is lost, and somebody has cleared its content away."""
    kept = manager(tmp_path)
    kept.keep(PAIRING)
    shelf = shelf_in(tmp_path, kept)
    record = add(shelf)
    (tmp_path / "queue" / f"{record.id}.record").write_bytes(b"damaged")
    async with running_desktop(tmp_path) as desk:
        shelf.content(record.id).unlink()
        answer = await desk.browser.get(f"/files/{record.id}/content")
    assert (answer.status_code, "There is no such page" in answer.text) == (404, True)


async def test_that_the_history_is_longer_than_the_page_is_said(tmp_path: Path) -> None:
    shelf = shelf_in(tmp_path, kept := manager(tmp_path))
    kept.keep(PAIRING)
    for number in range(202):
        record = File(f"{number}.pdf", 1, "done", hours_ago=1 + number).record
        shelf.put(record.model_copy(update={"ended_at": shelf.now() - 3600 - number}))
    async with running_desktop(tmp_path) as desk:
        page = (await desk.browser.get("/live")).text
    assert "2 older uploads are not shown" in re.sub("[\u2066-\u2069]", "", page)
    assert page.count("data-link") == 200


async def test_a_google_that_is_silent_is_not_called_a_cloud_that_wakes(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """The cloud has given its token: it is awake."""
    await web.authorise(google, AMY)
    async with paired_desktop(
        web,
        tmp_path / "desk",
        may=("upload", "token"),
        google_api_endpoint=web.settings.google_api_endpoint,
    ) as desk:
        await google.fault("google.drive.files.list", "hang", count=None)
        await desk.add(("甲.pdf", pdf()))
        await until_struck(google, "google.drive.files.list")
        live = desk.services.sender.live(desk.records[0].id)
        assert live is not None
        assert live.stage == "beginning"
        await google.clear_faults()
        await desk.until("done")
