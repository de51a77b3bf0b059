"""`python -m tests.crash`: the whole matrix; the last line is `crash-test: N points, M losses`.

Exit codes: 0 nothing was lost; 1 something was, or a safeguard taken out was not missed, or there
were too few points; 2 the matrix could not be run.
"""

from __future__ import annotations

import argparse
import logging
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Final

import structlog

from tests.crash.durability import Cut
from tests.crash.matrix import Place, Point
from tests.crash.mutants import MUTANTS
from tests.crash.operations import OPERATIONS
from tests.crash.tracing import TraceError
from tests.crash.uploads import LEAST, SIZE, Uploads
from tests.crash.world import World, build_world

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - folders of random names are made in it
_SHOWN: Final = 10
_MUTATED: Final = "save"
_MUTANT_STEP: Final = 4  # a sample of few states would miss what few of them show
_LEAST_POINTS: Final = 500
_UPLOADS: Final = "uploads"

_place: Place


def _settle(base: Path, world: World) -> None:
    global _place
    _place = Place(base / str(os.getpid()), world)


def _try_point(point: Point) -> list[str]:
    return _place.try_point(point)


def _try_cut(task: tuple[str, Cut]) -> list[str]:
    return _place.try_cut(*task)


class Run:
    """One run: what it does in parallel, prints, and counts."""

    def __init__(self, home: Place, pool: ProcessPoolExecutor, every: int) -> None:
        """
        Args:
            every: 1: all points and states; N: every Nth.
        """
        self.points = self.losses = 0
        self._home, self._pool, self._every = home, pool, every
        self._shown = 0

    def try_operation(self, name: str) -> None:
        """Every point and every power cut of one operation."""
        began = time.monotonic()
        recording = self._home.record(name)
        points = recording.points()[:: self._every]
        cuts = list(recording.cuts())[:: self._every]
        lost = self._count(points, self._pool.map(_try_point, points, chunksize=8))
        labels = [f"{name}, power cut {cut.label}" for cut in cuts]
        tasks = [(name, cut) for cut in cuts]
        lost_cuts = self._count(labels, self._pool.map(_try_cut, tasks, chunksize=8))
        distinct = len(
            {(point.call.name, point.call.number, point.fault) for point in points if point.counts}
        )
        self.points += distinct
        print(
            f"{name}: {distinct} points under user_data/, {len(points) - distinct} beside it, "
            f"{lost} losses; {len(cuts)} states after power cuts, {lost_cuts} losses "
            f"({time.monotonic() - began:.0f} s)",
            flush=True,
        )

    def try_mutants(self) -> bool:
        """Whether every safeguard of a save, taken out, is missed."""
        missed = True
        for label, mutant in MUTANTS.items():
            cuts = list(self._home.record(_MUTATED, mutant).first_report().cuts())
            tasks = [(_MUTATED, cut) for cut in cuts[:: min(self._every, _MUTANT_STEP)]]
            lost = sum(map(bool, self._pool.map(_try_cut, tasks, chunksize=8)))
            verdict = "as there must be" if lost else "AND THERE MUST BE SOME"
            print(
                f"{_MUTATED} {label}: {lost} losses in {len(tasks)} states after power cuts, "
                f"{verdict}",
                flush=True,
            )
            missed = missed and lost > 0
        return missed

    def _count(self, tasks: Iterable[object], results: Iterable[list[str]]) -> int:
        lost = 0
        for task, found in zip(tasks, results, strict=True):
            lost += bool(found)
            if found and self._shown < _SHOWN:
                self._shown += 1
                print(f"  LOSS {task}", *found, sep="\n       ")
        self.losses += lost
        return lost


def main(arguments: Sequence[str]) -> int:
    """Run the matrix; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("operations", nargs="*", help="only these", default=[])
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--every", type=int, default=1, help="only every Nth point and state")
    parser.add_argument("--size", type=int, default=SIZE, help="bytes of a file that is uploaded")
    chosen = parser.parse_args(arguments)
    whole = not chosen.operations and chosen.every == 1
    names = chosen.operations or [*OPERATIONS, _UPLOADS]
    # What the product logs of the faults is not what is looked at here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    points, losses, missed, enough = 0, 0, True, True
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        base = Path(folder)
        try:
            if operations := [name for name in names if name != _UPLOADS]:
                run, missed = _try_operations(base, operations, chosen.workers, chosen.every)
                points, losses = run.points, run.losses
                enough = points >= _LEAST_POINTS or not whole
            if _UPLOADS in names:
                uploads = Uploads(base, chosen.workers, chosen.every, chosen.size)
                missed = uploads.run() and missed
                points, losses = points + uploads.points, losses + uploads.losses
                enough = enough and (uploads.points >= LEAST or not whole)
        except TraceError as error:
            print(f"crash-test: not done: {error}")
            return 2
    if not enough:
        print(
            f"Fewer than {_LEAST_POINTS} points, or {LEAST} of uploads: the matrix does not reach "
            "what it should."
        )
    print(f"crash-test: {points} points, {losses} losses")
    return 0 if missed and enough and not losses else 1


def _try_operations(base: Path, names: Sequence[str], workers: int, every: int) -> tuple[Run, bool]:
    """All of these; and whether each safeguard of a save, taken out, is missed."""
    world = build_world(base / "home" / "scratch")
    home = Place(base / "home", world)
    fork = multiprocessing.get_context("fork")
    for name in {_MUTATED, *names}:
        home.warm_up(name)
    with ProcessPoolExecutor(workers, fork, _settle, (base, world)) as pool:
        run = Run(home, pool, every)
        for name in names:
            run.try_operation(name)
        return run, run.try_mutants()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
