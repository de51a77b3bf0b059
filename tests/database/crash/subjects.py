"""Every operation that connections are cut amid, on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.crash.operations import OPERATIONS
from tests.crash.owner_operations import consent, disconnect, quarantine, save
from tests.crash.world import ANN, CAT, EVE, NEW, World
from tests.database.crash.custody import CustodySubject, Database, Rows, build_world
from tests.database.crash.place import Place, Subject
from tests.database.proxy import Proxy
from tests.mariadb import MariaDB

_CUSTODY = (
    save((ANN, CAT)),
    consent(NEW, EVE),
    quarantine(ANN),
    disconnect(ANN),
    OPERATIONS["restore"],
    OPERATIONS["rotate"],
)
NAMES = tuple(operation.name for operation in _CUSTODY)


@contextmanager
def place(server: MariaDB, base: Path) -> Iterator[Place]:
    """Where they are tried: a database, and a folder, of its own."""
    with Proxy(server.socket) as proxy:
        there = Database(server, server.make_database(), proxy.port)
        world, rows = build_world(there, base / "scratch")
        yield Place(proxy, {one.name: one for one in _subjects(world, rows, there, base)})


def _subjects(world: World, rows: Rows, there: Database, base: Path) -> Iterator[Subject]:
    for operation in _CUSTODY:
        yield CustodySubject(operation, world, rows, there, base / "scratch")
