"""Where a run of `make bench-store` has its things, and what must hold whatever is measured."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from bench.child import Child, Json
from bench.owners import new_key, write_settings
from bench.report import Site, Wrong
from bench.store.server import settings_of
from tests.mariadb import MariaDB

NOWHERE: Final = "http://127.0.0.1:9"
"""A Google that nobody asks."""
LIFE: Final = 3600
"""Seconds, of an access token of Google's."""


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    fleet_owners: int = 800
    """Of each process."""
    fleet_rounds: int = 3
    due_owners: int = 1500
    due_rounds: int = 7
    idle_owners: tuple[int, int] = (1000, 100_000)
    idle_rounds: int = 15
    start_rounds: int = 5
    many_owners: int = 3200
    many_rounds: int = 3
    updates: int = 2000
    update_rounds: int = 3
    tokens: int = 4000
    token_rounds: int = 7
    requests: int = 1000


QUICK: Final = Scale(
    fleet_owners=120,
    fleet_rounds=1,
    due_owners=300,
    due_rounds=3,
    idle_owners=(500, 5000),
    idle_rounds=5,
    start_rounds=1,
    many_owners=640,
    many_rounds=1,
    updates=300,
    update_rounds=1,
    tokens=1000,
    token_rounds=3,
    requests=100,
)


@dataclass(frozen=True, slots=True)
class Place(Site):
    """Where a run has its files, which cores it uses, its server, and how much it measures."""

    server: MariaDB
    scale: Scale

    def settings(self, name: str, url: str, **settings: object) -> Path:
        """Of the product with a new database of its own, on the server."""
        return self.settings_with(name, url, **self.new_database(), **settings)

    def new_database(self) -> Mapping[str, str]:
        """The settings that lead to an empty database on the server, and a key for it."""
        leads = settings_of(self.server, self.server.make_database())
        return {**leads, "TOKEN_ENCRYPTION_KEY": new_key()}

    def sqlite_settings(self, name: str, url: str, **settings: object) -> Path:
        """Of the product with a new file of SQLite."""
        file = self.folder / f"{name}.db"
        file.touch()  # the product makes none by itself
        return self.settings_with(name, url, DATABASE_URL=f"sqlite:///{file}", **settings)

    def settings_with(self, name: str, url: str, **settings: object) -> Path:
        """Of the product, whatever it keeps its documents in."""
        made = {"TOKEN_ENCRYPTION_KEY": new_key(), **settings}
        return write_settings(self.folder / f"{name}.env", self.folder / name, url, **made)

    def fleet(self, settings: Path) -> Child:
        """Who gives everybody their credentials, and looks at them, while nobody is measured."""
        return self.measured("bench.store.fleet", settings)  # away from the server's core

    def sweepers(self, settings: Path, count: int) -> Sequence[Child]:
        """So many processes of the product, on all cores, their first passes behind them."""
        started = [
            (self.beside if number % 2 else self.measured)("bench.sweeper", settings)
            for number in range(count)
        ]
        for child in started:
            child.ask("sweep")
        return started


@contextmanager
def filled(place: Place, settings: Path, count: int, minutes_left: float) -> Iterator[Child]:
    """Who has given so many a credential."""
    with place.fleet(settings) as fleet:
        fleet.ask("fill", count=count, minutes=minutes_left)
        yield fleet


def check(fleet: Child, count: int, refreshed: int) -> None:
    """Nothing may be lost.

    Raises:
        Wrong: a credential is gone, damaged or set aside, or a refresh was not saved.
    """
    found = fleet.ask("look", count=count)
    wanted = {"whole": count, "refreshed": refreshed, "set_aside": 0}
    if found != wanted:
        raise Wrong(f"of {wanted} there is {found}")


def sweep_together(children: Sequence[Child]) -> tuple[list[Json], float]:
    """One pass of each at the same time: what each says, and seconds until the last one's end."""
    with ThreadPoolExecutor(len(children)) as threads:
        began = time.perf_counter()
        done = list(threads.map(lambda child: child.ask("sweep"), children))
        return done, time.perf_counter() - began


def each_once(endpoint: Child, done: Sequence[Json], owners: int) -> None:
    """Nobody may have been refreshed twice, nor left out.

    Raises:
        Wrong: the endpoint has counted something else.
    """
    answered, reported = endpoint.ask("count")["answered"], sum(one["refreshed"] for one in done)
    if (answered, reported) != (owners, owners):
        raise Wrong(f"of {owners} owners {answered} were refreshed, {reported} by their own word")
