"""A command that waits for somebody, who makes way once it has said so."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import threading
from collections.abc import Callable

LONGEST_SECONDS = 60


def run_until_heard(
    line: str, says: str, make_way: Callable[[], None]
) -> subprocess.CompletedProcess[str]:
    """Run `drivekeeper LINE` as a process of its own, and `make_way` when it `says` that it waits.

    However busy the machine, it has waited then; a timer could be over before it begins to.
    """
    words = [*shlex.split(line), "--env-file", os.devnull]
    process = subprocess.Popen(
        [sys.executable, "-m", "cli", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    overdue = threading.Timer(LONGEST_SECONDS, process.kill)
    overdue.start()
    heard = ""
    try:
        while says not in heard and (said := process.stderr.readline()):
            heard += said
        make_way()
        out, rest = process.communicate()
    finally:
        overdue.cancel()
        process.kill()
        process.wait()
    return subprocess.CompletedProcess(process.args, process.returncode, out, heard + rest)
