"""What a cloud, a proxy or a neighbour may answer that is no good: nothing of it is followed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from desktop.pairing import Pairer
from desktop.queue.records import Record
from desktop.sending.cloud import Cloud, handed_by
from desktop.sending.cloud_drive import CloudDrive
from desktop.sending.waits import wait_for
from drive.api import DriveApi
from drive.uploading.session import UploadSession
from drive.uploading.stopping import StopSignal
from security.errors import CustodyError, TransientFault
from security.google.network import DIRECT
from tests.desktop.kit import FORM, pdf, running_desktop
from tests.desktop.test_keeping import PAIRING
from tests.journeys import until

FILE_ID = "1" * 33
PAIRED: dict[str, Any] = {
    "client": {"department": "tanhae", "label": "1", "may": ["upload"]},
    "key": "dkc_x",
}


@asynccontextmanager
async def cloud_that_says(head: str = "200 OK", **answers: Any) -> AsyncIterator[str]:
    """One that answers by the last part of the path, always the same; its address."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        path = (await reader.readuntil(b"\r\n\r\n")).split()[1].decode().partition("?")[0]
        body = json.dumps(answers.get(path.rpartition("/")[2].replace("-", "_"), {})).encode()
        whole = f"HTTP/1.1 {head}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(whole.encode() + body)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "data:text/html,x", "https://a@b/", "x" * 9000]
)
async def test_a_link_is_one_that_leads_to_a_page(tmp_path: Path, link: str) -> None:
    """Whatever the cloud says: people press it, and pass it on."""
    done = {"state": "complete", "file_id": FILE_ID, "link": link}
    async with (
        cloud_that_says(pair=PAIRED, upload_sessions=done) as address,
        running_desktop(tmp_path) as desk,
    ):
        assert (await desk.pair(address, "AAAA-AAAA")).status_code == 303
        await desk.add(("甲.pdf", pdf()))
        [record] = await desk.until("done")
    assert record.link == f"https://drive.google.com/open?id={FILE_ID}"


@pytest.mark.parametrize(
    ("address", "session", "is_taken"),
    [
        ("https://cloud.example.org", "https://www.googleapis.com/upload?id=1", True),
        ("https://cloud.example.org", "http://printer.example.org/", False),
        ("https://cloud.example.org", "http://localhost:631/", False),
        ("https://cloud.example.org", "https://[x/", False),
        ("https://cloud.example.org", "file:///etc/passwd", False),
        ("http://localhost:8080", "http://localhost:9000/upload?id=1", True),
        ("http://localhost:8080", "http://printer.example.org/", False),
    ],
)
def test_bytes_go_nowhere_unencrypted(address: str, session: str, is_taken: bool) -> None:
    """Nor to a program of this machine, but where the cloud is one."""
    told = {"state": "waiting", "file_id": FILE_ID, "session_url": session}
    if is_taken:
        handed = handed_by(address, told)
        assert handed.session is not None
        assert handed.session.get_secret_value() == session
    else:
        with pytest.raises(TransientFault):
            handed_by(address, told)


@pytest.mark.parametrize("file_id", ["../about", "<b>", "", "a b"])
def test_an_identifier_is_one_of_drives(file_id: str) -> None:
    """It is kept, and asked for by the next key: in an address."""
    told = {"state": "complete", "file_id": file_id, "link": "https://example.org"}
    with pytest.raises(TransientFault):
        handed_by("https://cloud.example.org", told)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_key_follows_no_redirect(tmp_path: Path, status: int) -> None:
    """Not even to one who would answer well."""
    async with cloud_that_says(pair=PAIRED) as elsewhere:
        head = f"{status} Elsewhere\r\nLocation: {elsewhere}/api/clients/pair"
        async with cloud_that_says(head) as address, running_desktop(tmp_path) as desk:
            assert (await desk.pair(address, "AAAA-AAAA")).status_code == 400
            assert desk.services.credentials.pairings == ()


@pytest.mark.parametrize(
    "wrong",
    [
        {"client": {"department": "淡海\r\n", "label": "1"}, "key": "dkc_x"},
        {"client": {"department": "../x", "label": "1"}, "key": "dkc_x"},
        {"client": {"department": "tanhae", "label": "1"}, "key": "1//0refresh"},
        {"client": {"department": "tanhae", "label": "1"}, "key": "dkc_x\r\nX: y"},
        {"client": "tanhae", "key": "dkc_x"},
        {"client": {"department": 7}, "key": ["dkc_x"]},
        [],
    ],
)
async def test_a_pairing_that_is_none_is_not_kept(tmp_path: Path, wrong: Any) -> None:
    async with cloud_that_says(pair=wrong) as address, running_desktop(tmp_path) as desk:
        answer = await desk.pair(address, "AAAA-AAAA")
        assert (answer.status_code, "Nobody answers there" in answer.text) == (400, True)
        assert desk.services.credentials.pairings == ()


async def test_no_name_fills_the_page(tmp_path: Path) -> None:
    """Nor the disk: what a cloud calls things is kept, up to a length."""
    client = {**PAIRED["client"], "label": "x" * 9000, "may": ["upload", "x" * 9000]}
    departments = [{"department": "tanhae", "name": "淡" * 9000, "state": "fine"}]
    paired, status = {"client": client, "key": PAIRED["key"]}, {"departments": departments}
    async with (
        cloud_that_says(pair=paired, status=status) as address,
        running_desktop(tmp_path) as desk,
    ):
        assert (await desk.pair(address, "AAAA-AAAA")).status_code == 303
        [pairing] = desk.services.credentials.pairings
    assert (pairing.label, pairing.name, pairing.may) == ("x" * 200, "淡" * 200, ("upload",))


async def test_a_choice_of_none_is_not_remembered(tmp_path: Path) -> None:
    """A department that this computer has no key for: the file goes to the one it has."""
    async with running_desktop(tmp_path) as desk:
        desk.services.credentials.keep(PAIRING.model_copy(update={"cloud": "http://127.0.0.1:9"}))
        answer = await desk.add(("甲.pdf", pdf()), department="淡水")
        assert (answer.status_code, answer.headers.get("Set-Cookie")) == (303, None)
        assert [record.department for record in desk.records] == ["tanhae"]


@pytest.mark.parametrize("seconds", [1e9, 86_400.0])
def test_nobody_has_a_file_wait_for_years(seconds: float) -> None:
    """A proxy's Retry-After is believed for an hour."""
    fault = TransientFault("busy", retry_after=seconds)
    assert wait_for(fault, 1, now=0.0).until == 3600


@pytest.mark.parametrize(("asked", "least"), [(0.0, 600), (0.5, 2), (30.0, 30), (None, 600)])
def test_who_is_told_to_wait_for_nothing_does_not_ask_without_end(
    asked: float | None, least: float
) -> None:
    fault = TransientFault("busy", code="rate_limited", retry_after=asked)
    assert wait_for(fault, 1, now=0.0).until == least


async def test_a_cookie_of_another_program_hides_none_of_ours(tmp_path: Path) -> None:
    """All ports of this machine share them, and some hold what Python cannot parse."""
    async with running_desktop(tmp_path) as desk:
        name = f"drivekeeper-desktop-{desk.started.port}"
        value = desk.browser.cookies[name]
        for others in ('prefs={"a": "b"}; ', "a=b=c; ,; ", "x[y]=1; "):
            cookie = f"{others}{name}={value}"
            answer = await desk.browser.get("/", headers={"Cookie": cookie})
            assert answer.status_code == 200


@pytest.mark.one_way
async def test_a_cloud_that_never_answers_does_not_keep_the_program(tmp_path: Path) -> None:
    """It is told to end while somebody pairs it: its threads would be waited for."""
    asked, let_go = asyncio.Event(), asyncio.Event()

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await reader.read()
        let_go.set()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with running_desktop(tmp_path) as desk:
            pairing = asyncio.create_task(desk.pair(address, "AAAA-AAAA"))
            await asked.wait()
        async with asyncio.timeout(10):
            await let_go.wait()
        await asyncio.gather(pairing, return_exceptions=True)


async def test_who_presses_again_while_the_cloud_wakes_is_told_of_the_pairing(
    tmp_path: Path,
) -> None:
    """A code serves once: the second answer, which the browser shows, would be that it is wrong."""
    asked, awake = asyncio.Semaphore(0), asyncio.Event()
    answers = [
        ("200 OK\r\nContent-Type: application/json", PAIRED),
        ("403 Forbidden\r\nContent-Type: application/problem+json", {"code": "wrong_code"}),
    ]

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head, body = answers.pop(0) if len(answers) > 1 else answers[0]
        asked.release()
        await awake.wait()
        text = json.dumps(body)
        writer.write(f"HTTP/1.1 {head}\r\nContent-Length: {len(text)}\r\n\r\n{text}".encode())
        writer.close()

    server = await asyncio.start_server(once, "127.0.0.1", 0)
    async with server, running_desktop(tmp_path) as desk:
        address = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        pairer = Pairer(desk.services.credentials, DIRECT)
        pressed = [asyncio.create_task(pairer.pair(address, "AAAA-AAAA")) for _ in range(2)]
        await asked.acquire()
        awake.set()
        await asyncio.gather(*pressed)
        assert len(desk.services.credentials.pairings) == 1


@pytest.mark.parametrize("boundary", ["", "x" * 300])
async def test_a_form_without_a_usable_boundary_is_refused(tmp_path: Path, boundary: str) -> None:
    async with running_desktop(tmp_path) as desk:
        kind = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        answer = await desk.browser.post("/files", content=b"x", headers={**FORM, **kind})
    assert answer.status_code == 400


async def test_a_browser_that_breaks_off_is_no_fault(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A tab is closed while a file is dropped: nothing of it stays, and nothing is said of it."""
    async with running_desktop(tmp_path) as desk:
        port = desk.started.port
        cookie = f"drivekeeper-desktop-{port}={desk.browser.cookies[f'drivekeeper-desktop-{port}']}"
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        head = (
            f"POST {desk.started.entering.at}/files HTTP/1.1\r\nHost: localhost:{port}\r\n"
            f"Sec-Fetch-Site: same-origin\r\nCookie: {cookie}\r\n"
            "Content-Type: multipart/form-data; boundary=x\r\n"
            "Content-Length: 100000\r\n\r\n--x\r\n"
            'Content-Disposition: form-data; name="files"; filename="a.pdf"\r\n\r\n%PDF-1.7 half'
        )
        writer.write(head.encode())
        queue = tmp_path / "queue"
        await until(lambda: bool(list(queue.glob("*.pdf"))))
        writer.close()
        await until(lambda: not list(queue.glob("*.pdf")))
        assert desk.records == []
    assert "raceback" not in capfd.readouterr().err


@asynccontextmanager
async def endless(head: str, piece: bytes, pause: float = 0.0) -> AsyncIterator[tuple[str, Any]]:
    """Whoever asks gets this head and then these bytes for ever; its address, and how many."""
    sent = [0]

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(head.encode())
            while True:
                writer.write(piece)
                await writer.drain()
                sent[0] += len(piece)
                await asyncio.sleep(pause)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", sent


ENDLESS = ("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[", b" " * 65536)


async def test_an_answer_without_end_is_not_read_to_it(tmp_path: Path) -> None:
    """Neither the cloud's nor that of whoever takes the bytes for it; the file waits."""
    async with (
        endless(*ENDLESS) as (upload, taken),
        endless(*ENDLESS) as (cloud, said),
        running_desktop(tmp_path) as desk,
    ):
        session = {"state": "waiting", "file_id": FILE_ID, "session_url": f"{upload}/upload?id=1"}
        async with cloud_that_says(pair=PAIRED, upload_sessions=session) as address:
            assert (await desk.pair(address, "AAAA-AAAA")).status_code == 303
            await desk.add(("甲.pdf", pdf()))
            await desk.until_it_says("It cannot take files now.")
        desk.services.credentials.keep(PAIRING.model_copy(update={"cloud": cloud}))
        await desk.add(("乙.pdf", pdf(seed=1)))
        await until(lambda: said[0] > 0)
        await desk.until_it_says("2 waiting")
        assert [record.state for record in desk.records] == ["queued", "queued"]
    assert 0 < taken[0] < 100 * 2**20
    assert 0 < said[0] < 100 * 2**20


@pytest.mark.parametrize("status", [301, 303, 307])
async def test_who_takes_the_bytes_sends_nobody_elsewhere(status: int) -> None:
    """Such as to a program of this machine, which would be asked from here."""
    async with endless(*ENDLESS) as (elsewhere, said):
        head = f"{status} Elsewhere\r\nLocation: {elsewhere}"
        async with cloud_that_says(head) as address:
            record = Record(id="1" * 32, department="tanhae", name="甲.pdf", added_at=0.0)
            drive = CloudDrive(DriveApi(address), StopSignal(), Cloud(address), PAIRING, record)
            session = UploadSession(drive, SecretStr(f"{address}/upload?id=1"))
            with pytest.raises(CustodyError):
                await asyncio.to_thread(session.ask, 100)
            drive.connections.close()
        assert said == [0]


@pytest.mark.parametrize(
    "head", ["", "HTTP/1.1 200 OK\r\n", ENDLESS[0]], ids=["status", "head", "body"]
)
async def test_an_answer_that_drips_ends_in_time(head: str) -> None:
    """Each byte comes long before any time-out."""
    async with endless(head, b" ", pause=0.01) as (address, _):
        cloud = Cloud(address, patience=0.2)
        with pytest.raises(TransientFault):
            async with asyncio.timeout(20):
                await asyncio.to_thread(cloud.status, PAIRING)
