"""From a dropped file to Drive, by a real cloud and the sandbox's Google."""

from __future__ import annotations

import asyncio
import errno
import json
import shutil
import time
from pathlib import Path

import pytest

from config import Settings
from desktop.keeping.system import this_system
from desktop.sending.cloud import Cloud
from processes.desktop.running import services_of
from sandbox.clients.google_controls import GoogleControls
from tests.desktop.kit import RunningDesktop, code_for, moves, paired_desktop, pdf, running_desktop
from tests.desktop.relay import relay
from tests.desktop.test_keeping import PAIRING, add, manager, shelf_in
from tests.journeys import out_of_place, until, until_struck
from tests.security.kit import AMY
from tests.web.kit import OPERATOR, RunningWeb
from tests.web.test_uploads import files

pytestmark = pytest.mark.encryption("on")
FORM_TYPE = "application/x-www-form-urlencoded"
NOWHERE = PAIRING.model_copy(update={"cloud": "http://127.0.0.1:9"})


async def test_dropped_files_are_in_the_departments_drive(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """Paired by a code, with a key that may upload alone: no access token is ever asked for."""
    await web.authorise(google, AMY)
    contents = {f"{name}.pdf": pdf(100_000, seed) for seed, name in enumerate("甲乙丙")}
    async with running_desktop(tmp_path / "desk") as desk:
        assert "https://" in (await desk.browser.get("/")).text  # where to pair it
        assert (await desk.pair(web.url, await code_for(web))).status_code == 303
        assert (await desk.add(*contents.items())).status_code == 303
        records = await desk.until("done", "done", "done")
        page = (await desk.browser.get("/", headers={"Accept-Language": "zh-TW"})).text
        await until(lambda: desk.services.standing.time() is not None)  # it is asked beside it
        told = desk.services.standing.time()
        [pairing] = desk.services.credentials.pairings
        [client] = await asyncio.to_thread(web.services.desk.clients.all, "tanhae")
        used = await asyncio.to_thread(web.services.desk.use.of, [client.name])
        async with web.computer(pairing.key) as computer:
            refused = await computer.post("/api/google/get-access-token?department=tanhae", json={})
    assert (refused.status_code, refused.json()["code"]) == (403, "token_not_allowed")
    assert len(used[client.name].machines) == 1  # by which a copied key is told from this one
    assert told == pytest.approx(time.time(), abs=60)  # the cloud's clock
    assert pairing.token is None
    assert pairing.name == "淡海"
    found = {file["name"]: await google.file_bytes(file["id"]) for file in await files(google)}
    assert found == contents
    assert page.count("✓ 上傳成功") == 3
    assert all(record.link in page for record in records)
    left = {path.name for path in (tmp_path / "desk" / "queue").iterdir()}
    assert left == {f"{record.id}.record" for record in records}


async def test_a_key_that_may_uploads_by_an_access_token(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """The token is kept, sealed, and given anew where Google does not accept it any more."""
    await web.authorise(google, AMY)
    endpoint = web.settings.google_api_endpoint
    async with paired_desktop(
        web, tmp_path / "desk", may=("upload", "token"), google_api_endpoint=endpoint
    ) as desk:
        await desk.add(("甲.pdf", pdf(seed=1)))
        await desk.until("done")
        [first] = desk.services.credentials.pairings
        assert first.token is not None
        await google.expire_access_tokens(AMY)
        await desk.add(("乙.pdf", pdf(seed=2)))
        await desk.until("done", "done")
        [second] = desk.services.credentials.pairings
    assert second.token is not None
    assert second.token.value != first.token.value
    kept = (tmp_path / "desk" / "tokens.encrypted").read_bytes()
    assert second.token.value.get_secret_value().encode() not in kept
    assert sorted(file["name"] for file in await files(google)) == ["乙.pdf", "甲.pdf"]


async def test_files_wait_for_consent_and_then_go_by_themselves(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    async with paired_desktop(web, tmp_path / "desk") as desk:
        await desk.add(("甲.pdf", pdf()))
        page = await desk.until_it_says("has not authorised Google Drive yet")
        assert "淡海" in page
        await web.authorise(google, AMY)
        desk.services.standing.look(now=True)  # as the page does each minute
        await desk.until("done")


async def test_a_revoked_key_is_said_and_another_pairing_sends_what_waits(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    await web.authorise(google, AMY)
    async with paired_desktop(web, tmp_path / "desk") as desk:
        [client] = await asyncio.to_thread(web.services.desk.clients.all, "tanhae")
        await web.services.desk.revoke(client.id, OPERATOR)
        await desk.add(("甲.pdf", pdf()))
        page = await desk.until_it_says("key for 淡海 was disabled")
        assert "/pair" in page
        assert (await desk.pair(web.url, "AAAA-AAAA")).status_code == 400
        await desk.pair(web.url, await code_for(web))
        await desk.until("done")
    assert len(await files(google)) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(("upload",), ("upload",), id="another key"),
        pytest.param(("upload",), ("upload", "token"), id="may token", marks=pytest.mark.one_way),
        pytest.param(("upload", "token"), ("upload",), id="may no more", marks=pytest.mark.one_way),
    ],
)
async def test_what_arrived_before_a_kill_does_not_arrive_again_by_another_key(
    web: RunningWeb,
    google: GoogleControls,
    tmp_path: Path,
    before: tuple[str, ...],
    after: tuple[str, ...],
) -> None:
    """Drive has it whole, and this computer does not know yet; then it is paired anew."""
    await web.authorise(google, AMY)
    endpoint = web.settings.google_api_endpoint
    async with paired_desktop(
        web, tmp_path / "desk", may=before, google_api_endpoint=endpoint
    ) as desk:
        await google.fault("google.upload.chunk", "after")
        first = 0 if "token" in before else 1  # the cloud's session is asked before a byte goes
        await google.fault("google.upload.status", "hang", skip=first, count=None)
        await desk.add(("甲.pdf", pdf()))
        await until_struck(google, "google.upload.status")
        # What a kill at this moment leaves on the disk.
        await asyncio.to_thread(shutil.copytree, tmp_path / "desk", tmp_path / "later")
    await google.clear_faults()
    assert len(await files(google)) == 1
    [client] = await asyncio.to_thread(web.services.desk.clients.all, "tanhae")
    await web.services.desk.revoke(client.id, OPERATOR)
    await google.expire_access_tokens(AMY)  # one that is kept would still tell
    async with running_desktop(tmp_path / "later", google_api_endpoint=endpoint) as desk:
        await desk.until_it_says("key for 淡海 was disabled")
        await desk.pair(web.url, await code_for(web, may=after))
        [record] = await desk.until("done")
    [file] = await files(google)
    assert file["id"] in record.link


async def test_a_full_drive_is_said(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    await web.authorise(google, AMY)
    await google.set_quota(AMY, limit=1000, used=1000)
    async with paired_desktop(web, tmp_path / "desk") as desk:
        await desk.add(("甲.pdf", pdf()))
        await desk.until_it_says("the Drive is full")
        await google.set_quota(AMY, limit=10**9, used=0)
        [record] = desk.records
        await desk.browser.post(
            f"/files/{record.id}/now",
            headers={"Sec-Fetch-Site": "same-origin", "Content-Type": FORM_TYPE},
        )
        await desk.until("done")


@pytest.mark.one_way
@pytest.mark.parametrize("may", [("upload",), ("upload", "token")], ids=["session", "token"])
@pytest.mark.parametrize("size", [10_000, 9_000])
async def test_what_was_changed_in_the_queue_is_not_uploaded(
    web: RunningWeb, google: GoogleControls, tmp_path: Path, may: tuple[str, ...], size: int
) -> None:
    """It is another file than the one that was promised, however it came to be."""
    endpoint = web.settings.google_api_endpoint
    async with paired_desktop(
        web, tmp_path / "desk", may=may, google_api_endpoint=endpoint
    ) as desk:
        await desk.add(("甲.pdf", pdf(10_000, 1)))
        await desk.until_it_says("Waiting for authorisation")
        [record] = desk.records
        desk.services.shelf.content(record.id).write_bytes(pdf(size, 2))
        await web.authorise(google, AMY)
        desk.services.sender.wake()
        [record] = await desk.until("refused")
    assert record.because == "gone"
    assert [file for file in await files(google) if not file["trashed"]] == []


async def test_what_has_arrived_is_not_said_to_be_gone(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """A crash came between its content's end and its record."""
    await web.authorise(google, AMY)
    async with paired_desktop(web, tmp_path / "desk") as desk:
        await desk.add(("甲.pdf", pdf()))
        [record] = await desk.until("done")
        desk.services.shelf.change(record.id, state="queued", link="")
        desk.services.sender.wake()
        [again] = await desk.until("done")
    assert again.link == record.link


class SmallDisk(type(this_system())):  # type: ignore[misc]
    """Has no room for another file while it is full and a content is there."""

    is_full = False

    def create(self, path: Path) -> int:
        """As a system does."""
        if self.is_full and list(path.parent.glob("*.pdf")):
            raise OSError(errno.ENOSPC, "no room")
        return int(super().create(path))


@pytest.mark.one_way
async def test_what_was_begun_arrives_though_the_disk_is_full(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """And so there is room again."""
    await web.authorise(google, AMY)
    await google.fault("google.upload.chunk", "status", status=503)
    disk = SmallDisk()
    with services_of(Settings(_env_file=None), tmp_path / "desk", disk) as services:
        cloud = Cloud(web.url)
        pairing = await asyncio.to_thread(cloud.pair, await code_for(web))
        services.credentials.keep(pairing)
        record = add(services.shelf)
        services.sender.wake()
        await until_struck(google, "google.upload.chunk")
        disk.is_full = True
        await until(lambda: [one.state for one in services.shelf.all()] == ["done"], 20)
        assert not services.shelf.content(record.id).exists()
    assert len(await files(google)) == 1


async def test_one_file_asks_for_all_that_wait_for_the_same(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """Hundreds that each ask whether their department is authorised are refused by a limit, and
    then that is what is said."""
    folder = tmp_path / "desk"
    kept = manager(folder)
    kept.keep(await asyncio.to_thread(Cloud(web.url).pair, await code_for(web)))
    shelf = shelf_in(folder, kept)
    for number in range(20):
        add(shelf, f"{number}.pdf", pdf(1000, number))
    async with running_desktop(folder) as desk:
        await until(lambda: all(waits(desk, record.id) for record in desk.records))
        assert web.log.getvalue().count("upload_not_handed") < 20
        await web.authorise(google, AMY)
        desk.services.sender.wake()
        await desk.until(*["done"] * 20)


def waits(desk: RunningDesktop, id: str) -> bool:
    """Whether it is said what a file waits for."""
    live = desk.services.sender.live(id)
    return live is not None and live.wait is not None


@pytest.mark.one_way
async def test_a_key_that_is_revoked_while_bytes_move_is_said(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """The cloud has its upload given up under it."""
    await web.authorise(google, AMY)
    async with paired_desktop(web, tmp_path / "desk") as desk:
        await google.rate("google.upload.chunk", 350_000)  # then the system holds little
        await google.fault("google.upload.chunk", "latency", seconds=60)
        await desk.add(("甲.pdf", pdf(2_500_000)))
        [record] = desk.records
        await until(lambda: moves(desk, record.id))
        [client] = await web.custody.workers.read(web.services.desk.clients.all, "tanhae")
        await web.services.desk.revoke(client.id, OPERATOR)
        await google.rate("google.upload.chunk", None)
        await google.clear_faults()
        await desk.until_it_says("key was disabled")


@pytest.mark.one_way
async def test_others_pass_what_hardly_moves(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """Two files that nobody takes the bytes of have both senders, but not for long."""
    await web.authorise(google, AMY)
    async with paired_desktop(web, tmp_path / "desk") as desk:
        desk.services.sender.patience = 1.0
        await google.rate("google.upload.chunk", 10_000_000)  # then the system holds little
        await google.fault("google.upload.chunk", "hang", count=None)
        await desk.add(("甲.pdf", pdf(2_000_000, 1)), ("乙.pdf", pdf(2_000_000, 2)))
        await until_struck(google, "google.upload.chunk", 2)
        await desk.add(("丙.pdf", pdf(2_000_000, 3)))
        third = desk.records[0].id
        await until(lambda: desk.services.sender.live(third) is not None, 25)
        await google.clear_faults()
        await desk.until("done", "done", "done", seconds=60)
    assert len(await files(google)) == 3


async def test_a_cloud_that_sleeps_is_waited_for(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """A host that holds requests until what is behind it is up: that is said, and the file goes."""
    await web.authorise(google, AMY)
    code = await code_for(web)
    async with relay(web.url) as cloud, running_desktop(tmp_path / "desk") as desk:
        assert (await desk.pair(cloud.url, code)).status_code == 303
        cloud.goes.clear()
        await desk.add(("甲.pdf", pdf()))
        await desk.until_it_says("The cloud is waking")
        cloud.goes.set()
        await desk.until("done")


async def test_offline_is_said(tmp_path: Path) -> None:
    """Nobody listens there; and a file that waits is cancelled, of which nothing is left."""
    async with running_desktop(tmp_path / "desk") as desk:
        desk.services.credentials.keep(NOWHERE)
        await desk.add(("甲.pdf", pdf()))
        await desk.until_it_says("No connection")
        answer = await desk.pair(NOWHERE.cloud, "AAAA-AAAA")
        assert (answer.status_code, "Nobody answers there" in answer.text) == (400, True)
        [record] = desk.records
        headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": FORM_TYPE}
        await desk.browser.post(f"/files/{record.id}/remove", headers=headers)
        await until(lambda: not desk.records)
    assert list((tmp_path / "desk" / "queue").iterdir()) == []


async def test_what_is_a_pdf_is_told_by_its_bytes(tmp_path: Path) -> None:
    """And by nothing else: what is one has any name."""
    async with running_desktop(tmp_path / "desk") as desk:
        desk.services.credentials.keep(NOWHERE)
        await desk.add(
            ("甲.pdf", b""),
            ("乙.pdf", b"PK\x03\x04 a text that is called so"),
            ("丙.pdf", pdf()[:-100]),
            ("丁.txt", pdf()),
        )
        states = {record.name: record.state for record in desk.records}
        page = (await desk.browser.get("/live")).text
    refused = dict.fromkeys(("甲.pdf", "乙.pdf", "丙.pdf"), "refused")
    assert states == {**refused, "丁.txt": "queued"}
    for says in ("empty", "no PDF", "damaged"):
        assert f"Not uploaded: {says}" in page
    assert len(list((tmp_path / "desk" / "queue").glob("*.pdf"))) == 1


async def test_the_same_content_is_said_and_sent_again_on_demand(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    await web.authorise(google, AMY)
    async with paired_desktop(web, tmp_path / "desk") as desk:
        await desk.add(("甲.pdf", pdf()))
        await desk.until("done")
        await desk.add(("乙.pdf", pdf()))
        [_, again] = await desk.until("done", "same")
        assert "The same content was uploaded before" in (await desk.browser.get("/live")).text
        assert again.link == desk.records[1].link
        headers = {"Sec-Fetch-Site": "same-origin", "Content-Type": FORM_TYPE}
        await desk.browser.post(f"/files/{again.id}/again", headers=headers)
        await desk.until("done", "done")
    assert sorted(file["name"] for file in await files(google)) == ["乙.pdf", "甲.pdf"]


async def test_the_same_content_at_one_time_is_sent_once(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """The second waits for the first; where nobody wants that one any more, it goes itself."""
    async with paired_desktop(web, tmp_path / "desk") as desk:
        for name in ("甲.pdf", "乙.pdf", "丙.pdf"):
            await desk.add((name, pdf()))
        await until(lambda: waits(desk, desk.records[2].id))
        await desk.until_it_says("✗ not authorised")
        await desk.browser.post(
            f"/files/{desk.records[2].id}/remove",
            headers={"Sec-Fetch-Site": "same-origin", "Content-Type": FORM_TYPE},
        )
        await until(lambda: len(desk.records) == 2 and waits(desk, desk.records[1].id))
        await web.authorise(google, AMY)
        desk.services.sender.wake()
        assert [record.name for record in await desk.until("done", "same")] == ["乙.pdf", "丙.pdf"]
        await desk.until_it_says("✓ authorised")  # the cloud is asked once a file has gone
        assert desk.records[0].link == desk.records[1].link != ""
    assert [file["name"] for file in await files(google)] == ["乙.pdf"]


async def test_nothing_of_anybody_is_in_the_log(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    await web.authorise(google, AMY)
    async with paired_desktop(web, tmp_path / "desk") as desk:
        await desk.add(("名冊.pdf", pdf()))
        await desk.until("done")
        [pairing] = desk.services.credentials.pairings
    lines = web.log.getvalue()  # one log in this process
    assert [json.loads(one)["event"] for one in lines.splitlines()].count("upload_finished") == 1
    for secret in ("名冊", pairing.key.get_secret_value(), str(tmp_path)):
        assert secret not in lines


async def test_a_disk_that_takes_nothing_is_said(tmp_path: Path) -> None:
    async with running_desktop(tmp_path / "desk") as desk:
        desk.services.credentials.keep(NOWHERE)
        with out_of_place(tmp_path / "desk" / "queue"):
            answer = await desk.add(("甲.pdf", pdf()))
        assert (answer.status_code, desk.records) == (507, [])
        assert "disk takes nothing more" in answer.text


async def test_a_disk_that_takes_nothing_spends_no_pairing_code(
    web: RunningWeb, tmp_path: Path
) -> None:
    """The key that it becomes could not be kept."""
    async with running_desktop(tmp_path / "desk") as desk:
        code = await code_for(web)
        with out_of_place(tmp_path / "desk"):
            answer = await desk.pair(web.url, code)
        assert (answer.status_code, "disk takes nothing more" in answer.text) == (507, True)
        assert (await desk.pair(web.url, code)).status_code == 303
