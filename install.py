"""Fills a virtual environment with the locked packages, and says all the while how far it is.

`make run` and `make test` run it, with the standard library alone: nothing else is there yet.
Without it pip would say nothing for a minute, or hundreds of lines.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, NoReturn

LINE_SECONDS = 3.0
"""Off a terminal a line at least this often."""
_TICK_SECONDS = 0.2
_LEAST_PIP = (22, 3)
"""The first with `--python`: https://pip.pypa.io/en/stable/news/#v22-3"""

_LOCKED = re.compile(r"(?m)^([A-Za-z0-9][\w.-]*)==([\w.!+]+)(.*)$")
_FOR_PYTHON = re.compile(r"python_full_version (<|>=) '(\d+)\.(\d+)'")
_WHEEL = re.compile(r"(?:Downloading|Using cached|Processing) (?:\S*/)?([\w.]+)-\S+\.whl")
_SIZE = re.compile(r"\(([\d.]+) (kB|MB)\)")


def main() -> int:
    """As a program; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("requirements", nargs="+", type=Path, help="locked files, with hashes")
    parser.add_argument("--venv", type=Path, required=True, help="made if it is not there")
    parser.add_argument("--takes", required=True, help="what the first time takes, to be told")
    parser.add_argument("--project", action="store_true", help="this project itself as well")
    parser.add_argument("--line-seconds", type=float, default=LINE_SECONDS, help="between lines")
    options = parser.parse_args()
    with _alone(options.venv, options.line_seconds):
        _install(options)
    return 0


def _install(options: argparse.Namespace) -> None:
    _forget_halves(options.venv)
    missing = _locked(options.requirements) - _present(options.venv)
    packages = "1 package" if len(missing) == 1 else f"{len(missing)} packages"
    what = packages if missing else "what has changed"
    print(f"Installing {what} into {options.venv} (the first time {options.takes}) …", flush=True)
    pip = [*_pip_for(options.venv), "--no-input", "--disable-pip-version-check", "install"]
    pip += ["--progress-bar", "off"]
    files = [word for path in options.requirements for word in ("-r", str(path))]
    began = time.monotonic()
    every = options.line_seconds
    _run([*pip, "--require-hashes", *files], Progress(options.venv, len(missing)), every)
    if options.project:
        _run(
            [*pip, "--no-deps", "--no-build-isolation", "--editable", "."],
            Progress(options.venv, 1),
            every,
        )
    print(f"Installed in {time.monotonic() - began:.0f} s.", flush=True)


@contextmanager
def _alone(venv: Path, line_seconds: float) -> Iterator[None]:
    """One run at a time: somebody may have typed it in two terminals."""
    try:
        venv.mkdir(parents=True, exist_ok=True)
        folder = os.open(venv, os.O_RDONLY)
    except OSError as error:
        _stop(f"The folder {venv} cannot be used: {(error.strerror or 'no reason given').lower()}.")
    began = time.monotonic()
    try:
        while not _is_locked(folder):
            waited = time.monotonic() - began
            print(f"  waiting for another run that fills {venv} – {waited:.0f} s", flush=True)
            time.sleep(line_seconds)
        yield
    finally:
        os.close(folder)


def _is_locked(folder: int) -> bool:
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # as on NFS, where only what is open for writing can be locked: unguarded, then
    return True


def _locked(files: Iterable[Path]) -> set[str]:
    """Each package's name and version, as its folder in an environment begins."""
    found = {entry for path in files for entry in _LOCKED.findall(path.read_text("utf-8"))}
    return {
        f"{re.sub('[-_.]+', '_', name).lower()}-{version}"
        for name, version, rest in found
        if _is_for_here(rest)
    }


def _is_for_here(rest: str) -> bool:
    """Whether pip takes a locked package, by the conditions behind it that our files have."""
    if "sys_platform == 'win32'" in rest:
        return False
    found = _FOR_PYTHON.search(rest)
    if found is None:
        return True
    return (found[1] == "<") == (sys.version_info < (int(found[2]), int(found[3])))


def _present(venv: Path) -> set[str]:
    return {path.parent.stem.lower() for path in _records(venv)}


def _records(venv: Path) -> list[Path]:
    """Of each package that is whole: pip writes it last."""
    return [info / "RECORD" for info in _infos(venv) if (info / "RECORD").exists()]


def _infos(venv: Path) -> list[Path]:
    return list(venv.glob("lib/python*/site-packages/*.dist-info"))


def _forget_halves(venv: Path) -> None:
    """Let pip install again what an earlier run was stopped amid.

    pip would take it for whole, and could not replace it by a later version.
    """
    whole = {record.parent for record in _records(venv)}
    for info in _infos(venv):
        if info not in whole:
            shutil.rmtree(info)


def _pip_for(venv: Path) -> list[str]:
    """The start of a pip command for `venv`, which is made if it is not there.

    This Python's own pip fills it where it can: one of its own would take seconds and 17 MB, and
    Debian without python3-venv has none to give.
    """
    python = venv / "bin" / "python"
    if not _works([str(python), "-c", ""]):
        anew = ["--clear"] if (venv / "pyvenv.cfg").exists() else []  # its Python has gone
        made = _output([sys.executable, "-m", "venv", *anew, "--without-pip", str(venv)])
        if made is None:
            _stop(
                "Python's module venv is missing, or the folder cannot be written. On Debian and "
                "Ubuntu: sudo apt install python3-venv"
            )
    version = re.match(r"pip (\d+)\.(\d+)", _output([sys.executable, "-m", "pip", "-V"]) or "")
    if version and (int(version[1]), int(version[2])) >= _LEAST_PIP:
        return [sys.executable, "-m", "pip", "--python", str(python)]
    if not _works([str(python), "-m", "pip", "-V"]) and not _works(
        [str(python), "-m", "ensurepip"]
    ):
        _stop("pip is missing. On Debian and Ubuntu: sudo apt install python3-pip")
    return [str(python), "-m", "pip"]


@dataclass
class Progress:
    """How far pip is, by what it says and by what has appeared in the environment."""

    venv: Path
    total: int
    had: int = 0
    fetched: int = 0
    megabytes: float = 0.0
    current: str = ""
    phase: str = "download"

    def __post_init__(self) -> None:
        self.had = self._in_place()

    def hear(self, line: str) -> None:
        """Take in a line of pip's."""
        if wheel := _WHEEL.search(line):
            self.phase, self.fetched = "download", self.fetched + 1
            self.current = wheel[1]
            if size := _SIZE.search(line):
                self.megabytes += float(size[1]) / (1000 if size[2] == "kB" else 1)
                self.current += f", {size[1]} {size[2]}"
        elif line.startswith("Installing collected packages:"):
            self.phase, self.total = "install", line.count(",") + 1
        elif "Retrying" in line:
            self.phase = "retry"
        elif "Obtaining file" in line:
            self.phase = "project"

    def says(self) -> str:
        """What is under way, in a line."""
        if self.phase == "project":
            return "the project itself"
        if self.phase == "retry":
            return "no answer from the package index; trying again"
        if self.phase == "install":
            if self._in_place() - self.had >= self.total:
                return "unpacked and compiled; pip looks it over"
            return f"unpacking and compiling: {self._in_place() - self.had} of {self.total}"
        if not self.total:
            return "looking at what is there"
        had = f", {self.megabytes:.0f} MB" if self.megabytes >= 1 else ""
        now = f" (now {self.current})" if self.current else ""
        return f"downloading: {self.fetched} of {self.total}{had}{now}"

    def _in_place(self) -> int:
        return len(_records(self.venv))


def _run(command: Sequence[str], progress: Progress, line_seconds: float) -> None:
    """Run pip, telling how far it is; ends the program with a sentence if it fails."""
    log_path = progress.venv / "pip.log"
    began = told = time.monotonic()
    with log_path.open("w+", encoding="utf-8") as log:
        pip = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        listener = threading.Thread(target=_listen, args=(pip.stdout or (), log, progress))
        listener.start()
        while listener.is_alive():
            listener.join(_TICK_SECONDS)
            now = time.monotonic()
            if sys.stdout.isatty():
                print(f"\r  {progress.says()} – {now - began:.0f} s\033[K", end="", flush=True)
            elif now - told >= line_seconds:
                print(f"  {progress.says()} – {now - began:.0f} s", flush=True)
                told = now
        if sys.stdout.isatty():
            print("\r\033[K", end="", flush=True)
        if pip.wait() == 0:
            return
        log.seek(0)
        _stop(f"{_why(log.read())} pip's own words are in {log_path}.")


def _listen(stdout: Iterable[bytes], log: IO[str], progress: Progress) -> None:
    for raw in stdout:
        line = raw.decode("utf-8", "replace")
        log.write(line)
        progress.hear(line.strip())


def _why(log: str) -> str:
    """Why pip failed, and what to do, by what it said last."""
    if "DO NOT MATCH THE HASHES" in log:
        return (
            "A package is not the one that was locked (its hash differs), so nothing was "
            "installed: a mirror or a proxy may have changed it, or the download was cut."
        )
    if "No space left on device" in log:
        return "There is no space left on the disk. Make room and run the same command again."
    if missing := re.findall(r"No matching distribution found for (\S+)", log):
        reached = "Retrying" not in log and "from versions: none" not in log
        if reached:
            return f"The package index has no {missing[-1]} for this Python and this machine."
    if missing or re.search(r"Retrying|ConnectionError|Read timed out|Max retries", log):
        return (
            "The packages could not be downloaded: the package index (pypi.org, unless pip is "
            "told of another) cannot be reached. Look at the network, and at HTTPS_PROXY if "
            "there is a proxy, and run the same command again."
        )
    errors = re.findall(r"(?m)^ *ERROR: (.*)$", log)
    return f"pip has failed: {errors[-1].rstrip('.') if errors else 'it says no reason'}."


def _output(command: Sequence[str]) -> str | None:
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def _works(command: Sequence[str]) -> bool:
    try:
        return _output(command) is not None
    except OSError:
        return False


def _stop(sentence: str) -> NoReturn:
    raise SystemExit(f"Drivekeeper is not installed. {sentence}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
