"""Departments beside the sandbox: links, sweeps, the database's file, and processes' ends."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
from datetime import time
from pathlib import Path
from time import monotonic

import aiohttp
import httpx
import pytest

from sandbox.departments.commands import Command, CommandFailed, Product, run_together
from sandbox.departments.spreadsheets import note
from sandbox.server import Sandbox, SandboxConfig
from tests.browser.kit import ROOT, make_run

SAME_SITE = {"Sec-Fetch-Site": "same-origin"}
WAITS = "import time; time.sleep(60)"


def command(program: str) -> Command:
    """A process that does this, in Python."""
    return Command([sys.executable, "-c", program], dict(os.environ))


async def test_one_that_ends_ends_the_other_and_its_exit_code_counts() -> None:
    async with asyncio.timeout(30):
        for order in (1, -1):
            both = [command(WAITS), command("raise SystemExit(3)")][::order]
            assert await run_together(both, asyncio.Event()) == 3


async def test_whoever_is_stopped_before_it_listens_has_not_failed() -> None:
    stop = asyncio.Event()
    stop.set()
    async with asyncio.timeout(30):
        assert await run_together([command(WAITS)] * 2, stop) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody tells a process")
async def test_what_runs_beside_it_ends_where_it_is_killed() -> None:
    """Its end is seen by what both hold open."""
    kills = (
        "import asyncio, os, signal, sys\n"
        "from sandbox.departments.commands import Command\n"
        "async def run():\n"
        f"    await Command([sys.executable, '-c', {WAITS!r}], dict(os.environ)).start()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(run())\n"
    )
    async with asyncio.timeout(30):
        killed = await asyncio.create_subprocess_exec(
            sys.executable, "-c", kills, stdout=asyncio.subprocess.PIPE, cwd=ROOT
        )
        assert (await killed.communicate())[0] == b""
    assert killed.returncode == -signal.SIGKILL


async def test_what_a_command_complains_of_is_told() -> None:
    refusing = command("import sys; print('no', file=sys.stderr); sys.exit(2)")
    with pytest.raises(CommandFailed, match=r"^no$"):
        await refusing.output(1)
    assert await command("print('said'); raise SystemExit(1)").output(1) == "said\n"


async def test_a_sandbox_without_them_says_so(tmp_path: Path) -> None:
    async with (
        Sandbox(SandboxConfig(tmp_path)) as sandbox,
        aiohttp.ClientSession(sandbox.url) as session,
    ):
        for method, path in (("GET", "/departments"), ("POST", "/departments/link")):
            async with session.request(method, path) as answer:
                assert answer.status == 404
        async with session.get("/sandbox/control/departments") as answer:
            assert await answer.json() == {"url": None}


def _console_link(browser: httpx.Client) -> str:
    """That the bot gives Alice, who administers: the web process knows it."""
    said, began = list[str](), monotonic()
    with browser.stream("GET", "/sandbox/chat/chats/500000001/events") as events:
        for line in events.iter_lines():
            if found := re.search(r"http://localhost:\d+/console/enter/[\w-]+", line):
                return found[0]
            said += [line] * ('"from_bot":true' in line)  # of trouble it may tell meanwhile
            assert monotonic() - began < 60, said
    raise AssertionError(said)


@pytest.mark.one_way
def test_links_are_real_ones_and_no_more_than_are_needed(tmp_path: Path) -> None:
    with make_run(tmp_path, None, "", departments=True) as running:
        web = running.web_url()
        with httpx.Client(base_url=running.url, timeout=60) as browser:

            def link(name: str = "Mia") -> httpx.Response:
                return browser.post("/departments/link", data={"as": name})

            def spend(address: str) -> int:
                return httpx.post(address, headers=SAME_SITE, timeout=30).status_code

            found = [link().headers["Location"] for _ in range(3)]
            assert len({*found}) == 1
            assert found[0].startswith(f"{web}/console/enter/")
            for _ in range(4):
                assert spend(found[-1]) == 303
                found.append(link().headers["Location"])
            assert len({*found}) == 5
            assert spend(found[-1]) == 303
            refused = link()
            assert (refused.status_code, "five links within the hour" in refused.text) == (
                503,
                True,
            )
            assert 'value="Mia"' in refused.text
            assert link("Ben").status_code == 303
            alice = "/sandbox/chat/chats/500000001/messages"
            assert browser.post(alice, json={"text": "/console"}).status_code == 200
            assert spend(_console_link(browser)) == 303
            wrong = link("<b>")
            assert (wrong.status_code, "&lt;b&gt;" in wrong.text) == (503, True)
            elsewhere = browser.post("/departments/link", headers={"Origin": "http://evil.example"})
            assert elsewhere.status_code == 403


@pytest.mark.one_way
def test_a_database_that_is_away_is_back_with_all_that_was_in_it(tmp_path: Path) -> None:
    with make_run(tmp_path, None, "", departments=True) as running:
        web = running.web_url()
        with httpx.Client(base_url=running.url, timeout=60) as browser:
            link = browser.post("/departments/link", data={"as": "Mia"}).headers["Location"]
            for _ in range(2):
                running.control("departments/database", away=True)
                answer = httpx.get(link, timeout=30, headers={"Accept-Language": "en"})
                assert answer.status_code == 503
                assert "The database does not answer" in answer.text
                assert httpx.get(f"{web}/healthz", timeout=30).status_code == 200
                refused = browser.post("/sandbox/control/departments/sweep")
                assert (refused.status_code, "bring it back" in refused.text) == (400, True)
                assert browser.post("/departments/link", data={"as": "Mia"}).status_code == 503
            for _ in range(2):
                running.control("departments/database", away=False)
            assert httpx.get(link, timeout=30).status_code == 200
            found = browser.post("/sandbox/control/departments/sweep").json()
            assert (found["seen"], found["ended_by"]) == (0, None)


def test_commands_are_shown_as_they_can_be_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = tmp_path / ".venv" / "bin"
    commands.mkdir(parents=True)
    (commands / "drivekeeper").touch(0o700)
    product = Product([str(commands / "python")], dict, dict)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "/nowhere")
    assert product.typed == ".venv/bin/drivekeeper"
    monkeypatch.setenv("PATH", str(commands))
    assert product.typed == "drivekeeper"


@pytest.mark.parametrize(("now", "is_night"), [(12, False), (22, True), (6, True), (7, False)])
def test_planners_are_told_when_nobody_is_told(now: int, is_night: bool) -> None:
    """It would seem broken to whoever tries it at that hour."""
    assert ("only of the next 24 hours" in note(time(now))) is is_night
