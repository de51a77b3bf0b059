"""The measurements. Each gives its ratios, and the rounds they are medians of."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench.child import Child, Json
from bench.owners import fill, new_key, write_settings
from bench.report import Site, Wrong, median_of
from bench.store.server import settings_of, statements
from tests.mariadb import MariaDB

LATENCY_SECONDS: Final = 0.15
CONCURRENCY: Final = 32  # the settings' default
EACH: Final = 8
"""Refreshes at once of each of several processes."""
MANY: Final = 64
_PROCESSES: Final = (1, 2, 4)
_HOURS: Final = 24 * 60
_DUE: Final = 5.0
"""Minutes left: less than the lead."""
_LIFE: Final = 3600
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
)


@dataclass(frozen=True, slots=True)
class Place(Site):
    """Where a run has its files, which cores it uses, its server, and how much it measures."""

    server: MariaDB
    scale: Scale

    def endpoint(self, latency: float = 0.0, life: int = _LIFE) -> Child:
        """The token endpoint, started; what it gives lives so many seconds."""
        return self.beside("bench.endpoint", latency, life)

    def settings(self, name: str, url: str, **settings: object) -> Path:
        """Of the product with a new database of its own, on the server."""
        leads = settings_of(self.server, self.server.make_database())
        return self._settings(name, url, leads, settings)

    def sqlite_settings(self, name: str, url: str, **settings: object) -> Path:
        """Of the product with a new file of SQLite."""
        leads = {"DATABASE_URL": f"sqlite:///{self.folder / name}.db"}
        return self._settings(name, url, leads, settings)

    def file_settings(self, name: str, url: str, **settings: object) -> Path:
        """Of the product with a new data folder."""
        return self._settings(name, url, {}, settings)

    def _settings(
        self, name: str, url: str, leads: Mapping[str, str], settings: Mapping[str, object]
    ) -> Path:
        made = {"TOKEN_ENCRYPTION_KEY": new_key(), **leads, **settings}
        return write_settings(self.folder / f"{name}.env", self.folder / name, url, **made)

    def fleet(self, settings: Path) -> Child:
        """Who gives everybody their credentials, and looks at them afterwards."""
        return self.beside("bench.store.fleet", settings)

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


def measure_processes(place: Place) -> Json:
    """(a) Google takes 150 ms: what two and four processes do, against one."""
    scale = place.scale
    most = scale.fleet_owners * _PROCESSES[-1]
    with ExitStack() as stack:
        endpoint = stack.enter_context(place.endpoint(LATENCY_SECONDS))
        settings = place.settings(
            "processes", endpoint.hello["url"], TOKEN_MAINTENANCE_CONCURRENCY=EACH
        )
        fleet = stack.enter_context(filled(place, settings, most, _HOURS))
        children = place.sweepers(settings, _PROCESSES[-1])
        for child in children:
            stack.enter_context(child)
        rounds: list[Json] = []
        refreshed = 0
        for number in range(scale.fleet_rounds):
            entry: Json = {}
            for processes in reversed(_PROCESSES) if number % 2 else _PROCESSES:
                owners = scale.fleet_owners * processes
                fleet.ask("make_due", count=owners, minutes=_DUE)
                endpoint.ask("count")
                done, seconds = sweep_together(children[:processes])
                _each_once(endpoint, done, owners)
                entry[f"rate_{processes}"] = owners / seconds
                refreshed += owners
            rounds.append(entry)
        check(fleet, most, refreshed)
    one = median_of(rounds, "rate_1")
    return {
        "two_over_one": median_of(rounds, "rate_2") / one,
        "four_over_one": median_of(rounds, "rate_4") / one,
        "one_per_second": one,
        "rounds": rounds,
    }


def _each_once(endpoint: Child, done: Sequence[Json], owners: int) -> None:
    answered, reported = endpoint.ask("count")["answered"], sum(one["refreshed"] for one in done)
    if (answered, reported) != (owners, owners):
        raise Wrong(f"of {owners} owners {answered} were refreshed, {reported} by their own word")


def measure_due(place: Place) -> Json:
    """(b) Everybody is due, and Google takes no time: refreshes a second, in turns."""
    scale = place.scale
    with ExitStack() as stack:
        # What was refreshed is due again, as in `make bench-sweep`.
        endpoint = stack.enter_context(place.endpoint(life=600))
        url = endpoint.hello["url"]
        in_database, of_floor = place.settings("due", url), place.settings("floor", url)
        key = new_key()
        in_files = place.file_settings("files", url, TOKEN_ENCRYPTION_KEY=key)
        fleet = stack.enter_context(filled(place, in_database, scale.due_owners, _DUE))
        with filled(place, of_floor, scale.due_owners, _DUE):
            pass
        for name in ("files", "post"):
            fill(
                place.folder / name,
                scale.due_owners,
                key=key if name == "files" else None,
                minutes_left=_DUE,
            )
        contenders = {
            "mariadb": place.measured("bench.sweeper", in_database),
            "files": place.measured("bench.sweeper", in_files),
            "floor": place.measured("bench.store.floor", of_floor, url, CONCURRENCY),
            "post": place.measured("bench.floors", "post", place.folder / "post", url, CONCURRENCY),
        }
        for child in contenders.values():
            stack.enter_context(child)
        refreshed = {name: child.ask("sweep")["refreshed"] for name, child in contenders.items()}
        rounds: list[Json] = []
        for number in range(scale.due_rounds):
            entry: Json = {}
            turns = list(contenders.items())
            for name, child in reversed(turns) if number % 2 else turns:
                endpoint.ask("count")
                before = statements(place.server)
                done = child.ask("sweep")
                _each_once(endpoint, [done], scale.due_owners)
                refreshed[name] += done["refreshed"]
                entry[name] = done["refreshed"] / done["seconds"]
                entry[f"{name}_cpu_us"] = done["cpu_seconds"] / done["refreshed"] * 1e6
                entry[f"{name}_statements"] = (statements(place.server) - before) / done[
                    "refreshed"
                ]
            rounds.append(entry)
        check(fleet, scale.due_owners, refreshed["mariadb"])
    rate = median_of(rounds, "mariadb")
    return {
        "due_over_floor": rate / median_of(rounds, "floor"),
        "due_over_post": rate / median_of(rounds, "post"),
        "due_over_files": rate / median_of(rounds, "files"),
        "due_per_second": rate,
        "due_statements": median_of(rounds, "mariadb_statements"),
        "rounds": rounds,
    }


def measure_idle(place: Place) -> Json:
    """(c) Nothing is due: a pass among very many against one among few, and its statements."""
    scale = place.scale
    with ExitStack() as stack:
        endpoint = stack.enter_context(place.endpoint())
        children: dict[int, Child] = {}
        for owners in scale.idle_owners:
            settings = place.settings(f"idle-{owners}", endpoint.hello["url"])
            with filled(place, settings, owners, _HOURS):
                pass
            children[owners] = stack.enter_context(place.measured("bench.sweeper", settings))
            children[owners].ask("sweep")
        rounds: list[Json] = []
        for _ in range(scale.idle_rounds):
            entry: Json = {}
            for owners, child in children.items():
                before = statements(place.server)
                done = child.ask("sweep")
                entry[f"statements_{owners}"] = statements(place.server) - before
                entry[f"seconds_{owners}"] = done["seconds"]
                if done["refreshed"]:
                    raise Wrong(f"a pass with nothing to do: {done}")
            rounds.append(entry)
    few, many = scale.idle_owners
    return {
        "idle_growth": median_of(rounds, f"seconds_{many}") / median_of(rounds, f"seconds_{few}"),
        "idle_statements": median_of(rounds, f"statements_{many}"),
        "idle_ms": median_of(rounds, f"seconds_{many}") * 1000,
        "rounds": rounds,
    }


def measure_many(place: Place) -> Json:
    """(f) One process at 64, 150 ms each: in MariaDB, in SQLite, in files."""
    scale = place.scale
    with ExitStack() as stack:
        endpoint = stack.enter_context(place.endpoint(LATENCY_SECONDS))
        url = endpoint.hello["url"]
        contenders: dict[str, tuple[Child, Child]] = {}
        for name, made in (
            ("files", place.file_settings),
            ("sqlite", place.sqlite_settings),
            ("mariadb", place.settings),
        ):
            settings = made(f"many-{name}", url, TOKEN_MAINTENANCE_CONCURRENCY=MANY)
            fleet = stack.enter_context(filled(place, settings, scale.many_owners, _HOURS))
            child = stack.enter_context(place.measured("bench.sweeper", settings))
            child.ask("sweep")
            contenders[name] = fleet, child
        rounds: list[Json] = []
        for _ in range(scale.many_rounds):
            entry: Json = {}
            for name, (fleet, child) in contenders.items():
                fleet.ask("make_due", count=scale.many_owners, minutes=_DUE)
                endpoint.ask("count")
                done = child.ask("sweep")
                _each_once(endpoint, [done], scale.many_owners)
                entry[name] = done["refreshed"] / done["seconds"]
                entry[f"{name}_cpu_us"] = done["cpu_seconds"] / done["refreshed"] * 1e6
            rounds.append(entry)
        for fleet, _ in contenders.values():
            check(fleet, scale.many_owners, scale.many_owners * scale.many_rounds)
    rates: dict[str, Any] = {f"{name}_at_64": median_of(rounds, name) for name in contenders}
    return {**rates, "rounds": rounds}
