"""One run of a benchmark: where it works, what it aims at, its result printed and as JSON."""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final

from bench.child import ROOT, Child, ChildFailed, Json
from bench.disk import NotOnDisk, file_system_of

FOLDER: Final = Path("/var/tmp/drivekeeper-bench")  # noqa: S108 - on a disk (FHS), and of no secrets
"""Outside the program's own folder, where the bot takes no files from a local Bot API server."""
_PR_SET_PDEATHSIG: Final = 1
Aims = Mapping[str, tuple[str, str]]
"""What is reported → what it is, and what is aimed at."""


class Wrong(Exception):
    """Something else was done than was to be measured."""


@dataclass(frozen=True, slots=True)
class Site:
    """Where a run has its files, and which cores it uses."""

    folder: Path
    client_core: int
    """Of whoever is measured."""
    other_core: int
    """Of everybody else: endpoints, the sandbox, people."""

    @property
    def log(self) -> Path:
        """What all processes have to say."""
        return self.folder / "log"

    def measured(self, module: str, *arguments: object, **environment: str) -> Child:
        """A process that is measured, started."""
        return self._child(module, arguments, self.client_core, environment)

    def beside(self, module: str, *arguments: object) -> Child:
        """Any other process, started."""
        return self._child(module, arguments, self.other_core, {})

    def _child(
        self, module: str, arguments: tuple[object, ...], core: int, environment: dict[str, str]
    ) -> Child:
        return Child(module, *arguments, core=core, log=self.log, environment=environment)


Measure = Callable[[Site, bool, Json], Iterator[tuple[str, Json]]]
"""Gives each measurement's name and result, its ratios and its "rounds", as they come.

It is told whether to be quick, and what has been found so far."""


def report(name: str, aims: Aims, measure: Measure) -> int:
    """Measure and report.

    The exit code: 0 measured, 1 something went wrong, 2 not on a disk, or not to the end.
    """
    options = _options(name)
    _end_with_make()
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        file_system = file_system_of(options.folder)
    except NotOnDisk as refusal:
        print(refusal, file=sys.stderr)
        return 2
    cores = sorted(os.sched_getaffinity(0))
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=options.folder.resolve()))
    site = Site(folder, client_core=cores[0], other_core=cores[-1])
    os.sched_setaffinity(0, {site.other_core})
    found: Json = {
        "commit": _git("rev-parse", "HEAD") or "unknown",
        "dirty": bool(_git("status", "--porcelain")),
        "file_system": file_system,
        "cores": len(cores),
        "quick": options.quick,
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.release()}, {os.cpu_count()} CPUs",
    }
    print(
        f"Files on {file_system}; who is measured on core {site.client_core}, everybody else on "
        f"{site.other_core}; load before: {found['load_before']:.2f}",
        flush=True,
    )
    began = time.monotonic()
    rounds: dict[str, Any] = {}
    try:
        for part, result in measure(site, options.quick, found):
            rounds[part] = result.pop("rounds")
            found |= result
            for key, (meaning, aim) in aims.items():
                if key in result:
                    print(f"{meaning:62} {result[key]:8.2f}   {aim and f'aim {aim}'}", flush=True)
    except (ChildFailed, Wrong) as failure:
        print(f"{failure}\nWhat was written is kept in {folder}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        shutil.rmtree(folder, ignore_errors=True)
        return 2
    shutil.rmtree(folder)
    found |= {"seconds": time.monotonic() - began, "rounds": rounds}
    print(f"In {found['seconds']:.0f} s, at {found['commit'][:12]}.")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def median_of(rounds: list[Json], name: str) -> float:
    """Of one figure over all rounds."""
    return float(median(entry[name] for entry in rounds))


def _end_with_make() -> None:
    """As Ctrl-C does, where `make` is killed: else all would go on, its database too (prctl(2))."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if "MAKELEVEL" in os.environ:
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _options(name: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=name)
    parser.add_argument("--folder", type=Path, default=FOLDER, help="on a disk")
    parser.add_argument("--json", type=Path, default=None, help="where the result goes as JSON")
    parser.add_argument("--quick", action="store_true", help="small, for whoever changes this")
    return parser.parse_args()


def _git(*arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run([git, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()
