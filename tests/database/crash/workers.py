"""A worker's side: a place of its own, in which it tries points."""

from __future__ import annotations

import logging
import os
from contextlib import ExitStack
from pathlib import Path

import structlog

from tests.database.crash.place import Place, Point, points
from tests.database.crash.subjects import place
from tests.database.server import Server

_there: Place
_leaving = ExitStack()


def settle(server: Server, base: Path) -> None:
    """Make the place."""
    global _there
    # What the product and its libraries log of the faults is not what is looked at here.
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable()
    name = f"worker_{os.getpid()}"
    server.create_database(name)
    _there = _leaving.enter_context(place(server.socket, name, base / name))


def record(name: str) -> list[Point]:
    """All points of one operation."""
    return list(points(name, _there.record(name)))


def try_point(point: Point) -> list[str]:
    """What is lost there."""
    return _there.try_point(point)
