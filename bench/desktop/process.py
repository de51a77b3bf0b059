"""`drivekeeper desktop` as staff start it, and the browser that has its page."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import parse_qs, urlsplit

import httpx

from bench.child import ROOT
from bench.report import Site, Wrong
from bench.uploads.content import Content
from desktop.keeping.files import FOLDER

_LONGEST: Final = 120.0
_ADDRESS: Final = re.compile(r'href="([^"]+)"')
STANDS: Final = re.compile(r'data-state="(\d+)-\d+-\d+-(\d+)"')
_EVERY: Final = re.compile(r'data-every="([\d.]+)"')


class Page:
    """What a browser does with it, as `site.js` and `desktop.js` do."""

    def __init__(self, browser: httpx.Client) -> None:
        self._browser = browser

    @classmethod
    def opened(cls, browser: httpx.Client, address: str) -> Self:
        """Come in by the file's address, and have the page.

        Raises:
            Wrong: somebody is refused.
        """
        token = parse_qs(urlsplit(address).query)["token"][0]
        page = cls(browser)
        while True:
            try:
                page._ask("GET", address)
                break
            except httpx.ConnectError:  # nobody listens yet, which costs the process nothing
                time.sleep(0.01)
        there = page.send("/enter", {"token": token}).headers["Location"]
        browser.base_url = browser.base_url.join(there)
        page._ask("GET", "/")
        return page

    def send(self, path: str, fields: dict[str, str]) -> httpx.Response:
        """A form of it."""
        return self._ask("POST", path, data=fields)

    def drop(self, content: Content, name: str) -> float:
        """Seconds from pressing the button to the ✓; the page looks as often as it is told to.

        Raises:
            Wrong: it is not uploaded.
        """
        before = self._look()[0]
        began = time.perf_counter()
        with content.path.open("rb") as opened:
            files = {"files": (name, opened, "application/pdf")}
            self._ask("POST", "/files", data={"department": "tanhae"}, files=files)
        while time.perf_counter() - began < _LONGEST:
            done, every = self._look()
            if done == before + 1:
                return time.perf_counter() - began
            time.sleep(every)
        raise Wrong(f"{name} is not uploaded")

    def _look(self) -> tuple[int, float]:
        """How many files are in Drive by what the page says, and in how many seconds it looks."""
        text = self._ask("GET", "/live").text
        state, every = STANDS.search(text), _EVERY.search(text)
        if state is None or every is None or state[2] != "0":
            raise Wrong(f"another page than was expected: {text[:1000]}")
        return int(state[1]), float(every[1])

    def _ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        answer = self._browser.request(method, path, **options)
        if answer.status_code != (303 if method == "POST" else 200):
            raise Wrong(f"{method} {path}: {answer.status_code}")
        return answer


@contextmanager
def desktop(site: Site, home: Path, settings: Path) -> Iterator[tuple[int, Page]]:
    """The process, its id, and its page as a browser has it.

    Args:
        home: of the account, where everything is that it keeps.
        settings: an environment file, which says where Google is.
    """
    way_in = home / FOLDER / "open.html"
    way_in.unlink(missing_ok=True)
    with (site.folder / "desktop.log").open("ab") as lines:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "cli", "desktop", "--port", "0", "--no-browser"),
                *("--env-file", settings),
            ],
            cwd=ROOT,
            env={"PATH": os.defpath, "LANG": "C.UTF-8", "HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=lines,
        )
    os.sched_setaffinity(process.pid, {site.client_core})
    try:
        address = _address(way_in, process)
        parts = urlsplit(address)
        with httpx.Client(
            base_url=f"{parts.scheme}://{parts.netloc}",
            headers={"Sec-Fetch-Site": "same-origin"},
            timeout=_LONGEST,
            trust_env=False,
        ) as browser:
            yield process.pid, Page.opened(browser, address)
    finally:
        process.terminate()
        try:
            process.wait(_LONGEST)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(way_in: Path, process: subprocess.Popen[bytes]) -> str:
    """Where the file leads that the desktop opens a browser with."""
    while process.poll() is None:
        if way_in.exists() and (found := _ADDRESS.search(way_in.read_text("utf-8"))):
            return found[1]
        time.sleep(0.01)
    raise Wrong("the desktop did not start")
