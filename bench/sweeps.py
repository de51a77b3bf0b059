"""What the benchmarks of sweeps share, whatever keeps the credentials."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeVar

from bench.child import Child
from bench.endpoint import EXPIRES_IN
from bench.report import Site

T = TypeVar("T")
CONCURRENCY: Final = 32  # the settings' default
AT_ONCE: Final = 64
"""Refreshes of one process where Google takes its time."""
LATENCY_SECONDS: Final = 0.15
HOURS: Final = 24 * 60
"""Minutes left, of whom nobody is to refresh."""
DUE: Final = 5.0
"""Minutes left: less than the lead."""


def endpoint_at(site: Site, latency: float = 0.0, life: int = EXPIRES_IN) -> Child:
    """The token endpoint, started; it takes so many seconds, and so many does its token live."""
    return site.beside("bench.endpoint", latency, life)


def in_turns(contenders: Iterable[T], number: int) -> list[T]:
    """Back and forth: what one has just deleted makes the next one's new files dearer."""
    found = list(contenders)
    return found[::-1] if number % 2 else found
