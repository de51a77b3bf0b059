"""Killed at any moment, a desktop forgets no file that it has promised, and sends none twice."""

from __future__ import annotations

import asyncio
import os
import random
import re
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from config import child_environment
from desktop.keeping.files import FOLDER
from sandbox.clients.google_controls import GoogleControls
from tests.desktop.kit import FORM, code_for, come_in, pdf
from tests.journeys import until
from tests.security.kit import AMY
from tests.web.kit import RunningWeb
from tests.web.test_uploads import files

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way]
MOMENTS = 24
SIZE = 300_000


@asynccontextmanager
async def desktop(
    home: Path, log: Path | None = None, **settings: str
) -> AsyncIterator[tuple[asyncio.subprocess.Process, httpx.AsyncClient]]:
    """The command, and a browser that has come in; it is killed at the end.

    Args:
        log: where what it says is added; None: nowhere.
    """
    way_in = home / FOLDER / "open.html"
    way_in.unlink(missing_ok=True)
    with (log or Path(os.devnull)).open("ab") as said:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "desktop", "--port", "0", "--no-browser"),
            env=child_environment({"HOME": str(home), **settings}, is_alone=True),
            stdout=said,
            stderr=said,
        )
    try:
        await until(way_in.exists, 60)
        address = re.search(r'href="([^"]+)"', way_in.read_text("utf-8"))
        assert address is not None
        url = httpx.URL(address[1])
        async with httpx.AsyncClient(timeout=30) as browser:
            async with asyncio.timeout(60):
                while True:
                    with suppress(httpx.ConnectError):
                        await come_in(browser, url)
                        break
                    await asyncio.sleep(0.02)
            yield process, browser
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_each_promised_file_arrives_once(
    web: RunningWeb, google: GoogleControls, tmp_path: Path
) -> None:
    """At moments from the first byte of a form to after the last of an upload: every other one
    comes once the file is promised, however slow the machine is."""
    await web.authorise(google, AMY)
    chance = random.Random(15)  # noqa: S311 - moments, no secrets
    promised: dict[str, bytes] = {}
    tried: dict[str, bytes] = {}
    async with desktop(tmp_path) as (_, browser):
        fields = {"address": web.url, "code": await code_for(web)}
        assert (await browser.post("/pair", data=fields, headers=FORM)).status_code == 303
    await google.rate("google.upload.*", 2_000_000)
    for moment in range(MOMENTS):
        name, content = f"{moment}.pdf", pdf(SIZE, moment)
        tried[name] = content
        async with desktop(tmp_path) as (process, browser):

            async def kill(process: Process = process) -> None:
                await asyncio.sleep(chance.uniform(0, 0.5))
                process.kill()

            killing = asyncio.create_task(kill()) if moment % 2 else None
            with suppress(httpx.HTTPError):
                sent = {"files": (name, content, "application/pdf")}
                answer = await browser.post(
                    "/files", data={"department": "tanhae"}, files=sent, headers=FORM
                )
                if answer.status_code == 303:
                    promised[name] = content
            await (killing or kill())
    await google.rate("google.upload.*", None)
    queue = tmp_path / FOLDER / "queue"
    async with desktop(tmp_path) as (_, browser):
        await until(lambda: not list(queue.glob("*.pdf")), 60)
        page = (await browser.get("/")).text
    found = await files(google)
    names = [str(file["name"]) for file in found]
    assert len(promised) >= MOMENTS // 2
    assert sorted(set(names)) == sorted(names)
    assert promised.keys() <= set(names) <= tried.keys()
    for file in found:
        assert await google.file_bytes(file["id"]) == tried[file["name"]]
        assert file["name"] in page
    assert not list(queue.glob(".*"))
