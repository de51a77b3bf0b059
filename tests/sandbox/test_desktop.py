"""The desktop page beside the sandbox: `make run`'s processes, from the address it prints on."""

from __future__ import annotations

import asyncio
import re
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from config import child_environment
from desktop.keeping.files import FOLDER
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox, SandboxConfig
from tests.browser.kit import Running, make_run
from tests.desktop.kit import FORM, come_in, pdf
from tests.journeys import until
from tests.security.kit import AMY

LINK = re.compile(r'href="([^"]+/file/d/[^"]+)"')
TANHAE = {"department": "tanhae"}


def way_in(running: Running) -> httpx.URL:
    """Where the printed page's button leads."""
    [printed] = re.findall(r"Desktop page +(\S+)", running.log())
    assert httpx.get(printed).status_code == 200
    answer = httpx.post(f"{printed}/open", timeout=60)
    assert answer.status_code == 303, answer.text
    return httpx.URL(answer.headers["Location"])


@asynccontextmanager
async def staff(running: Running) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that has come in."""
    address = way_in(running)
    async with httpx.AsyncClient(headers=FORM, timeout=60) as browser:
        assert (await browser.get(address)).status_code == 200
        assert (await come_in(browser, address)).status_code == 303
        yield browser


def administrator(running: Running) -> httpx.AsyncClient:
    """Signed in by a link of the sandbox's page."""
    form = {"as": "Mia"}
    link = httpx.post(f"{running.url}/departments/link", data=form, timeout=60).headers["Location"]
    signed_in = httpx.post(link, headers=FORM, timeout=60)
    cookie = signed_in.headers["Set-Cookie"].partition(";")[0]
    headers = {**FORM, "Cookie": cookie}
    return httpx.AsyncClient(base_url=running.web_url(), headers=headers, timeout=60)


def children(running: Running) -> list[str]:
    """Processes that have the sandbox's desk as their home."""
    home = f"HOME={running.folder / 'desktop'}".encode()
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            found += [path.parent.name] if home in path.read_bytes().split(b"\0") else []
        except OSError:  # it has ended, or is somebody else's
            continue
    return found


async def command(running: Running, *line: str) -> str:
    """What one of the product's says of what runs, by the settings that were printed."""
    [file] = re.findall(r"--env-file (\S+)", running.log())
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "cli", *line, "--env-file", file),
        env=child_environment({}, is_alone=True),
        stdout=PIPE,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0
    return said.decode()


@pytest.mark.encryption("on")
@pytest.mark.one_way
async def test_it_is_paired_by_a_real_code_and_uploads(tmp_path: Path) -> None:
    """Also after its plug was pulled while the cloud was asleep; and it leaves nothing behind."""
    content = pdf(200_000)
    with make_run(tmp_path, None, "", departments=True) as running:
        async with (
            GoogleControls(running.url) as google,
            administrator(running) as mia,
            staff(running) as desk,
        ):
            asked = (await mia.get("/api/google/auth-url", params=TANHAE)).json()
            back = await google.consent(asked["auth_url"], AMY)
            assert (await mia.get(back)).status_code == 303
            wanted = {**TANHAE, "label": "行控中心 1"}
            made = (await mia.post("/api/clients/pairing-codes", json=wanted)).json()
            page = (await desk.get("/")).text
            assert f'value="{running.web_url()}"' in page  # it knows where the cloud is
            fields = {"address": running.web_url(), "code": made["code"]}
            assert (await desk.post("/pair", data=fields)).status_code == 303
            running.control("departments/sleep", asleep=True)
            sent = {"files": ("班表.pdf", content, "application/pdf")}
            assert (await desk.post("/files", data=TANHAE, files=sent)).status_code == 303
            running.control("desktop/switch", on=False)
            assert not children(running)
            with pytest.raises(AssertionError, match="switch it on first"):
                way_in(running)
            running.control("desktop/switch", on=True)
            running.control("departments/sleep", asleep=False)
            await until(lambda: running.has_in_drive("班表.pdf"), 30)
            async with staff(running) as again:
                async with asyncio.timeout(30):
                    while (link := LINK.search((await again.get("/live")).text)) is None:  # noqa: ASYNC110
                        await asyncio.sleep(0.05)  # it is asked over HTTP: there is no event
            [kept] = [one for one in await google.files(AMY) if one["name"] == "班表.pdf"]
            assert await google.file_bytes(kept["id"]) == content
            assert kept["id"] in link[1]
            running.control("desktop/pair")
            computers = (await mia.get("/api/clients")).json()["clients"]
            assert {one["label"] for one in computers} == {"行控中心 1", "Sandbox desk"}
            assert "Sandbox desk" in await command(running, "clients", "list", "--json")
            assert "tanhae.roster" in await command(running, "sheets", "list")
        folder = running.folder
        assert len(children(running)) == 1
    assert not children(running)
    assert not (folder / "desktop" / FOLDER / "open.html").exists()


async def test_a_sandbox_without_one_says_so(tmp_path: Path) -> None:
    async with (
        Sandbox(SandboxConfig(tmp_path)) as sandbox,
        httpx.AsyncClient(base_url=sandbox.url) as browser,
    ):
        assert (await browser.get("/desktop")).status_code == 404
        assert (await browser.post("/desktop/open")).status_code == 404
        assert (await browser.get("/sandbox/control/desktop")).json() == {"on": None}
