"""The sandbox answers to names of this machine only: pages elsewhere must not reach it."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import pytest

from sandbox.server import Sandbox, SandboxConfig
from tests.documents import ROOT

PATHS = (
    *("/", "/drive", "/sandbox/control", "/sandbox/control/state", "/sandbox/chat/state"),
    *("/sandbox/chat/chats/501/events", "/sandbox/google/static/google.css", "/no/such/page"),
    *("/o/oauth2/v2/auth", "/drive/v3/about", "/token", "/device"),
    *("/departments", "/departments/link", "/sandbox/control/departments/sweep"),
)


@pytest.fixture
async def sandbox(tmp_path: Path) -> AsyncIterator[Sandbox]:
    """Both halves."""
    async with Sandbox(SandboxConfig(tmp_path)) as running:
        yield running


async def ask(sandbox: Sandbox, path: str, method: str = "GET", **headers: str) -> int:
    """The status; headers are given as they shall be."""
    async with (
        aiohttp.ClientSession() as session,
        session.request(
            method,
            sandbox.url + path,
            headers={name.replace("_", "-"): value for name, value in headers.items()},
            allow_redirects=False,
        ) as answer,
    ):
        return answer.status


async def raw(sandbox: Sandbox, request: str) -> str:
    """The first line of the answer to exactly this."""
    parts = urlsplit(sandbox.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    try:
        writer.write(request.encode())
        return (await reader.readline()).decode()
    finally:
        writer.close()


@pytest.mark.parametrize("path", PATHS)
async def test_other_hosts_are_misdirected(sandbox: Sandbox, path: str) -> None:
    """Whatever they ask for: pages, files, long polls, the panel."""
    for method in ("GET", "POST", "HEAD", "OPTIONS", "DELETE"):
        assert await ask(sandbox, path, method, Host="evil.example") == 421
    token = sandbox.config.bot_token
    assert await ask(sandbox, f"/bot{token}/getUpdates?timeout=50", Host="evil.example") == 421
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket"}
    assert await ask(sandbox, path, Host="evil.example", **upgrade) == 421


@pytest.mark.parametrize(
    "host",
    [
        *("127.0.0.1", "127.0.0.1:1", "127.8.9.1:80", "[::1]", "[::1]:8765", "localhost"),
        *("localhost:9", "LocalHost:8765", "localhost.", "localhost.:8765"),
    ],
)
async def test_this_machines_names_are_answered_on_any_port(sandbox: Sandbox, host: str) -> None:
    """A tunnel or a container may have another port outside."""
    assert await ask(sandbox, "/sandbox/chat/state", Host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        *("evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "evil.example:8765"),
        *("0.0.0.0:8765", "[::]", "192.168.1.2", "169.254.169.254", "10.0.0.1:80"),
        *("2130706433", "0x7f000001", "127.1", "127.0.0.1@evil.example", "evil.example#localhost"),
        *("localhost, evil.example", "[::1].evil.example", "localhost:x", "loca1host", ".", "-"),
        *("user@localhost", "localhost/", "[localhost]", "::1"),
    ],
)
async def test_what_is_none_of_them_is_not(sandbox: Sandbox, host: str) -> None:
    """Names that look like one, and other machines' addresses."""
    line = await raw(sandbox, f"GET /sandbox/chat/state HTTP/1.1\r\nHost: {host}\r\n\r\n")
    assert line.split()[1] in ("400", "421")


@pytest.mark.parametrize(
    "request_",
    [
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: \r\n\r\n",
        "GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n\r\n",
        "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
)
async def test_no_host_or_two_are_not(sandbox: Sandbox, request_: str) -> None:
    """Which of them would count is nobody's guess."""
    assert (await raw(sandbox, request_)).split()[1] in ("400", "421")


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("{url}", 200),
        ("http://evil.example", 403),
        ("null", 403),
        ("", 403),
        ("http://127.0.0.1:1", 403),
        ("http://localhost:{port}", 403),
        ("file://", 403),
        ("http://evil.example/{authority}", 403),
    ],
)
async def test_a_page_of_another_origin_is_refused(
    sandbox: Sandbox, origin: str, status: int
) -> None:
    """Also one of this machine on another port."""
    parts = urlsplit(sandbox.url)
    sent = origin.format(url=sandbox.url, port=parts.port, authority=parts.netloc)
    assert await ask(sandbox, "/sandbox/chat/state", Origin=sent) == status


async def test_further_names_are_told_to_it(tmp_path: Path) -> None:
    """A tunnel's, with or without its own Host header; and where it is said to be reached."""
    config = SandboxConfig(
        tmp_path,
        allow_hosts=frozenset({"Demo.Example"}),
        public_url="https://shown.example:444/",
    )
    async with Sandbox(config) as sandbox:
        for host in ("demo.example", "demo.example:443", "shown.example", "localhost"):
            assert await ask(sandbox, "/sandbox/chat/state", Host=host) == 200
            own = f"https://{host}"
            assert await ask(sandbox, "/sandbox/chat/state", Host=host, Origin=own) == 200
        tunnel = {"Host": "localhost", "Origin": "https://demo.example"}
        assert await ask(sandbox, "/sandbox/chat/state", **tunnel) == 200
        assert await ask(sandbox, "/sandbox/chat/state", Host="other.example") == 421


@pytest.mark.parametrize(
    "path",
    [
        "/drive?account=new@example.com",
        "/o/oauth2/v2/consent?account=new@example.com&client_id={client}&response_type=code"
        "&redirect_uri=http://127.0.0.1:9/&scope=https://www.googleapis.com/auth/drive.file",
    ],
)
async def test_looking_at_googles_pages_makes_nothing(sandbox: Sandbox, path: str) -> None:
    """Google's have no effect either, whatever fetches them."""
    assert sandbox.google is not None
    before = set(sandbox.google.accounts)
    for method in ("HEAD", "GET"):
        asked = path.format(client=sandbox.config.client_id)
        assert await ask(sandbox, asked, method) == 200
    assert set(sandbox.google.accounts) == before
    assert not sandbox.google.grants.codes


async def test_the_command_takes_further_names(tmp_path: Path) -> None:
    """As often as there are tunnels."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", "sandbox", "--no-bot", "--port", "0"),
        *("--folder", str(tmp_path / "kept"), "--allow-host", "one.example"),
        *("--allow-host", "two.example"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            while (
                not (line := (await process.stdout.readline()).decode()).strip().startswith("Chat")
            ):
                assert process.returncode is None
        url = line.split()[-1]
        async with aiohttp.ClientSession() as session:
            for host, status in (
                ("one.example", 200),
                ("two.example:443", 200),
                ("localhost", 200),
                ("three.example", 421),
            ):
                async with session.get(url, headers={"Host": host}) as answer:
                    assert answer.status == status
    finally:
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0
