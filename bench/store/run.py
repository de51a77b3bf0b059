"""`make bench-store`: all measurements of one run, printed, and written as JSON where asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import fields
from typing import Final

from bench.child import Json
from bench.report import Aims, Site, report
from bench.store.beside import fill_databases, measure_start, measure_updates
from bench.store.measures import measure_due, measure_idle, measure_many, measure_processes
from bench.store.place import QUICK, Place, Scale
from bench.store.server import is_installed, server_in
from bench.web.hosting import measure_web_memory, measure_web_start
from bench.web.tokens import measure_tokens

AIMS: Final[Aims] = {
    "two_over_one": ("(a) 150 ms, 8 at once each: two processes over one", ">= 1.9"),
    "four_over_one": ("    four processes over one", ">= 3.6"),
    "one_per_second": ("    one process, refreshes a second", ""),
    "due_over_floor": ("(b) all due: rate over claim + POST + save in batches", ">= 0.5"),
    "due_over_post": ("    rate over the POST alone", ""),
    "due_over_files": ("    rate over the same in files", ""),
    "due_per_second": ("    refreshes a second", ""),
    "due_statements": ("    statements a refresh", ""),
    "idle_growth": ("(c) nothing due: a pass among 100,000 over one among 1,000", "<= 1.5"),
    "idle_statements": ("    its statements", "<= 3"),
    "idle_ms": ("    its milliseconds", ""),
    "start_seconds": ("(d) a start with 100,000 owners, seconds", "<= 3"),
    "start_growth": ("    over one with 1,000", ""),
    "updates_per_second": ("(e) 20 ms a trip: updates a second into the journal", ">= 200"),
    "files_at_64": ("(f) 150 ms, 64 at once: refreshes a second in files", ""),
    "sqlite_at_64": ("    in SQLite", ""),
    "mariadb_at_64": ("    in MariaDB", ""),
    "token_route_over_bare": ("(g) a token's route over a bare one, by the processor", ">= 0.75"),
    "token_route_without_over_bare": ("    with nothing remembered", ""),
    "tokens_per_second": ("    tokens a second", ""),
    "tokens_per_second_without": ("    with nothing remembered", ""),
    "bare_per_second": ("    bare answers a second", ""),
    "token_cpu_us": ("    microseconds of the processor a token", ""),
    "token_cpu_us_without": ("    with nothing remembered", ""),
    "bare_cpu_us": ("    a bare answer", ""),
    "web_start_cpu_seconds": ("(h) drivekeeper web to a first token, processor seconds", "<= 2"),
    "web_healthz_cpu_seconds": ("    to its first /healthz", ""),
    "web_start_seconds": ("    seconds to a first token", ""),
    "web_mb": ("(i) its memory after 1,000 requests for everything, MB", "<= 200"),
    "web_mb_started": ("    once it has started", ""),
}


def _measure(site: Site, quick: bool, _: Json) -> Iterator[tuple[str, Json]]:
    with server_in(site.folder / "server") as server:
        named = {field.name: getattr(site, field.name) for field in fields(Site)}
        place = Place(**named, server=server, scale=QUICK if quick else Scale())
        yield "processes", measure_processes(place)
        yield "due", measure_due(place)
        databases = fill_databases(place)
        yield "idle", measure_idle(place, databases)
        yield "start", measure_start(place, databases)
        yield "updates", measure_updates(place)
        yield "many", measure_many(place)
        yield "tokens", measure_tokens(place)
        yield "web_start", measure_web_start(place)
        yield "web_memory", measure_web_memory(place)


def main() -> int:
    """The exit code: see `bench.report.report`; 2 also where there is no MariaDB."""
    return report("make bench-store", AIMS, _measure) if is_installed() else 2


if __name__ == "__main__":
    sys.exit(main())
