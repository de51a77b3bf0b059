"""`drivekeeper web` as an operator runs it: it starts, says why it does not, and stops in order."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from pathlib import Path
from typing import Final

import httpx
import pytest
from cryptography.fernet import Fernet

from commands.output import Exit
from config import child_environment
from sandbox.run import google_settings
from sandbox.server import Sandbox
from tests.documents import ROOT

pytestmark = pytest.mark.one_way("files")
_LONGEST: Final = 30.0


def settings_of(sandbox: Sandbox, folder: Path, port: int, **changes: str) -> dict[str, str]:
    """On SQLite, a whole installation's; a change to "" takes one away."""
    found = {
        **google_settings(sandbox),
        "WEB_GOOGLE_CLIENT_ID": sandbox.config.client_id,
        "WEB_GOOGLE_CLIENT_SECRET": sandbox.config.client_secret,
        "TOKEN_ENCRYPTION_KEY": Fernet.generate_key().decode(),
        "DATABASE_URL": f"sqlite:///{folder / 'web.db'}",
        "PUBLIC_URL": f"http://localhost:{port}",
        "WEB_PORT": str(port),
        "USER_DATA_DIR": str(folder / "user_data"),
        "LOG_FORMAT": "json",
        **changes,
    }
    return {name: value for name, value in found.items() if value}


async def start(settings: dict[str, str], log: Path) -> asyncio.subprocess.Process:
    """The command, with both its outputs in a file."""
    with log.open("wb") as written:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "web", "--env-file", "/dev/null"),
            cwd=ROOT,
            env=child_environment(settings),
            stdout=written,
            stderr=written,
        )


async def ends(process: asyncio.subprocess.Process) -> int:
    """Its exit code, once it has ended."""
    try:
        async with asyncio.timeout(_LONGEST):
            return await process.wait()
    except TimeoutError:
        process.kill()
        raise


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_it_serves_until_it_is_stopped(sandbox: Sandbox, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    process = await start(settings_of(sandbox, tmp_path, port), log)
    try:
        async with asyncio.timeout(_LONGEST), httpx.AsyncClient() as client:
            while '"web_ready"' not in log.read_text():
                assert process.returncode is None, log.read_text()
                await asyncio.sleep(0.05)
            answer = await client.get(f"http://localhost:{port}/healthz")
            assert (answer.status_code, answer.json()) == (200, {"alive": True})
            home = await client.get(f"http://localhost:{port}/", follow_redirects=True)
            assert home.url.path == "/console/enter"
        process.send_signal(signal.SIGTERM)
        assert await ends(process) == Exit.OK
    finally:
        if process.returncode is None:
            process.kill()
    assert '"web_stopped"' in log.read_text()


async def test_settings_it_cannot_do_without_are_named_all_at_once(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    changes = {"TOKEN_ENCRYPTION_KEY": "", "DATABASE_URL": "", "WEB_PORT": "0"}
    url = "https://drive.example.org/d"
    settings = settings_of(sandbox, tmp_path, 1, PUBLIC_URL=url, **changes)
    assert await ends(await start(settings, log)) == Exit.USAGE
    for says in (
        "TOKEN_ENCRYPTION_KEY: is missing",
        "PUBLIC_URL: must have no path",
        "WEB_PORT: must not be 0",
    ):
        assert says in log.read_text()
    assert url not in log.read_text()


async def test_a_port_that_is_taken_is_told_in_one_sentence(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = int(taken.getsockname()[1])
        process = await start(settings_of(sandbox, tmp_path, port), log)
        assert await ends(process) == Exit.FAULT
    said = log.read_text()
    assert "WEB_HOST and WEB_PORT: nothing can listen there" in said
    assert '"web_refused_to_start"' in said
    assert "Traceback" not in said
