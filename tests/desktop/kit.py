"""The desktop in this process, on a real port, beside the cloud and Google."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from config import Settings
from departments.names import Department
from desktop.queue.records import Record
from desktop.services import Services
from processes.desktop.running import Started, run
from tests.journeys import until
from tests.web.kit import OPERATOR, TANHAE, RunningWeb

FORM = {"Sec-Fetch-Site": "same-origin"}


def pdf(size: int = 10_000, seed: int = 0) -> bytes:
    """As much of a PDF as anybody here looks at."""
    head, tail = b"%%PDF-1.7\n%d\n" % seed, b"\n%%EOF\n"
    return head + b"x" * (size - len(head) - len(tail)) + tail


@dataclass
class RunningDesktop:
    """One that serves its page, and this account's browser."""

    started: Started
    browser: httpx.AsyncClient

    @property
    def services(self) -> Services:
        """What the page is served with."""
        return self.started.services

    @property
    def records(self) -> list[Record]:
        """The queue and the history, the newest first."""
        return self.services.shelf.all()

    async def enter(self) -> httpx.Response:
        """Open the file that leads to the page, and press its button."""
        file = self.started.entering.shown.read_text("utf-8")
        found = re.search(r'href="([^"]+)"', file)
        assert found is not None
        shown = await self.browser.get(found[1])
        token = re.search(r'name="token" value="([^"]+)"', shown.text)
        assert token is not None
        return await come_in(self.browser, httpx.URL(found[1], params={"token": token[1]}))

    async def pair(self, address: str, code: str) -> httpx.Response:
        """Fill in the form."""
        fields = {"address": address, "code": code}
        return await self.browser.post("/pair", data=fields, headers=FORM)

    async def add(self, *files: tuple[str, bytes], department: str = TANHAE.slug) -> httpx.Response:
        """Drop files, and press the button."""
        sent = [("files", (name, content, "application/pdf")) for name, content in files]
        return await self.browser.post(
            "/files", data={"department": department}, files=sent, headers=FORM
        )

    async def until(self, *states: str, seconds: float = 30) -> list[Record]:
        """The records, once they are in these states, the oldest first."""
        await until(lambda: [one.state for one in reversed(self.records)] == list(states), seconds)
        return list(reversed(self.records))

    async def until_it_says(self, text: str, seconds: float = 30) -> str:
        """The page, once it says this."""
        async with asyncio.timeout(seconds):
            while text not in (page := (await self.browser.get("/live")).text):  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # it is asked over HTTP: there is no event to wait for
        return page


async def come_in(browser: httpx.AsyncClient, way_in: httpx.URL) -> httpx.Response:
    """Press the button of the page there; from here on the browser's paths are the page's."""
    enter, token = way_in.copy_with(query=None), way_in.params["token"]
    answer = await browser.post(enter, data={"token": token}, headers=FORM)
    if answer.status_code == 303:
        browser.base_url = enter.join(answer.headers["Location"])
    return answer


async def code_for(
    web: RunningWeb, department: Department = TANHAE, may: tuple[str, ...] = ("upload",)
) -> str:
    """A pairing code, as the settings page makes one."""
    make: Any = web.services.desk.pairing.make
    made = await web.custody.workers.run(make, department.slug, "行控中心 1", may, OPERATOR)
    return str(made.shown)


@asynccontextmanager
async def running_desktop(
    folder: Path, *, enters: bool = True, visible: Iterable[Path] = (), **changes: Any
) -> AsyncIterator[RunningDesktop]:
    """`async with running_desktop(folder) as desk:`

    Args:
        enters: whether its browser has come in.
        visible: where else its file may lie.
        changes: of its settings.
    """
    ready: asyncio.Future[Started] = asyncio.get_running_loop().create_future()
    ended = asyncio.Event()
    settings = Settings(_env_file=None, **changes)
    task = asyncio.create_task(run(settings, folder, 0, ready.set_result, ended, visible))
    try:
        await asyncio.wait((task, ready), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        started = ready.result()
        url = f"http://localhost:{started.port}"
        async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as browser:
            desk = RunningDesktop(started, browser)
            if enters:
                assert (await desk.enter()).status_code == 303
            yield desk
    finally:
        ended.set()
        await task


@asynccontextmanager
async def paired_desktop(
    web: RunningWeb, folder: Path, may: tuple[str, ...] = ("upload",), **changes: Any
) -> AsyncIterator[RunningDesktop]:
    """As `running_desktop`, and paired with 淡海 by a code."""
    async with running_desktop(folder, **changes) as desk:
        await desk.pair(web.url, await code_for(web, may=may))
        yield desk


def moves(desk: RunningDesktop, id: str) -> bool:
    """Whether Drive has some of it, and not all."""
    live = desk.services.sender.live(id)
    return live is not None and live.stage == "sending" and live.sent > 0
