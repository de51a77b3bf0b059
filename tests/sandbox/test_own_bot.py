"""A bot of one's own against the sandbox: the steps of docs/sandbox.md, as they stand there."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing, suppress
from pathlib import Path
from textwrap import dedent

import pytest
from typer.testing import CliRunner

from cli import app
from commands.output import Exit
from config import load_settings
from departments.service_accounts.token import fetch_token
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.google.sheets.samples import ROSTER_ID
from security.google.network import DIRECT
from sheets.reading.api import SheetsApi
from sheets.reading.reader import Reader
from sheets.wanted import TabWanted
from tests.journeys import connect
from tests.security.kit import ROOT

GUIDE = (ROOT / "docs/sandbox.md").read_text("utf-8")
_, _, CHAPTER = GUIDE.partition("## A bot of your own against the sandbox\n")
BLOCKS = [
    (kind, dedent(code))
    for kind, code in re.findall(
        r"(?ms)^ *```(\w+)\n(.*?)^ *```$", CHAPTER.partition("\n## Telegram's half")[0]
    )
]
SANDBOX, BOT, OWN = (code.strip() for kind, code in BLOCKS if kind == "sh")
(PROGRAM,) = (code for kind, code in BLOCKS if kind == "python")


@asynccontextmanager
async def running(folder: Path, line: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """A line of the guide in a shell, until the end of the block."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    process = await asyncio.create_subprocess_shell(
        line,
        cwd=folder,
        env={**environment, "PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await process.communicate()


async def printed(process: asyncio.subprocess.Process, text: str) -> str:
    """All it has printed until `text` came."""
    assert process.stdout is not None
    said = b""
    async with asyncio.timeout(60):
        while text.encode() not in said:
            line = await process.stdout.readline()
            assert line, said.decode()
            said += line
    return said.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What the steps are done in: a checkout's `.venv`, and nothing else."""
    commands = tmp_path / ".venv" / "bin"
    commands.mkdir(parents=True)
    for name, runs in (("python", ""), ("drivekeeper", "-m cli ")):
        (commands / name).write_text(f'#!/bin/sh\nexec {sys.executable} {runs}"$@"\n')
        (commands / name).chmod(0o700)
    return tmp_path


async def test_the_steps_of_the_guide_lead_to_answers(folder: Path) -> None:
    """The product's own bot uploads a file, and then another program answers."""
    (folder / "echo-bot.py").write_text(PROGRAM, "utf-8")
    async with running(folder, f"{SANDBOX} --port 0") as sandbox:
        said = await printed(sandbox, "Ctrl-C")
        assert "the settings in .env.sandbox" in said
        file = folder / ".env.sandbox"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        settings = load_settings(env_file=file)
        url = settings.telegram_api_base_url
        assert f"{url}/sandbox/control" in said
        async with Person(url, 501, "Ann", "en") as ann, GoogleControls(url) as google:
            async with running(folder, BOT) as bot:
                await printed(bot, '"bot_started"')
                await connect(ann, google, "ann@example.com")
                await ann.send_document(b"x" * 1000, "a.txt")
                await ann.wait_for("a.txt", timeout=60)
            async with running(folder, OWN):
                await ann.send("hello")
                await ann.wait_for("You said: hello", timeout=60)


async def test_without_a_file_the_same_lines_are_printed(folder: Path) -> None:
    line = ".venv/bin/drivekeeper sandbox --no-bot --port 0 --flow callback"
    async with running(folder, line) as sandbox:
        said = await printed(sandbox, "SHEETS_SETTLE_MINUTES=")
        said_of_web = await printed(sandbox, "PUBLIC_URL=")
    for name, text in (("bot", said), ("web", said_of_web)):
        (folder / f"{name}.env").write_text(text[text.index("# Written by") :], "utf-8")
    settings = load_settings(env_file=folder / "bot.env")
    assert settings.google_oauth_flow == "callback"
    assert settings.user_data_dir == folder / ".sandbox" / "user_data"
    assert settings.public_url == f"http://localhost:{settings.web_port}"
    web = load_settings(for_bot=False, for_web=True, env_file=folder / "web.env")
    assert web.database is not None
    assert web.database.file == folder / ".sandbox" / "user_data" / "drivekeeper.db"
    assert web.public_url == f"http://localhost:{web.web_port}"
    for shared in ("database_url", "encryption_keys", "service_accounts", "admin_user_ids"):
        assert getattr(web, shared) == getattr(settings, shared)
    assert [*web.departments] == ["tanhae=淡海", "anping=安坑", "sanying=三鶯"]


async def test_a_departments_service_account_reads_its_roster(folder: Path) -> None:
    """By the settings that the sandbox has written."""
    async with running(folder, f"{SANDBOX} --port 0") as sandbox:
        await printed(sandbox, "Ctrl-C")
        file = folder / ".env.sandbox.web"
        settings = load_settings(for_bot=False, for_web=True, env_file=file)
        key = settings.service_accounts["tanhae"]
        line = f".venv/bin/drivekeeper service-account check --online --env-file {file}"
        async with running(folder, line) as check:
            said, _ = await check.communicate()
        assert "Google: gave a token." in said.decode()
        assert f"Share spreadsheets with: {key.address}" in said.decode()
        reader = Reader(
            SheetsApi(settings.google_api_endpoint),
            key.address,
            lambda: fetch_token(key, settings.google_token_uri, DIRECT),
        )
        with closing(reader):
            body = await asyncio.to_thread(reader.read, ROSTER_ID, [TabWanted("代碼", None)])
        assert "0905G" in body.decode()


@pytest.mark.parametrize("by", ["", "nohup "])
@pytest.mark.one_way
async def test_it_ends_with_its_terminal_unless_by_nohup(folder: Path, by: str) -> None:
    # Whatever runs the tests may be under nohup itself.
    line = f"exec env --default-signal=HUP {by}.venv/bin/drivekeeper sandbox --no-bot --port 0"
    line += " </dev/null"
    async with running(folder, line) as sandbox:
        await printed(sandbox, "PUBLIC_URL=")
        sandbox.send_signal(signal.SIGHUP)
        sandbox.send_signal(signal.SIGTERM) if by else None
        await sandbox.communicate()
        assert sandbox.returncode == 0


@pytest.mark.parametrize("there", ["file", "link", "folder"])
@pytest.mark.one_way
async def test_what_no_sandbox_has_written_is_left_as_it_is(folder: Path, there: str) -> None:
    path, other = folder / ".env", folder / "other"
    other.write_text("TELEGRAM_BOT_TOKEN=1:real\n")
    match there:
        case "file":
            other.replace(path)
        case "link":
            path.symlink_to(other)
        case "folder":
            path.mkdir()
    async with running(
        folder, ".venv/bin/drivekeeper sandbox --port 0 --write-env .env"
    ) as refused:
        said, _ = await refused.communicate()
    assert said.decode().startswith("--write-env: it ")
    assert refused.returncode == 2
    assert path.is_dir() or path.read_text() == "TELEGRAM_BOT_TOKEN=1:real\n"


async def test_the_sandboxs_own_file_is_renewed(folder: Path) -> None:
    """Its address is another one each time."""
    found = []
    for _ in range(2):
        async with running(folder, f"{SANDBOX} --port 0") as sandbox:
            await printed(sandbox, "Ctrl-C")
            (folder / ".env.sandbox").chmod(0o644)
            found.append((folder / ".env.sandbox").read_text())
    assert found[0] != found[1]
    assert found[1].count("TELEGRAM_BOT_TOKEN=") == 1


@pytest.mark.parametrize("under", ["a file", "/proc"])
def test_a_folder_that_cannot_be_made_is_what_is_named(
    tmp_path: Path, restored_logging: None, under: str
) -> None:
    """Not the port, which could be had."""
    (tmp_path / "a file").touch()
    top = tmp_path / under  # an absolute one stands for itself
    arguments = ["sandbox", "--port", "0", "--folder", str(top / "sandbox"), "--no-bot"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == Exit.USAGE
    assert result.stderr.startswith("--folder: the folder cannot be made or emptied (")
