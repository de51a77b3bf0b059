"""Uploads that are handed to computers: one session a request, and the file whole in its Drive."""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import traceback
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import aiohttp
import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from departments.clients.alarms import Alarms
from departments.clients.clients import Client, ClientRecords
from departments.clients.refusals import TooOften, WrongKey
from departments.clients.stopping import KeyStops
from departments.documents import Shelf
from departments.kinds import CLIENTS, UPLOADS
from departments.names import Department
from departments.uploads.handed import KEPT_SECONDS, HandedUploads, OtherFile
from departments.uploads.kept import Uploads
from departments.uploads.records import AnnouncedFile, HandedUpload, Record
from drive import DriveApi, DriveRefused
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from security.encryption import TokenEncryption
from security.errors import ConsentRequired, TransientFault
from security.logging_utils import configure_logging
from security.storage.each import only
from security.storage.protocol import ABSENT, Unit
from tests.departments.kit import uploads_of
from tests.journeys import until_struck
from tests.security.kit import AMY, BEN, MASK, TOWN, World
from tests.stores import keep

pytestmark = pytest.mark.encryption("on")
TANHAE: Final = Department("tanhae", "淡海")
CLIENT: Final = "c0ffee" * 10
OTHER: Final = "facade" * 10
KEY: Final = "8e03978e-40d5-43dd-bc93-6894a57f9324"
CONTENT: Final = b"%PDF-1.7 the roster of a department" * 20_000
BLOCK: Final = 256 * 1024


def announced(content: bytes = CONTENT, name: str = "班表.pdf", **changes: Any) -> AnnouncedFile:
    """What a computer says of a file."""
    told = {"name": name, "size": len(content), "mime": "application/pdf"}
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest()
    return AnnouncedFile.model_validate({**told, "md5": md5, **changes})


class Cloud:
    """The department's Drive, and processes that hand out its sessions."""

    def __init__(self, world: World, sandbox: Sandbox) -> None:
        assert sandbox.google is not None
        self.world, self.drive = world, sandbox.google
        self.google = world.google
        self.uploads = self.process()

    def process(self, api: DriveApi | None = None) -> HandedUploads:
        """One more, as after a restart, or beside the others."""
        return uploads_of(self.world, self.world.new_custody(), api)

    def stops(self, beside: HandedUploads | None = None) -> KeyStops:
        """By which keys are ended in a process."""
        withdrawing = (beside or self.uploads).withdrawing
        return KeyStops(
            self.world.custody.workers,
            self.computers,
            lambda client: withdrawing.of_computer(client.name),
        )

    @property
    def computers(self) -> ClientRecords:
        return ClientRecords(self.world.storage, Alarms(self.world.storage))

    def open_sessions(self) -> int:
        """Of Drive's."""
        return len(self.drive.sessions)

    def process_of(self, most_open: int) -> HandedUploads:
        made = self.process()
        made._most_open = most_open
        return made

    async def begin(
        self, file: AnnouncedFile | None = None, key: str = KEY, client: str = CLIENT
    ) -> HandedUpload:
        return await self.uploads.begin(client, TANHAE, file or announced(), key)

    async def state(self, key: str = KEY) -> HandedUpload:
        found = await self.uploads.state(CLIENT, TANHAE, key)
        assert found is not None
        return found

    async def files(self, account: str = AMY) -> list[dict[str, Any]]:
        """In the Drive, without its folders."""
        found = await self.google.files(account)
        return [file for file in found if "folder" not in file["mimeType"]]

    async def calls(self, operation: str) -> int:
        return int((await self.google.calls())["counts"].get(f"google.{operation}", 0))


@pytest.fixture
async def cloud(
    sandbox: Sandbox, google: GoogleControls, folder: Path, keyring: TokenEncryption
) -> AsyncIterator[Cloud]:
    """淡海 is authorised, and has two computers."""
    world = World(sandbox, google, folder, keyring)
    await world.connect(TOWN)
    for name in (CLIENT, OTHER):
        its = Client(department="tanhae", label="行控中心", created_at=0, created_by="user:1")
        Shelf(world.storage, CLIENTS, Client).write(name, its)
    yield Cloud(world, sandbox)
    await world.close()


async def send(
    handed: HandedUpload, content: bytes = CONTENT, begin: int = 0, end: int | None = None
) -> int:
    """Send bytes as a computer does, which has no token; the status of Drive's answer."""
    assert handed.session is not None
    last = len(content) if end is None else end
    headers = {"Content-Range": f"bytes {begin}-{last - 1}/{handed.size}"}
    async with (
        aiohttp.ClientSession() as session,
        session.put(
            handed.session.get_secret_value(), data=content[begin:last], headers=headers
        ) as answer,
    ):
        return answer.status


async def test_bytes_that_go_to_the_session_are_in_the_departments_drive(cloud: Cloud) -> None:
    handed = await cloud.begin()
    assert (handed.state, handed.received, handed.link, handed.is_new) == ("waiting", 0, "", True)
    assert await send(handed) == 200
    found = await cloud.state()
    assert (found.state, found.received, found.name) == ("complete", len(CONTENT), "班表.pdf")
    assert found.session is None
    (file,) = await cloud.files()
    assert file["id"] == handed.file_id == found.file_id
    assert await cloud.google.file_bytes(file["id"]) == CONTENT
    assert file["id"] in found.link
    (folder,) = [one for one in await cloud.google.files(AMY) if one["id"] in file["parents"]]
    assert folder["name"] == "淡海"


async def test_an_upload_that_was_cut_goes_on_where_drive_says(cloud: Cloud) -> None:
    handed = await cloud.begin()
    assert await send(handed, end=BLOCK) == 308
    found = await cloud.state()
    assert (found.state, found.received) == ("waiting", BLOCK)
    again = await cloud.begin()
    assert (again.received, again.session, again.is_new) == (BLOCK, handed.session, False)
    assert await send(handed, begin=BLOCK) == 200
    assert (await cloud.state()).state == "complete"


async def test_twenty_requests_at_once_are_one_session(cloud: Cloud) -> None:
    handed = await asyncio.gather(*(cloud.begin() for _ in range(20)))
    assert await cloud.calls("upload.start") == 1
    assert len({one.session for one in handed}) == 1
    assert [one.is_new for one in handed].count(True) == 1


async def test_of_many_processes_one_hands_out_its_session_and_the_others_give_theirs_up(
    cloud: Cloud, sandbox: Sandbox
) -> None:
    processes = [cloud.process() for _ in range(4)]
    handed = await asyncio.gather(
        *(each.begin(CLIENT, TANHAE, announced(), KEY) for each in processes * 5)
    )
    assert len({(one.session, one.file_id) for one in handed}) == 1
    assert [one.is_new for one in handed].count(True) == 1
    assert sandbox.google is not None
    async with asyncio.timeout(10):
        while len(sandbox.google.sessions) > 1:  # noqa: ASYNC110 - Drive's side tells nobody
            await asyncio.sleep(0.01)
    assert await send(handed[0]) == 200
    assert len(await cloud.files()) == 1


@pytest.mark.one_way("on")
async def test_of_many_processes_one_makes_the_departments_folder(cloud: Cloud) -> None:
    processes = [cloud.process(DriveApi(cloud.world.url)) for _ in range(4)]
    await asyncio.gather(
        *(each.begin(CLIENT, TANHAE, announced(), str(n)) for n, each in enumerate(processes))
    )
    folders = [one["name"] for one in await cloud.google.files(AMY)]
    assert folders == ["淡海"]


async def test_after_a_restart_the_same_request_has_the_same_answer(cloud: Cloud) -> None:
    handed = await cloud.begin()
    again = await cloud.process().begin(CLIENT, TANHAE, announced(), KEY)
    assert (again.session, again.file_id, again.is_new) == (handed.session, handed.file_id, False)
    await send(handed)
    done = await cloud.process().begin(CLIENT, TANHAE, announced(), KEY)
    assert (done.state, done.session) == ("complete", None)
    assert await cloud.calls("upload.start") == 1


async def test_a_finished_upload_is_told_of_without_asking_google(cloud: Cloud) -> None:
    await send(await cloud.begin())
    first = await cloud.state()
    await cloud.google.forget_calls()
    await cloud.google.revoke(AMY)
    assert await cloud.begin() == await cloud.state() == first
    assert (await cloud.google.calls())["counts"] == {}


async def test_another_file_under_the_same_key_is_refused(cloud: Cloud) -> None:
    handed = await cloud.begin()
    for other in ({"name": "b.pdf"}, {"size": 7}, {"md5": "0" * 32}, {"mime": "text/plain"}):
        with pytest.raises(OtherFile):
            await cloud.begin(announced(**other))
    assert (await cloud.state()).session == handed.session
    assert await cloud.calls("upload.start") == 1


async def test_computers_and_keys_are_apart(cloud: Cloud) -> None:
    one, two, three = await asyncio.gather(
        cloud.begin(), cloud.begin(key="another"), cloud.begin(client=OTHER)
    )
    assert len({each.file_id for each in (one, two, three)}) == 3
    assert await cloud.uploads.state(OTHER, TANHAE, "none") is None


@pytest.mark.parametrize("end", ["forget_sessions", "expire_sessions"])
async def test_a_session_that_has_ended_begins_anew_under_its_identifier(
    cloud: Cloud, end: str
) -> None:
    handed = await cloud.begin()
    await send(handed, end=BLOCK)
    await cloud.google.act(end, account=AMY)
    found = await cloud.state()
    assert (found.state, found.session, found.link) == ("gone", None, "")
    again = await cloud.begin()
    assert (again.state, again.received, again.is_new) == ("waiting", 0, True)
    assert again.file_id == handed.file_id
    assert again.session != handed.session
    assert await send(again) == 200
    assert (await cloud.state()).state == "complete"
    assert len(await cloud.files()) == 1


async def test_one_whose_last_answer_was_lost_with_its_session_is_found(cloud: Cloud) -> None:
    handed = await cloud.begin()
    await send(handed)
    assert handed.session is not None
    async with aiohttp.ClientSession() as session:  # Drive forgets what is finished as well
        await session.delete(handed.session.get_secret_value())
    assert (await cloud.begin()).state == "complete"
    assert await cloud.calls("upload.start") == 1


async def test_another_file_than_the_announced_one_is_binned_and_begins_anew(
    cloud: Cloud,
) -> None:
    handed = await cloud.begin()
    assert await send(handed, b"x" * len(CONTENT)) == 200
    found = await cloud.state()
    assert (found.state, found.session, found.link) == ("wrong", None, "")
    assert [file["trashed"] for file in await cloud.files()] == [True]
    again = await cloud.begin()
    assert again.is_new
    assert again.file_id != handed.file_id
    assert await send(again) == 200
    assert (await cloud.state()).state == "complete"


async def test_a_file_deleted_in_drive_takes_another_identifier(cloud: Cloud) -> None:
    handed = await cloud.begin()
    await send(handed)
    await cloud.google.act("delete", file_id=handed.file_id)
    assert (await cloud.state()).state == "gone"
    again = await cloud.begin()
    assert again.file_id != handed.file_id
    assert await send(again) == 200


async def test_a_folder_in_the_bin_is_made_again(cloud: Cloud) -> None:
    await send(await cloud.begin())
    (file,) = await cloud.files()
    await cloud.google.act("trash", file_id=file["parents"][0])
    handed = await cloud.begin(key="next")
    await send(handed)
    (next_one,) = [one for one in await cloud.files() if one["id"] == handed.file_id]
    assert next_one["parents"] != file["parents"]


async def test_a_full_drive_says_so(cloud: Cloud) -> None:
    await cloud.google.set_quota(AMY, limit=1000, used=999)
    with pytest.raises(DriveRefused) as caught:
        await cloud.begin()
    assert caught.value.code == "quota_exceeded"
    await cloud.google.set_quota(AMY, limit=1 << 40, used=0)
    assert (await cloud.begin()).is_new


async def test_a_revoked_department_has_no_sessions(cloud: Cloud) -> None:
    handed = await cloud.begin()
    assert await cloud.uploads.withdrawing.of_department(TOWN) == 1
    await cloud.world.custody.disconnecting.disconnect(TOWN)
    assert await send(handed) in (401, 404)
    with pytest.raises(ConsentRequired):
        await cloud.begin()
    with pytest.raises(ConsentRequired):
        await cloud.state()
    assert await cloud.files() == []


async def test_a_computers_sessions_are_given_up_and_others_stay(cloud: Cloud) -> None:
    mine, other = await cloud.begin(), await cloud.begin(client=OTHER)
    assert await cloud.uploads.withdrawing.of_computer(CLIENT) == 1
    assert await cloud.uploads.withdrawing.of_computer(CLIENT) == 0
    assert await send(mine) == 404
    assert await send(other) == 200


@pytest.mark.parametrize("how", ["revoke", "block"])
async def test_a_key_that_ends_while_its_upload_begins_leaves_no_session(
    cloud: Cloud, how: str
) -> None:
    """Nothing was kept yet when it was looked for what to give up."""
    await cloud.begin(key="before", client=OTHER)  # the folder is there
    beside = cloud.process()
    await cloud.google.fault("google.upload.start", "latency", seconds=60)
    beginning = asyncio.create_task(cloud.begin())
    await until_struck(cloud.google, "google.upload.start")
    stops = cloud.stops(beside)
    stopped = await getattr(stops, how)(CLIENT[:12], "user:1")
    assert stopped is not None
    await stops.settled()
    await cloud.google.clear_faults()
    with pytest.raises(WrongKey) as refused:
        await beginning
    assert refused.value.code == ("key_revoked" if how == "revoke" else "key_blocked")
    await gone(cloud, leaves=1)


async def test_what_nobody_gave_up_when_a_key_ended_is_given_up_later(cloud: Cloud) -> None:
    """The process died, or Drive did not answer, or another program ended it."""
    handed, other = await cloud.begin(), await cloud.begin(client=OTHER)
    cloud.computers.revoke(CLIENT[:12], "user:1")
    await cloud.google.fault("google.upload.cancel", "status", status=503, count=None)
    assert await cloud.process().withdrawing.of_stopped() == 0
    await cloud.google.clear_faults()
    assert await cloud.process().withdrawing.of_stopped() == 1
    assert await cloud.process().withdrawing.of_stopped() == 0
    assert (await send(handed), await send(other)) == (404, 200)


async def test_what_was_kept_just_as_the_account_was_changed_is_given_up_later(
    cloud: Cloud,
) -> None:
    handed = await cloud.begin()
    await cloud.world.connect(TOWN, BEN)
    of_ben = await cloud.begin(client=OTHER)
    assert await cloud.process().withdraw_stale() == 1
    assert await cloud.process().withdraw_stale() == 0
    assert (await send(handed), await send(of_ben)) == (404, 200)


async def test_what_was_given_up_begins_anew_once_the_key_is_unblocked(cloud: Cloud) -> None:
    handed, stops = await cloud.begin(), cloud.stops()
    await stops.block(CLIENT[:12], "user:1")
    await stops.settled()
    await gone(cloud)
    await stops.unblock(CLIENT[:12], "user:1")
    again = await cloud.begin()
    assert (again.is_new, again.file_id) == (True, handed.file_id)
    assert await send(again) == 200
    assert (await cloud.state()).state == "complete"
    assert len(await cloud.files()) == 1


async def gone(cloud: Cloud, leaves: int = 0) -> None:
    """Wait until Drive has no more sessions than that."""
    async with asyncio.timeout(10):
        while cloud.open_sessions() > leaves:  # noqa: ASYNC110 - Drive's side tells nobody
            await asyncio.sleep(0.01)


async def test_a_computer_has_so_many_unfinished_uploads_and_no_more(cloud: Cloud) -> None:
    """Whoever sends what was begun, and never asks, is not kept waiting."""
    cloud.uploads._most_open = 3
    handed = [await cloud.begin(key=str(n)) for n in range(3)]
    with capture_logs() as log, pytest.raises(TooOften) as refused:
        await cloud.begin(key="more")
    assert [(line["event"], line["result"]) for line in log] == [
        ("access_denied", "too_many_uploads")
    ]
    assert (refused.value.code, refused.value.retry_after) == ("too_many_uploads", 60)
    assert (await cloud.begin(key="0")).session == handed[0].session
    assert (await cloud.begin(key="more", client=OTHER)).is_new
    assert await send(handed[1]) == 200
    assert (await cloud.begin(key="more")).is_new
    with pytest.raises(TooOften):
        await cloud.process_of(3).begin(CLIENT, TANHAE, announced(), "still more")


@pytest.mark.one_way("on")
async def test_a_computer_has_a_hundred_unfinished_uploads(cloud: Cloud) -> None:
    await cloud.begin()
    shelf = Uploads(cloud.world.storage)
    [first] = shelf.open(CLIENT)
    names = {f"{first.name[:-2]}{n:02}" for n in range(99)} - {first.name}  # it may end in digits
    more = [shelf.putting(name, first.content, ABSENT) for name in sorted(names)[:98]]
    only(cloud.world.storage.apply([Unit(more)]))
    await cloud.begin(key="the hundredth")
    with pytest.raises(TooOften):
        await cloud.begin(key="one more")


@pytest.mark.one_way("on")
async def test_uploads_that_nobody_goes_on_with_hide_none_that_have_arrived(cloud: Cloud) -> None:
    """Of the oldest no byte ever comes; of the others all has come, and nobody has asked."""
    cloud.uploads._most_open = 20
    handed = [await cloud.begin(key=str(n)) for n in range(20)]
    for one in handed[10:]:
        assert await send(one) == 200
    assert (await cloud.begin(key="more")).is_new


async def test_a_look_that_fails_is_logged_as_a_beginning_is(cloud: Cloud) -> None:
    await cloud.begin()
    await cloud.google.revoke(AMY)
    await cloud.world.custody.disconnecting.disconnect(TOWN)
    with capture_logs() as log:
        for ask in (cloud.begin, cloud.state):
            with pytest.raises(ConsentRequired):
                await ask()
    events = [(line["event"], line["result"]) for line in log]
    assert events == [("upload_not_handed", "not_connected")] * 2


async def test_what_was_begun_for_another_account_begins_anew_in_the_new_one(cloud: Cloud) -> None:
    handed = await cloud.begin()
    await cloud.world.connect(TOWN, BEN)
    assert (await cloud.state()).state == "gone"
    again = await cloud.begin()
    assert again.file_id != handed.file_id
    assert await send(again) == 200
    assert (await cloud.files(AMY), len(await cloud.files(BEN))) == ([], 1)


@pytest.mark.one_way("on")
async def test_a_drive_that_does_not_answer_is_not_waited_for(cloud: Cloud) -> None:
    cloud.uploads._patience_seconds = 0.2
    await cloud.google.fault("google.upload.start", "hang")
    with pytest.raises(TransientFault) as caught:
        await cloud.begin()
    assert caught.value.code == "timeout"
    await cloud.google.clear_faults()
    cloud.uploads._patience_seconds = 10
    assert (await cloud.begin()).is_new


@pytest.mark.one_way("on")
async def test_an_answer_that_was_lost_leaves_one_file(cloud: Cloud) -> None:
    await cloud.google.fault("google.upload.start", "after", count=3)
    for _ in range(2):
        with suppress(TransientFault):  # or httplib2 asks once more by itself
            await cloud.begin()
    await send(await cloud.begin())
    assert len(await cloud.files()) == 1


async def test_a_damaged_document_does_not_stand_in_the_way(
    cloud: Cloud, folder: Path, keyring: TokenEncryption
) -> None:
    await cloud.begin()
    storage = cloud.world.storage
    (name,) = storage.names(UPLOADS)
    keep(folder, UPLOADS.name, name, {"odd": True}, keyring)
    assert (await cloud.begin()).is_new
    assert not (await cloud.begin()).is_new


async def test_old_uploads_are_forgotten(cloud: Cloud) -> None:
    await cloud.begin()
    await cloud.uploads.clear_old()
    assert len(cloud.world.storage.names(UPLOADS)) == 1
    cloud.uploads._now = lambda: cloud.world.storage.now() + KEPT_SECONDS + 1
    await cloud.uploads.clear_old()
    assert cloud.world.storage.names(UPLOADS) == []


async def test_nothing_of_it_is_told_by_logs_or_texts(cloud: Cloud, restored_logging: None) -> None:
    log = io.StringIO()
    configure_logging(MASK, level="DEBUG", style="json", stream=log)
    handed = await cloud.begin()
    assert handed.session is not None
    record = Record(
        department="tanhae",
        client=CLIENT,
        file=announced(),
        file_id=handed.file_id,
        session=handed.session,
        account=SecretStr("an account"),
        began_at=0,
        link="https://drive.google.com/open?id=" + handed.file_id,
    )
    texts = [repr(handed), str(record), repr(record), f"{announced()}"]
    with pytest.raises(OtherFile) as other:
        await cloud.begin(announced(name="another.pdf"))
    await cloud.google.act("forget_sessions", account=AMY)
    refusal = {"status": 403, "reason": "domainPolicy"}
    await cloud.google.fault("google.drive.files.get", "status", **refusal)
    with pytest.raises(DriveRefused) as fault:
        await cloud.state()
    for caught in (other.value, fault.value):
        logging.getLogger("of a library").error("it failed", exc_info=caught)
        texts += traceback.format_exception(caught)
    printed = "\n".join([*texts, log.getvalue()])
    assert '"event": "upload_handed"' in printed
    address = handed.session.get_secret_value()
    for secret in (address, address.rpartition("=")[2], handed.file_id, KEY, "班表", CLIENT):
        assert secret not in printed
        assert secret.encode("unicode_escape").decode() not in printed


async def test_what_is_begun_while_the_account_is_changed_arrives_once(cloud: Cloud) -> None:
    """In the new one, of which its record knows."""
    slow = await cloud.google.fault("google.drive.files.list", "latency", seconds=60)
    begun = asyncio.create_task(cloud.begin())
    await until_struck(cloud.google, "google.drive.files.list")
    await cloud.world.connect(TOWN, BEN)
    await cloud.google.ask("DELETE", f"/faults/{slow}")
    with pytest.raises(TransientFault):
        await begun
    assert await send(await cloud.begin()) == 200
    assert (await cloud.state()).state == "complete"
    assert [len(await cloud.files(account)) for account in (AMY, BEN)] == [0, 1]
