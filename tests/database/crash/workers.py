"""A worker's side: a place of its own, in which it tries points."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from pathlib import Path

import structlog

from tests.database.crash.place import Place, Point, points, without_repeats
from tests.database.crash.subjects import place
from tests.mariadb import MariaDB

_there: Place
_leaving = ExitStack()


def settle(server: Path, base: Path) -> None:
    """Make the place.

    Args:
        server: the folder of a MariaDB that runs.
        base: a folder that is shared with other workers.
    """
    global _there
    # What the product and its libraries log of the faults is not what is looked at here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable()
    _there = _leaving.enter_context(place(MariaDB(server), base / str(os.getpid())))


def record(name: str, *, repeats: bool) -> list[Point]:
    """All points of one operation; or without those that repeat others."""
    packets = _there.record(name)
    found = list(points(name, packets))
    return found if repeats else without_repeats(found, packets)


def try_point(point: Point) -> list[str]:
    """What is lost there."""
    return _there.try_point(point)
