"""Three real processes on one database, ten spreadsheets, and a Google that has had enough."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from bench.child import ROOT
from bench.owners import new_key, write_settings
from bench.web.process import first_answer, settings_at, web_process
from sandbox.clients.google_controls import GoogleControls
from sandbox.ports import free_port
from sandbox.server import Sandbox
from tests.sandbox.sheets_kit import public_pem
from tests.service_accounts import ADDRESS, KEY_ID, VARIABLE, encoded
from tests.sheets.keeping_kit import rows, tab, toml

pytestmark = pytest.mark.one_way  # half a minute, most of it waiting
SHEETS: Final = 10
INTERVAL: Final = 3.0
"""Seconds, more or less by a tenth."""


def listed(settings: Path) -> tuple[int, dict[str, Any], str]:
    """What `drivekeeper sheets list` says: its exit code, by sheet for programs, and for people."""
    said: list[str] = []
    for option in (["--json"], []):
        line = [sys.executable, "-m", "cli", "sheets", "list", *option, f"--env-file={settings}"]
        environment = {"PATH": os.defpath, "LANG": "C.UTF-8"}
        done = subprocess.run(
            line, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )
        said.append(done.stdout)
    return done.returncode, {one["sheet"]: one for one in json.loads(said[0])["sheets"]}, said[1]


async def reads(google: GoogleControls, ids: list[str]) -> list[int]:
    """How often each was read so far."""
    found = (await google.state())["sheets"]
    return [found[id]["reads"] for id in ids]


async def test_one_read_an_interval_whoever_looks_and_a_storm_is_waited_out(
    sandbox: Sandbox, google: GoogleControls, tmp_path: Path
) -> None:
    await google.act("service_account", address=ADDRESS, key_id=KEY_ID, public_key=public_pem())
    await google.act("sheet_quota", of_user=10_000, of_project=10_000)
    tabs = [{**tab(), "rows": [["115年12月"], *rows()]}]
    made = [await google.act("sheet", tabs=tabs, shared=[ADDRESS]) for _ in range(SHEETS)]
    ids = [str(one["id"]) for one in made]
    (file := tmp_path / "sheets.toml").write_text(toml(*ids), "utf-8")
    (tmp_path / "of.db").touch(mode=0o600)
    ports = [free_port() for _ in range(3)]
    key = new_key()
    each = [
        write_settings(
            tmp_path / f"settings{port}",
            tmp_path / "user_data",
            sandbox.url,
            DATABASE_URL=f"sqlite:///{tmp_path}/of.db",
            TOKEN_ENCRYPTION_KEY=key,
            SHEETS_FILE=file,
            SHEETS_INTERVAL_MINUTES=INTERVAL / 60,
            **{VARIABLE: encoded(token_uri=f"{sandbox.url}/token")},
            **settings_at(port),
        )
        for port in ports
    ]
    with ExitStack() as stack:
        for settings, port in zip(each, ports, strict=True):
            stack.enter_context(web_process(settings, tmp_path / f"log{port}"))
        for port in ports:
            await asyncio.to_thread(first_answer, port, "/healthz")
        async with asyncio.timeout(60):
            while min(await reads(google, ids)) < 2:  # noqa: ASYNC110 - processes
                await asyncio.sleep(0.1)

        began, before = asyncio.get_running_loop().time(), await reads(google, ids)
        await asyncio.sleep(3 * INTERVAL)
        after, seconds = await reads(google, ids), asyncio.get_running_loop().time() - began
        most = seconds / (INTERVAL * 0.9) + 1
        for read in (b - a for a, b in zip(before, after, strict=True)):
            assert 1 <= read <= most

        await google.act("sheet_share", sheet=ids[0], address=ADDRESS, on=False)
        await google.act("sheet_delete", sheet=ids[1])
        troubles, text = list[str | None](), ""
        async with asyncio.timeout(60):
            while troubles != ["sheet_not_shared", "sheet_not_found", None]:
                code, states, text = await asyncio.to_thread(listed, each[0])
                troubles = [states[f"tanhae.r{n}"]["trouble"] for n in range(3)]
        assert code == 1
        _, _, because = " ".join(text.split()).partition("(sheet_not_shared)")
        assert ADDRESS in because.partition(" ! ")[0]
        assert "(sheet_not_found)" in text

        await google.fault("google.sheets.get", "status", status=429, count=0)
        await asyncio.sleep(0.5)  # what was under way
        await google.forget_calls()
        await asyncio.sleep(3 * INTERVAL)
        asked = (await google.calls())["counts"].get("google.sheets.get", 0)
        assert asked <= 3 * 3, "each process asks once or twice, and then leaves Google alone"
        _, states, _ = await asyncio.to_thread(listed, each[0])
        assert all(len(one["periods"]) == 1 for one in states.values())
