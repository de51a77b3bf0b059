"""`python -m tests.database.crash`: every packet; the last line is `crash-sql: N points, M losses`.

Exit codes: 0 nothing was lost; 1 something was, or there were too few points; 2 it could not run.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

from tests.database.crash.place import HarnessError
from tests.database.crash.subjects import NAMES
from tests.database.crash.workers import record, settle, try_point
from tests.installed import path_of
from tests.mariadb import MariaDB

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - folders of random names are made in it
_SHOWN: Final = 10
_LEAST_POINTS: Final = 80
_EACH_CORE: Final = 4
"""Workers: whose connections are cut waits most of the time, before it tries again."""


def main(arguments: Sequence[str]) -> int:
    """Try them all; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.database.crash", description=__doc__)
    parser.add_argument("operations", nargs="*", help="only these", default=[])
    parser.add_argument("--workers", type=int, default=_EACH_CORE * (os.cpu_count() or 1))
    parser.add_argument("--every", type=int, default=1, help="only every Nth point")
    parser.add_argument("--all", action="store_true", help="also what repeats other points")
    chosen = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        base = Path(folder)
        try:
            tried, losses = _try_all(base, chosen)
        except HarnessError as error:
            print(f"crash-sql: not done: {error}")
            return 2
    enough = tried >= _LEAST_POINTS or bool(chosen.operations) or chosen.every > 1
    print(f"crash-sql: {tried} points, {losses} losses")
    return 0 if enough and not losses else 1


def _try_all(base: Path, chosen: argparse.Namespace) -> tuple[int, int]:
    if path_of("mariadbd") is None:
        raise HarnessError("mariadbd is not installed (apt-get install mariadb-server)")
    server = MariaDB(base / "m")
    server.folder.mkdir(mode=0o700)
    server.start()
    try:
        return _try(server, base, chosen)
    finally:
        server.end()


def _try(server: MariaDB, base: Path, chosen: argparse.Namespace) -> tuple[int, int]:
    tried, losses, shown = 0, 0, 0
    # Threads of a proxy do not outlive a fork: each worker is a process of its own from the start.
    # What is kept in sets comes in the same order in all of them, or packets would not be the same.
    os.environ["PYTHONHASHSEED"] = "0"
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(chosen.workers, context, settle, (server.folder, base)) as pool:
        recorded = {
            name: pool.submit(record, name, repeats=chosen.all)
            for name in chosen.operations or NAMES
        }
        began = time.monotonic()
        points = {name: found.result()[:: chosen.every] for name, found in recorded.items()}
        # All at once: no worker waits for the last points of an operation.
        results = {name: pool.map(try_point, some, chunksize=4) for name, some in points.items()}
        for name, some in points.items():
            lost = 0
            for point, found in zip(some, results[name], strict=True):
                lost += bool(found)
                if found and shown < _SHOWN:
                    shown += 1
                    print(f"  LOSS {point}", *found, sep="\n       ", flush=True)
            seconds = time.monotonic() - began
            print(f"{name}: {len(some)} points, {lost} losses (at {seconds:.0f} s)", flush=True)
            tried, losses = tried + len(some), losses + lost
    return tried, losses


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
