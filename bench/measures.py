"""The five measurements. Each gives its ratios, and the rounds they are medians of."""

from __future__ import annotations

import math
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Final

from bench.child import Child, Json
from bench.owners import fill, new_key, write_settings
from bench.report import Site, Wrong, median_of
from bench.sweeps import (
    AT_ONCE,
    CONCURRENCY,
    DUE,
    HOURS,
    LATENCY_SECONDS,
    endpoint_at,
    in_turns,
)
from bench.world import BOT_TOKEN


@dataclass(frozen=True, slots=True)
class Scale:
    """How much is measured."""

    idle_owners: int = 100_000
    idle_rounds: int = 7
    due_owners: int = 1500
    due_rounds: int = 7
    loop_owners: int = 300
    latency_owners: int = 10_000
    latency_rounds: int = 3
    status_owners: int = 3000
    status_rounds: int = 5
    probes: int = 500
    people: int = 40
    probes_per_second: float = 12.0


QUICK: Final = Scale(
    idle_owners=5000,
    idle_rounds=3,
    due_owners=300,
    due_rounds=3,
    loop_owners=60,
    latency_owners=640,
    latency_rounds=1,
    status_owners=600,
    status_rounds=1,
    probes=60,
)


@dataclass(frozen=True, slots=True)
class Place(Site):
    """Where a run has its files, which cores it uses, and how much it measures."""

    scale: Scale

    def sweeper(self, name: str, url: str, owners: int, minutes: float, **settings: Any) -> Child:
        """The product over a data folder of its own, its first pass behind it."""
        data = self.folder / name
        key = settings.get("TOKEN_ENCRYPTION_KEY")
        fill(data, owners, key=key, minutes_left=minutes)
        path = write_settings(self.folder / f"{name}.env", data, url, **settings)
        child = self.measured("bench.sweeper", path)
        child.ask("sweep")
        return child


def measure_idle(place: Place) -> Json:
    """(a) Nothing is due: a whole pass against a bare scandir and stat."""
    scale = place.scale
    with (
        endpoint_at(place) as endpoint,
        place.sweeper("idle", endpoint.hello["url"], scale.idle_owners, HOURS) as sweeper,
    ):
        rounds = []
        for _ in range(scale.idle_rounds):
            bare, sweep = sweeper.ask("bare"), sweeper.ask("sweep")
            watched = sweeper.ask("sweep", watch_loop=True)
            if (sweep["seen"], sweep["fresh"]) != (scale.idle_owners, scale.idle_owners):
                raise Wrong(f"a pass with nothing to do: {sweep}")
            rounds.append(
                {
                    "bare_seconds": bare["seconds"],
                    "sweep_seconds": sweep["seconds"],
                    "longest_hold_seconds": watched["longest_hold"],
                }
            )
    return {
        "idle_over_floor": median_of(rounds, "sweep_seconds") / median_of(rounds, "bare_seconds"),
        "idle_loop_hold_ms": median_of(rounds, "longest_hold_seconds") * 1000,
        "rounds": rounds,
    }


def measure_due(place: Place) -> Json:
    """(b) and (e) Everybody is due: refreshes a second, the contenders in turns."""
    scale, key = place.scale, new_key()
    with ExitStack() as stack:
        endpoint = stack.enter_context(endpoint_at(place))
        url, contenders = endpoint.hello["url"], {}
        for name, settings in {
            "sweep": {},
            "sweep_encrypted": {"TOKEN_ENCRYPTION_KEY": key},
        }.items():
            child = place.sweeper(name, url, scale.due_owners, DUE, **settings)
            contenders[name] = stack.enter_context(child)
        for kind, owners in (
            ("floor", scale.due_owners),
            ("post", scale.due_owners),
            ("loop", scale.loop_owners),
        ):
            data = place.folder / kind
            fill(data, owners, key=None, minutes_left=DUE)
            child = place.measured("bench.floors", kind, data, url, CONCURRENCY)
            contenders[kind] = stack.enter_context(child)
            child.ask("run")
        rounds: list[Json] = []
        for number in range(scale.due_rounds):
            rates = {}
            for name, child in in_turns(contenders.items(), number):
                endpoint.ask("count")
                done = child.ask("sweep")
                if endpoint.ask("count")["answered"] != done["refreshed"]:
                    raise Wrong(f"{name} asked more or less often than it refreshed")
                rates[name] = done["refreshed"] / done["seconds"]
            rounds.append(rates)
    rate = median_of(rounds, "sweep")
    return {
        "due_over_floor": rate / median_of(rounds, "floor"),
        "due_over_post": rate / median_of(rounds, "post"),
        "due_over_plain_loop": rate / median_of(rounds, "loop"),
        "encryption_over_plain": median_of(rounds, "sweep_encrypted") / rate,
        "due_per_second": rate,
        "rounds": rounds,
    }


def measure_latency(place: Place) -> Json:
    """(c) Google takes 150 ms: how much of what 64 at once could do is done."""
    scale = place.scale
    least = math.ceil(scale.latency_owners / AT_ONCE) * LATENCY_SECONDS
    settings = {"TOKEN_MAINTENANCE_CONCURRENCY": AT_ONCE}
    with (
        endpoint_at(place, LATENCY_SECONDS) as endpoint,
        place.sweeper(
            "latency", endpoint.hello["url"], scale.latency_owners, DUE, **settings
        ) as sweeper,
    ):
        rounds = []
        for _ in range(scale.latency_rounds):
            done = sweeper.ask("sweep")
            if done["refreshed"] != scale.latency_owners:
                raise Wrong(f"a pass with everything to do: {done}")
            rounds.append({"least_seconds": least, "seconds": done["seconds"]})
    return {"latency_efficiency": least / median_of(rounds, "seconds"), "rounds": rounds}


def measure_status(place: Place, due_per_second: float) -> Json:
    """(d) How long /status takes while the bot sweeps, against while it does not."""
    scale = place.scale
    data = place.folder / "status"
    fill(data, scale.status_owners, key=None, minutes_left=DUE)
    with ExitStack() as stack:
        endpoint = stack.enter_context(endpoint_at(place))
        world = stack.enter_context(
            place.beside("bench.world", place.folder / "world", data, scale.people)
        )
        url = world.hello["url"]
        settings = write_settings(
            place.folder / "status.env",
            data,
            url,
            GOOGLE_TOKEN_URI=f"{endpoint.hello['url']}/token",
            TELEGRAM_BOT_TOKEN=BOT_TOKEN,
            TELEGRAM_API_BASE_URL=url,
            TELEGRAM_LINK_BASE_URL=url,
            TOKEN_MAINTENANCE_INTERVAL_MINUTES=0,
        )
        bot = stack.enter_context(place.measured("bench.bot", settings))
        people = stack.enter_context(place.beside("bench.people", url, scale.people))
        asking = {"count": scale.probes, "per_second": scale.probes_per_second}
        bot.ask("sweep")
        people.ask("probe", count=scale.people, per_second=scale.probes_per_second)
        rounds = []
        for _ in range(scale.status_rounds):
            idle = people.ask("probe", **asking)["waits"]
            bot.ask("start")
            busy = people.ask("probe", **asking)["waits"]
            swept = bot.ask("stop")
            rounds.append(
                {
                    "idle_p50_seconds": percentile(idle, 50),
                    "idle_p99_seconds": percentile(idle, 99),
                    "busy_p50_seconds": percentile(busy, 50),
                    "busy_p99_seconds": percentile(busy, 99),
                    "p99_over_idle": percentile(busy, 99) / percentile(idle, 99),
                    "refreshes_per_second": swept["refreshed"] / swept["seconds"],
                }
            )
    return {
        "status_p99_over_idle": median_of(rounds, "p99_over_idle"),
        "sweep_kept_meanwhile": median_of(rounds, "refreshes_per_second") / due_per_second,
        "rounds": rounds,
    }


def percentile(values: Iterable[float], percent: float) -> float:
    """The least value that so many percent do not exceed (nearest rank)."""
    ranked = sorted(values)
    return ranked[max(math.ceil(len(ranked) * percent / 100), 1) - 1]
