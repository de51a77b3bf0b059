"""`make bench-sweep`: all measurements of one run, printed, and written as JSON where asked for."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Final

from bench.child import Json
from bench.measures import (
    QUICK,
    Place,
    Scale,
    measure_due,
    measure_idle,
    measure_latency,
    measure_status,
)
from bench.report import Aims, Site, report

AIMS: Final[Aims] = {
    "idle_over_floor": ("(a) nothing due: a pass over bare scandir+stat", "<= 2"),
    "idle_loop_hold_ms": ("    longest hold of the event loop meanwhile, ms", "<= 10"),
    "due_over_floor": ("(b) all due: rate over POST + flock + two-fsync replace", ">= 0.6"),
    "due_over_post": ("    rate over the POST alone", ""),
    "due_over_plain_loop": ("    rate over a plain loop of google-auth", ">= 3"),
    "latency_efficiency": ("(c) 150 ms of latency, 64 at once: efficiency", ">= 0.9"),
    "status_p99_over_idle": ("(d) /status while sweeping: p99 over idle", "<= 3"),
    "sweep_kept_meanwhile": ("    rate of the sweep meanwhile over (b)", ">= 0.8"),
    "encryption_over_plain": ("(e) rate with encryption over without", ""),
}


def _measure(site: Site, quick: bool, found: Json) -> Iterator[tuple[str, Json]]:
    place = Place(site.folder, site.client_core, site.other_core, scale=QUICK if quick else Scale())
    yield "idle", measure_idle(place)
    yield "due", measure_due(place)
    yield "latency", measure_latency(place)
    yield "status", measure_status(place, found["due_per_second"])


if __name__ == "__main__":
    sys.exit(report("make bench-sweep", AIMS, _measure))
