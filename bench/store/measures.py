"""The measurements of sweeps. Each gives its ratios, and the rounds they are medians of."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Final

from bench.child import Child, Json
from bench.owners import fill, new_key
from bench.report import Wrong, median_of
from bench.store.beside import Databases
from bench.store.place import LIFE, Place, check, each_once, filled, sweep_together
from bench.store.server import statements
from bench.sweeps import (
    AT_ONCE,
    CONCURRENCY,
    DUE,
    HOURS,
    LATENCY_SECONDS,
    endpoint_at,
    in_turns,
)

EACH: Final = 8
"""Refreshes at once of each of several processes."""
_PROCESSES: Final = (1, 2, 4)


def measure_processes(place: Place) -> Json:
    """(a) Google takes 150 ms: what two and four processes do, against one."""
    scale = place.scale
    most = scale.fleet_owners * _PROCESSES[-1]
    with ExitStack() as stack:
        endpoint = stack.enter_context(endpoint_at(place, LATENCY_SECONDS, LIFE))
        settings = place.settings(
            "processes", endpoint.hello["url"], TOKEN_MAINTENANCE_CONCURRENCY=EACH
        )
        fleet = stack.enter_context(filled(place, settings, most, HOURS))
        children = place.sweepers(settings, _PROCESSES[-1])
        for child in children:
            stack.enter_context(child)
        rounds: list[Json] = []
        refreshed = 0
        for number in range(scale.fleet_rounds):
            entry: Json = {}
            for processes in in_turns(_PROCESSES, number):
                owners = scale.fleet_owners * processes
                fleet.ask("make_due", count=owners, minutes=DUE)
                endpoint.ask("count")
                done, seconds = sweep_together(children[:processes])
                each_once(endpoint, done, owners)
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


def measure_due(place: Place) -> Json:
    """(b) Everybody is due, and Google takes no time: refreshes a second, in turns."""
    scale = place.scale
    with ExitStack() as stack:
        # What was refreshed is due again, as in `make bench-sweep`.
        endpoint = stack.enter_context(endpoint_at(place))
        url = endpoint.hello["url"]
        in_database, of_floor = place.settings("due", url), place.settings("floor", url)
        key = new_key()
        in_files = place.settings_with("files", url, TOKEN_ENCRYPTION_KEY=key)
        fleet = stack.enter_context(filled(place, in_database, scale.due_owners, DUE))
        with filled(place, of_floor, scale.due_owners, DUE):
            pass
        for name in ("files", "post"):
            fill(
                place.folder / name,
                scale.due_owners,
                key=key if name == "files" else None,
                minutes_left=DUE,
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
            for name, child in in_turns(contenders.items(), number):
                endpoint.ask("count")
                before = statements(place.server)
                done = child.ask("sweep")
                each_once(endpoint, [done], scale.due_owners)
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


def measure_idle(place: Place, databases: Databases) -> Json:
    """(c) Nothing is due: a pass among very many against one among few, and its statements."""
    scale = place.scale
    with ExitStack() as stack:
        endpoint = stack.enter_context(endpoint_at(place))
        children: dict[int, Child] = {}
        for owners, leads in databases.items():
            settings = place.settings_with(f"idle-{owners}", endpoint.hello["url"], **leads)
            children[owners] = stack.enter_context(place.measured("bench.sweeper", settings))
            children[owners].ask("sweep")
        rounds: list[Json] = []
        for number in range(scale.idle_rounds):
            entry: Json = {}
            for owners, child in in_turns(children.items(), number):
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
        endpoint = stack.enter_context(endpoint_at(place, LATENCY_SECONDS, LIFE))
        url = endpoint.hello["url"]
        contenders: dict[str, tuple[Child, Child]] = {}
        for name, made in (
            ("files", place.settings_with),
            ("sqlite", place.sqlite_settings),
            ("mariadb", place.settings),
        ):
            settings = made(f"many-{name}", url, TOKEN_MAINTENANCE_CONCURRENCY=AT_ONCE)
            fleet = stack.enter_context(filled(place, settings, scale.many_owners, HOURS))
            child = stack.enter_context(place.measured("bench.sweeper", settings))
            child.ask("sweep")
            contenders[name] = fleet, child
        rounds: list[Json] = []
        for number in range(scale.many_rounds):
            entry: Json = {}
            for name, (fleet, child) in in_turns(contenders.items(), number):
                fleet.ask("make_due", count=scale.many_owners, minutes=DUE)
                endpoint.ask("count")
                done = child.ask("sweep")
                each_once(endpoint, [done], scale.many_owners)
                entry[name] = done["refreshed"] / done["seconds"]
                entry[f"{name}_cpu_us"] = done["cpu_seconds"] / done["refreshed"] * 1e6
            rounds.append(entry)
        for fleet, _ in contenders.values():
            check(fleet, scale.many_owners, scale.many_owners * scale.many_rounds)
    rates: dict[str, Any] = {f"{name}_at_64": median_of(rounds, name) for name in contenders}
    return {**rates, "rounds": rounds}
