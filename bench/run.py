"""`make bench-sweep`: all measurements of one run, printed, and written as JSON where asked for."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from bench.child import ROOT, ChildFailed
from bench.disk import NotOnDisk, file_system_of
from bench.measures import (
    QUICK,
    Place,
    Scale,
    Wrong,
    measure_due,
    measure_idle,
    measure_latency,
    measure_status,
)

AIMS: Final[dict[str, tuple[str, str]]] = {
    "idle_over_floor": ("(a) nothing due: a pass over bare scandir+stat", "<= 2"),
    "idle_loop_hold_ms": ("    longest hold of the event loop meanwhile, ms", "<= 10"),
    "due_over_floor": ("(b) all due: rate over POST + flock + two-fsync replace", ">= 0.6"),
    "due_over_post": ("    rate over the POST alone", ""),
    "due_over_plain_loop": ("    rate over a plain loop of google-auth", ">= 3"),
    "latency_efficiency": ("(c) 150 ms of latency, 64 at once: efficiency", ">= 0.9"),
    "status_p99_over_idle": ("(d) /status while sweeping: p99 over idle", "<= 3"),
    "sweep_kept_meanwhile": ("    rate of the sweep meanwhile over (b)", ">= 0.8"),
    "encryption_over_plain": ("(e) rate with encryption over without", ""),
}
"""What is reported → what it is, and what is aimed at."""


def main() -> int:
    """The exit code: 0 measured, 1 something went wrong, 2 not on a disk."""
    options = _options()
    options.folder.mkdir(parents=True, exist_ok=True)
    try:
        file_system = file_system_of(options.folder)
    except NotOnDisk as refusal:
        print(refusal, file=sys.stderr)
        return 2
    cores = sorted(os.sched_getaffinity(0))
    scale = QUICK if options.quick else Scale()
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=options.folder))
    place = Place(folder, scale, client_core=cores[0], other_core=cores[-1])
    os.sched_setaffinity(0, {place.other_core})
    found: dict[str, Any] = {
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
        f"Files on {file_system}; who is measured on core {place.client_core}, everybody else on "
        f"{place.other_core}; load before: {found['load_before']:.2f}",
        flush=True,
    )
    began = time.monotonic()
    try:
        rounds = _measure(place, found)
    except (ChildFailed, Wrong) as failure:
        print(f"{failure}\nWhat was written is kept in {folder}", file=sys.stderr)
        return 1
    shutil.rmtree(folder)
    found |= {"seconds": time.monotonic() - began, "rounds": rounds}
    print(f"In {found['seconds']:.0f} s, at {found['commit'][:12]}.")
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def _measure(place: Place, found: dict[str, Any]) -> dict[str, Any]:
    """Each after the other; `found` gets the ratios as they come, and the rounds are returned."""
    rounds: dict[str, Any] = {}
    for name in ("idle", "due", "latency", "status"):
        match name:
            case "idle":
                result = measure_idle(place)
            case "due":
                result = measure_due(place)
            case "latency":
                result = measure_latency(place)
            case _:
                result = measure_status(place, found["due_per_second"])
        rounds[name] = result.pop("rounds")
        found |= result
        for key, (meaning, aim) in AIMS.items():
            if key in result:
                print(f"{meaning:62} {result[key]:8.2f}   {aim and f'aim {aim}'}", flush=True)
    return rounds


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-sweep")
    parser.add_argument("--folder", type=Path, default=ROOT / ".bench", help="on a disk")
    parser.add_argument("--json", type=Path, default=None, help="where the result goes as JSON")
    parser.add_argument("--quick", action="store_true", help="small, for whoever changes this")
    return parser.parse_args()


def _git(*arguments: str) -> str:
    git = shutil.which("git")
    if git is None:
        return ""
    done = subprocess.run([git, *arguments], cwd=ROOT, capture_output=True, text=True, check=False)
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
