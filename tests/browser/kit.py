"""What a browser test needs: `make run`'s own process, its controls, a browser that tells all."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
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
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            assert answer.status == 200

    def log(self) -> str:
        """What both processes have written."""
        return self.output.read_text("utf-8")

    def stored(self) -> str:
        """Everything the bot keeps, as one text."""
        files = (path for path in (self.folder / "user_data").rglob("*") if path.is_file())
        return "\n".join(path.read_text("utf-8", "replace") for path in files)


@contextmanager
def make_run(tmp_path: Path, flow: str | None, encryption_key: str) -> Iterator[Running]:
    """`drivekeeper sandbox` until the end of the block; then Ctrl-C, and all has to end well."""
    folder, output = tmp_path / "sandbox", tmp_path / "output.log"
    command = [sys.executable, "-m", "cli", "sandbox", "--port", "0", "--folder", str(folder)]
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
        wait_for(lambda: '"bot_started"' in running.log(), process)
        yield running
        process.send_signal(signal.SIGINT)
        assert process.wait(20) == 0
        assert '"bot_stopped"' in running.log()
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


def wait_for[T](probe: Callable[[], T], process: subprocess.Popen[bytes]) -> T:
    """Until `probe` gives something, while the process lives."""
    end = time.monotonic() + 30
    while not (found := probe()):
        assert process.poll() is None, "the process has ended"
        assert time.monotonic() < end, "waited for too long"
        time.sleep(0.05)
    return found
