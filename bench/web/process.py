"""`drivekeeper web` as an operator starts it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from bench.child import ROOT
from bench.report import Wrong

HOST: Final = "127.0.0.1"
_LONGEST_START: Final = 60
_LONGEST_STOP: Final = 30
_ENVIRONMENT: Final = {"PATH": os.defpath, "LANG": "C.UTF-8"}


def settings_at(port: int) -> dict[str, Any]:
    """What puts the process at this port."""
    return {"WEB_HOST": HOST, "WEB_PORT": port, "PUBLIC_URL": f"http://localhost:{port}"}


@contextmanager
def web_process(
    settings: Path, log: Path, core: int | None = None, options: Sequence[str] = ()
) -> Iterator[int]:
    """The process, which logs to a file; its id.

    Args:
        settings: an environment file.
        core: the only one it may use; None: any.
        options: Python's own.
    """
    with log.open("wb") as lines:
        process = subprocess.Popen(
            [sys.executable, *options, "-m", "cli", "web", "--env-file", settings],
            cwd=ROOT,
            env=_ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=lines,
        )
    if core is not None:
        os.sched_setaffinity(process.pid, {core})
    try:
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(_LONGEST_STOP)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def first_answer(port: int, path: str, method: str = "GET", **headers: str) -> bytes:
    """The first answer there, as soon as there is one.

    Raises:
        Wrong: there is none within a minute, or another than 200.
    """
    address = f"http://localhost:{port}{path}"
    request = Request(address, method=method, headers=headers)
    late = time.monotonic() + _LONGEST_START
    while time.monotonic() < late:
        try:
            with urlopen(request, timeout=_LONGEST_START) as answer:  # noqa: S310
                body: bytes = answer.read()
                return body
        except HTTPError as refusal:
            raise Wrong(f"{path}: {refusal.code}") from refusal
        except OSError:  # nobody listens yet, which costs the process nothing
            time.sleep(0.02)
    raise Wrong(f"{path}: no answer")


def sign_in_link(settings: Path, name: str) -> str:
    """By which an operator of this name signs in."""
    done = subprocess.run(
        [*(sys.executable, "-m", "cli", "console-link", "--as", name), "--env-file", settings],
        cwd=ROOT,
        env=_ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=_LONGEST_START,
        check=True,
    )
    return done.stdout.strip()
