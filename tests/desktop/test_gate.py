"""The page answers this account's browser alone: no other site, person or port."""

from __future__ import annotations

import asyncio
import socket
import stat
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from desktop.serving import listen
from processes.desktop.running import NotOurs, RunningAlready, way_in
from tests.desktop.kit import FORM, pdf, running_desktop

FORM_TYPE = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("method", "headers", "status"),
    [
        ("GET", {"Host": "evil.test"}, 421),
        ("GET", {"Host": "localhost"}, 421),
        ("POST", {**FORM, "Host": "evil.test"}, 421),
        ("POST", {"Sec-Fetch-Site": "cross-site"}, 403),
        ("POST", {"Sec-Fetch-Site": "same-site"}, 403),
        ("POST", {"Origin": "http://localhost:3000"}, 403),
        ("POST", {"Origin": "null"}, 403),
        ("POST", {"Sec-Fetch-Site": "same-origin", "Origin": "https://evil.test"}, 403),
        ("POST", {}, 403),
        ("POST", {**FORM, "Content-Type": "text/plain"}, 415),
        ("POST", {**FORM, "Content-Type": "application/json"}, 415),
        ("POST", FORM, 303),
    ],
)
async def test_changes_are_asked_for_by_the_page_itself(
    tmp_path: Path, method: str, headers: dict[str, str], status: int
) -> None:
    """With this account's cookie on it: a browser sends that whoever asks."""
    async with running_desktop(tmp_path / "desk") as desk:
        answer = await desk.browser.request(
            method, "/files/none/now" if method == "POST" else "/", headers={**FORM_TYPE, **headers}
        )
    assert answer.status_code == status
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


async def test_other_peoples_browsers_are_shown_nothing(tmp_path: Path) -> None:
    """Without a cookie, with one of another start, or with one of another port."""
    async with running_desktop(tmp_path / "one") as desk:
        value = desk.browser.cookies[f"drivekeeper-desktop-{desk.started.port}"]
        async with running_desktop(tmp_path / "two", enters=False) as other:
            port = other.started.port
            for cookies in (
                {},
                {f"drivekeeper-desktop-{desk.started.port}": value},
                {f"drivekeeper-desktop-{port}": value},
            ):
                page = f"http://localhost:{port}{other.started.entering.at}"
                async with httpx.AsyncClient(base_url=page, cookies=cookies) as stranger:
                    for path in ("/", "/live", "/pair", "/files/x/content"):
                        refused = await stranger.get(path)
                        assert refused.status_code == 403
                        if path == "/":  # who started it from a terminal has no menu
                            assert "start menu, or drivekeeper desktop" in refused.text
                    sent = await stranger.post(
                        "/files", files={"files": ("a.pdf", pdf())}, headers=FORM
                    )
                    assert sent.status_code == 403
            assert other.records == []


async def test_a_server_at_another_port_is_sent_nothing_that_opens_the_page(tmp_path: Path) -> None:
    """Browsers send the cookies of localhost to all its ports, and any account may listen."""
    heads: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, running_desktop(tmp_path / "desk") as desk:
        value = desk.browser.cookies[f"drivekeeper-desktop-{desk.started.port}"]
        port = server.sockets[0].getsockname()[1]
        for path in ("/", "/enter", "/files", "/live"):
            await desk.browser.get(f"http://localhost:{port}{path}")
        assert not [head for head in heads if value.encode() in head]
        theirs = f"{desk.started.entering.cookie}={value}"  # had it come by it all the same
        for path in ("/", "/live", "/pair"):
            short = f"http://localhost:{desk.started.port}{path}"
            refused = await desk.browser.get(short, headers={"Cookie": theirs})
            assert refused.status_code == 403
    assert len(heads) == 4


async def test_the_way_in_works_once_and_is_written_for_this_account_alone(tmp_path: Path) -> None:
    async with running_desktop(tmp_path / "desk", enters=False) as desk:
        entering = desk.started.entering
        assert stat.S_IMODE(entering.path.stat().st_mode) == 0o600
        token = entering.address.partition("token=")[2]
        for _ in range(2):  # looking spends nothing: scanners look
            assert (await desk.browser.get("/enter", params={"token": token})).status_code == 200
        answers = [
            await desk.browser.post("/enter", data={"token": token}, headers=FORM) for _ in range(2)
        ]
        assert [answer.status_code for answer in answers] == [303, 410]
        assert "HttpOnly" in answers[0].headers["Set-Cookie"]
        assert "SameSite=strict" in answers[0].headers["Set-Cookie"]
        assert (await desk.enter()).status_code == 303  # the file has another by now
    assert not entering.path.exists()


async def test_one_runs_in_a_folder(tmp_path: Path) -> None:
    async with running_desktop(tmp_path / "desk") as desk:
        with pytest.raises(RunningAlready):
            async with running_desktop(tmp_path / "desk"):
                pass
        assert way_in(tmp_path / "desk") == desk.started.entering.path


async def test_connections_that_say_nothing_keep_nobody_out(tmp_path: Path) -> None:
    """Whoever has an account on this machine can open as many as they like: the oldest goes."""
    async with running_desktop(tmp_path / "desk") as desk:
        host, port = "127.0.0.1", desk.started.port
        silent = [await asyncio.open_connection(host, port) for _ in range(140)]
        async with asyncio.timeout(30):
            with suppress(ConnectionResetError):
                assert await silent[0][0].read() == b""
        assert (await desk.browser.get("/")).status_code == 200
        for _, writer in silent:
            writer.close()


def test_a_taken_port_is_passed_by_at_either_address() -> None:
    """Somebody who holds one of the two would be asked by browsers as well."""
    for family, host in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with socket.socket(family) as other:
            other.bind((host, 0))
            other.listen()
            taken = other.getsockname()[1]
            port, listeners = listen(taken)
            for listener in listeners:
                listener.close()
            assert port > taken


async def test_a_link_in_the_place_of_its_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "desk").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(NotOurs):
        async with running_desktop(tmp_path / "desk"):
            pass
    assert list((tmp_path / "elsewhere").iterdir()) == []
