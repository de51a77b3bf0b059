"""Every operation that connections are cut amid, on a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.crash.operations import OPERATIONS
from tests.crash.owner_operations import consent, disconnect, quarantine, save
from tests.crash.world import ANN, CAT, EVE, NEW
from tests.database.crash.custody import CustodySubject, Database, build_world
from tests.database.crash.moving import MovingSubject
from tests.database.crash.place import Place, Subject
from tests.database.crash.refreshing import RefreshingSubject
from tests.database.crash.upgrading import UpgradingSubject
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
NAMES = (
    *(operation.name for operation in _CUSTODY),
    *("refresh", "move to sql", "move to files", "upgrade"),
)


@contextmanager
def place(server: MariaDB, base: Path) -> Iterator[Place]:
    """Where they are tried: a database, and a folder, of its own."""
    with Proxy(server.socket) as proxy:
        there = Database(server, server.make_database(), proxy.port)
        world, rows = build_world(there, base / "scratch")
        subjects: list[Subject] = [
            CustodySubject(operation, world, rows, there, base / "scratch")
            for operation in _CUSTODY
        ]
        # An upgrade begins without tables, which all others count on.
        another = Database(server, server.make_database(), proxy.port)
        yield Place(
            proxy,
            {
                one.name: one
                for one in (
                    *subjects,
                    RefreshingSubject(there, proxy),
                    MovingSubject("sql", there, base / "scratch"),
                    MovingSubject("files", there, base / "scratch"),
                    UpgradingSubject(another),
                )
            },
        )
