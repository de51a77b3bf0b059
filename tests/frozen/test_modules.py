"""What two commands import: neither is to become heavier, or to bring in what it does not need."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

from tests.frozen import product
from tests.frozen.golden import frozen, hold

SECONDS: Final = 60
_TELLS: Final = """
import atexit, json, sys
from pathlib import Path
told, *sys.argv[1:] = sys.argv[1:]
before = set(sys.modules)
def tell():
    files = [(name, getattr(module, "__file__", None)) for name, module in sys.modules.items()]
    found = {name.partition(".")[0]: file for name, file in files if file and name not in before}
    Path(told).write_text(json.dumps(found))
atexit.register(tell)
"""
_COMMAND: Final = _TELLS + "import cli; cli.main()"
_SANDBOX_ALONE: Final = _TELLS + f"import {product.SANDBOX_ALONE}"


def imported(told: Path, script: str, *line: str) -> dict[str, list[str]]:
    """The top-level names of what a process has imported when it ends: others', and our own."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(told), *line],
        cwd=product.ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        if "sandbox" in line:  # until it says where it is
            assert process.stdout is not None
            assert process.stdout.readline()
            process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.wait()
    assert told.exists(), errors
    files: dict[str, str] = json.loads(told.read_text("utf-8"))
    ours = {name for name, file in files.items() if _is_ours(Path(file))}
    return {
        "libraries": sorted({name for name, file in files.items() if _is_library(file)} - ours),
        "our own": sorted({product.MOVED.get(name, name) for name in ours}),
    }


def _is_library(file: str) -> bool:
    # greenlet is tried for by structlog, and there where a tool for tests has brought it;
    # typing_extensions is what later Pythons have themselves.
    path = Path(file)
    is_one = path.parent.name != "greenlet" and path.name != "typing_extensions.py"
    return "site-packages" in path.parts and is_one


def _is_ours(file: Path) -> bool:
    return file.is_relative_to(product.ROOT) and "site-packages" not in file.parts


@pytest.mark.parametrize("command", ["version", "sandbox", "sandbox alone"])
def test_commands_import_no_more_than_they_did(command: str, tmp_path: Path) -> None:
    """Libraries: exactly those; of our own folders and modules none besides."""
    script = _SANDBOX_ALONE if command == "sandbox alone" else _COMMAND
    line = {"sandbox": ["sandbox", "--port", "0", "--folder", str(tmp_path / "a"), "--no-bot"]}
    found = imported(tmp_path / "told.json", script, *line.get(command, [command]))
    hold("modules", f"{command}: libraries", found["libraries"])
    kept = frozen("modules").get(f"{command}: our own", [])
    hold("modules", f"{command}: our own", sorted({*kept, *found["our own"]}))
