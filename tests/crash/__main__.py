"""`python -m tests.crash`: the whole matrix; the last line is `crash-test: N points, M losses`."""

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
_ENOUGH: Final = 300  # states after power cuts that a mutant is tried with

_place: Place


def _settle(base: Path, world: World) -> None:
    global _place
    _place = Place(base / str(os.getpid()), world)


def _try_point(point: Point) -> list[str]:
    return _place.try_point(point)


def _try_cut(task: tuple[str, Cut]) -> list[str]:
    return _place.try_cut(*task)


class Report:
    """What is printed, and counted."""

    def __init__(self) -> None:
        self.points = self.losses = 0
        self._shown = 0

    def losses_of(self, tasks: Iterable[object], results: Iterable[list[str]]) -> int:
        """How many of `tasks` lost something; the first ones are printed."""
        lost = 0
        for task, found in zip(tasks, results, strict=True):
            lost += bool(found)
            if found and self._shown < _SHOWN:
                self._shown += 1
                print(f"  LOSS {task}")
                for loss in found:
                    print(f"       {loss}")
        self.losses += lost
        return lost


def test_operation(name: str, home: Place, pool: ProcessPoolExecutor, report: Report) -> None:
    """Every point and every cut of one operation."""
    began = time.monotonic()
    recording = home.record(name)
    points = recording.points()
    counted = [point for point in points if point.counts]
    cuts = list(recording.cuts())
    lost = report.losses_of(points, pool.map(_try_point, points, chunksize=8))
    tasks = [(name, cut) for cut in cuts]
    labels = [f"{name}, power cut {cut.label}" for cut in cuts]
    lost_cuts = report.losses_of(labels, pool.map(_try_cut, tasks, chunksize=8))
    distinct = len({(point.call.name, point.call.number, point.fault.name) for point in counted})
    report.points += distinct
    print(
        f"{name}: {distinct} points under user_data/ ({len(points) - distinct} elsewhere), "
        f"{lost} losses; {len(cuts)} states after power cuts, {lost_cuts} losses "
        f"({time.monotonic() - began:.0f} s)",
        flush=True,
    )


def test_mutants(home: Place, pool: ProcessPoolExecutor) -> bool:
    """Whether each safeguard, taken out, is missed by the replay."""
    noticed = True
    for label, mutant in MUTANTS.items():
        cuts = list(home.record(_MUTATED, mutant).cuts())
        some = cuts[:: max(1, len(cuts) // _ENOUGH)]
        lost = sum(map(bool, pool.map(_try_cut, [(_MUTATED, cut) for cut in some], chunksize=8)))
        print(
            f"{_MUTATED} {label}: {lost} losses in {len(some)} states after power cuts, "
            "as there must be",
            flush=True,
        )
        noticed = noticed and lost > 0
    return noticed


def main(arguments: Sequence[str]) -> int:
    """Run the matrix; 0 where nothing was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("operations", nargs="*", help="only these", default=[])
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    chosen = parser.parse_args(arguments)
    report = Report()
    # What the product logs of the faults is not what is looked at here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        base = Path(folder)
        world = build_world(base / "home" / "scratch")
        home = Place(base / "home", world)
        fork = multiprocessing.get_context("fork")
        try:
            for name in OPERATIONS:
                home.warm_up(name)
            with ProcessPoolExecutor(chosen.workers, fork, _settle, (base, world)) as pool:
                for name in chosen.operations or OPERATIONS:
                    test_operation(name, home, pool, report)
                noticed = test_mutants(home, pool)
        except TraceError as error:
            print(f"crash-test: not done: {error}")
            return 2
    if not noticed:
        print("A safeguard can be taken out, and nothing notices.")
    print(f"crash-test: {report.points} points, {report.losses} losses")
    return 1 if report.losses or not noticed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
