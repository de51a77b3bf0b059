"""What a browser test needs: `make run`'s own process, its controls, a browser that tells all."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Error,
    Locator,
    Page,
    Request,
    ViewportSize,
    WebError,
)

from tests.browser.conftest import PATIENCE_MS

T = TypeVar("T")
ROOT = Path(__file__).parents[2]
ARTEFACTS = ROOT / "test-artifacts" / "browser"
PHONE: ViewportSize = {"width": 390, "height": 844}
DESKTOP: ViewportSize = {"width": 1280, "height": 800}
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_ADDRESS = re.compile(r"Chat +(http://127\.0\.0\.1:\d+)/")


@dataclass(frozen=True)
class Running:
    """The sandbox with the bot, as processes of their own."""

    url: str
    folder: Path
    output: Path

    def control(self, path: str, **body: Any) -> None:
        """Use the control API."""
        request = urllib.request.Request(  # noqa: S310 - the address is the sandbox's
            f"{self.url}/sandbox/control/{path}",
            json.dumps(body).encode(),
            {"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            assert answer.status == 200

    def web_url(self) -> str:
        """Where departments are served."""
        return str(self._ask("departments")["url"])

    def clear_faults(self) -> None:
        """Back to normal."""
        address = f"{self.url}/sandbox/control/faults"
        request = urllib.request.Request(address, method="DELETE")  # noqa: S310 - as above
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            assert answer.status == 200

    def reading(self) -> list[int]:
        """How much of each body on a slow line Drive has read."""
        found = self._ask("calls")["reading"]
        return [one["bytes"] for one in found if one["operation"] == "google.upload.chunk"]

    def has_in_drive(self, name: str) -> bool:
        """Whether anybody's Drive has a file of this name."""
        drives = self._ask("google/state")["files"].values()
        return any(file["name"] == name for files in drives for file in files)

    def _ask(self, path: str) -> Any:
        address = f"{self.url}/sandbox/control/{path}"
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def has_said(self, event: str) -> bool | None:
        """Whether it is in the log; None: not yet."""
        return f'"{event}"' in self.log() or None

    def log(self) -> str:
        """What both processes have written."""
        return self.output.read_text("utf-8")

    def stored(self) -> str:
        """Everything the bot keeps, as one text."""
        texts = []
        for path in (self.folder / "user_data").rglob("*"):
            with suppress(FileNotFoundError, IsADirectoryError):  # gone since: it is not stored
                texts.append(path.read_text("utf-8", "replace"))
        return "\n".join(texts)


@contextmanager
def make_run(
    tmp_path: Path, flow: str | None, encryption_key: str, *, departments: bool = False
) -> Iterator[Running]:
    """`drivekeeper sandbox` until the end of the block; then Ctrl-C, and all has to end well."""
    folder, output = tmp_path / "sandbox", tmp_path / "output.log"
    command = [sys.executable, "-m", "cli", "sandbox", "--port", "0", "--folder", str(folder)]
    command += [] if departments else ["--no-departments"]
    started = ["bot_started", *(["web_ready"] if departments else [])]
    if flow is not None:
        command += ["--flow", flow]
    settings = {"LOG_FORMAT": "json", "TOKEN_ENCRYPTION_KEY": encryption_key}
    with output.open("wb") as sink:
        process = subprocess.Popen(
            command, cwd=ROOT, env={**os.environ, **settings}, stdout=sink, stderr=sink
        )
    try:
        found = wait_for(lambda: _ADDRESS.search(output.read_text("utf-8")), process)
        running = Running(found[1], folder, output)
        for event in started:
            wait_for(partial(running.has_said, event), process)
        yield running
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert '"bot_stopped"' in running.log()
        assert ('"web_stopped"' in running.log()) is departments
    finally:
        print(output.read_text("utf-8"))  # pytest shows it when the test has failed
        if process.poll() is None:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    bots = children.read_text().split() if children.exists() else []
    process.send_signal(signal.SIGINT)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        for bot in bots:
            os.kill(int(bot), signal.SIGKILL)
        process.kill()
        process.wait(10)


def wait_for(probe: Callable[[], T | None], process: subprocess.Popen[bytes]) -> T:
    """Until `probe` gives something, while the process lives."""
    end = time.monotonic() + 30
    while (found := probe()) is None:
        assert process.poll() is None, "the process has ended"
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.05)
    return found


@contextmanager
def person(
    browser: Browser,
    folder: str,
    *,
    viewport: ViewportSize = PHONE,
    dark: bool = False,
    locale: str = "en-GB",
    script: bool = True,
    expected: str = "",
) -> Iterator[Visit]:
    """A browser of one's own. Whatever a page complains about, or asks outside for, fails, but for
    what holds the words of `expected`."""
    context = browser.new_context(
        viewport=viewport,
        device_scale_factor=2 if viewport is PHONE else 1,
        color_scheme="dark" if dark else "light",
        locale=locale,
        timezone_id="Asia/Taipei",
        java_script_enabled=script,
    )
    context.set_default_timeout(PATIENCE_MS)
    complaints: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        if expected and expected in message.text:
            return
        if message.type in ("error", "warning"):
            complaints.append(f"{message.page and message.page.url}: {message.text}")

    def on_request(request: Request) -> None:
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and parts.hostname not in _LOOPBACK:
            complaints.append(f"a request to {request.url}")

    def on_error(error: WebError) -> None:
        complaints.append(str(error.error))

    context.on("console", on_console)
    context.on("request", on_request)
    context.on("weberror", on_error)
    visit = Visit(context, context.new_page(), ARTEFACTS / folder)
    shutil.rmtree(visit.folder, ignore_errors=True)
    visit.folder.mkdir(parents=True)
    try:
        yield visit
    except (AssertionError, Error):
        visit.picture("failed")
        print(complaints)
        raise
    finally:
        context.close()
    assert not complaints


class Visit:
    """One person's chat page, and the tabs they open from it."""

    def __init__(self, context: BrowserContext, chat: Page, folder: Path) -> None:
        self.context = context
        self.chat = chat
        self.folder = folder
        self._number = 0

    def picture(self, name: str, page: Page | None = None) -> None:
        """Keep what is to be seen."""
        shown = page or self.chat
        self._number += 1
        shown.mouse.move(0, 0)  # nothing looks pointed at
        # Disabled: what slides in has arrived.
        shown.screenshot(path=self.folder / f"{self._number:02}-{name}.png", animations="disabled")

    def wide_picture(self, name: str, page: Page | None = None) -> None:
        """The same on a phone and on a desktop."""
        shown = page or self.chat
        self.picture(name, shown)
        shown.set_viewport_size(DESKTOP)
        self.picture(f"{name}-desktop", shown)
        shown.set_viewport_size(PHONE)

    def conversation(self, name: str, first: str) -> None:
        """The chat from the message that holds `first` on, whole: docs/images/ has one of these."""
        height = self.chat.evaluate(
            """(first) => {
                const scroller = document.querySelector("#scroller");
                const from = [...document.querySelectorAll(".message")].find((message) =>
                    message.textContent.includes(first));
                const rest = scroller.getBoundingClientRect().top + innerHeight
                    - scroller.getBoundingClientRect().bottom;
                return rest + scroller.scrollHeight - from.offsetTop + scroller.offsetTop + 7;
            }""",
            first,
        )
        before = self.chat.viewport_size or PHONE
        self.chat.set_viewport_size({"width": before["width"], "height": round(height)})
        self.chat.evaluate("document.querySelector('#scroller').scrollTo(0, 1e6)")
        self.picture(name)
        self.chat.set_viewport_size(before)

    def watch_progress(self) -> Callable[[], list[int]]:
        """Note every percentage that is shown from now on; call the answer to read them."""
        self.chat.evaluate(
            """() => {
                window.percentages = [];
                const list = document.querySelector("#messages");
                const look = () => {
                    const shown = [...list.children].at(-1).textContent.match(/(\\d+)%/);
                    if (shown && window.percentages.at(-1) !== +shown[1])
                        window.percentages.push(+shown[1]);
                };
                new MutationObserver(look).observe(list, { childList: true, subtree: true });
            }"""
        )
        return lambda: list(self.chat.evaluate("window.percentages"))

    def says(self, text: str) -> Locator:
        """The bot's newest message that holds `text`, once it is there."""
        found = self.chat.locator(".from-bot").filter(has_text=text).last
        found.wait_for()
        return found

    def tap(self, label: str) -> None:
        """Tap the newest button of this name below a message."""
        self.chat.locator(".key").filter(has_text=label).last.click()

    def follow(self, page: Page, link: Locator) -> Page:
        """Tap what opens a new tab; the tab."""
        with page.expect_popup() as opened:
            link.click()
        opened.value.wait_for_load_state()
        return opened.value

    def drop(self, *files: tuple[str, bytes, str]) -> None:
        """Drag files (name, content, type) over the chat and let them go."""
        transfer = self.chat.evaluate_handle(
            """(files) => {
                const transfer = new DataTransfer();
                for (const [name, type, content] of files) {
                    const text = atob(content);
                    const bytes = new Uint8Array(text.length);
                    for (let i = 0; i < text.length; i += 1) bytes[i] = text.charCodeAt(i);
                    transfer.items.add(new File([bytes], name, { type }));
                }
                return transfer;
            }""",
            [[name, kind, base64.b64encode(data).decode()] for name, data, kind in files],
        )
        for step in ("dragenter", "dragover", "drop"):
            self.chat.dispatch_event("#scroller", step, {"dataTransfer": transfer})


def address_bar(page: Page) -> str:
    """What the browser's address bar shows; also of a page that cannot be reached."""
    session = page.context.new_cdp_session(page)
    history = session.send("Page.getNavigationHistory")
    session.detach()
    return str(history["entries"][history["currentIndex"]]["url"])
