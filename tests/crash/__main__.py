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
from tests.crash.world import World, build_world

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - folders of random names are made in it
_SHOWN: Final = 10
_MUTATED: Final = "save"
_MUTANT_STEP: Final = 4  # a sample of few states would miss what few of them show
_LEAST_POINTS: Final = 500

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
    chosen = parser.parse_args(arguments)
    whole = not chosen.operations and chosen.every == 1
    names = chosen.operations or list(OPERATIONS)
    # What the product logs of the faults is not what is looked at here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        base = Path(folder)
        world = build_world(base / "home" / "scratch")
        home = Place(base / "home", world)
        fork = multiprocessing.get_context("fork")
        try:
            for name in {_MUTATED, *names}:
                home.warm_up(name)
            with ProcessPoolExecutor(chosen.workers, fork, _settle, (base, world)) as pool:
                run = Run(home, pool, chosen.every)
                for name in names:
                    run.try_operation(name)
                missed = run.try_mutants()
        except TraceError as error:
            print(f"crash-test: not done: {error}")
            return 2
    enough = run.points >= _LEAST_POINTS or not whole
    if not enough:
        print(f"Fewer than {_LEAST_POINTS} points: the matrix does not reach what it should.")
    print(f"crash-test: {run.points} points, {run.losses} losses")
    return 0 if missed and enough and not run.losses else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
