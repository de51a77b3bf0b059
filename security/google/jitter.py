"""Pauses: longer each time, and a little different, so that nothing comes back all together."""

from __future__ import annotations

import random
from collections.abc import Iterator


def jittered(seconds: float, spread: float = 0.25) -> float:
    """About so many seconds: up to `spread` of them more or less."""
    return seconds * random.uniform(1 - spread, 1 + spread)  # noqa: S311 - no secret


def doubling(first: float, longest: float) -> Iterator[float]:
    """Pauses in seconds: each twice as long as the one before, up to the longest."""
    pause = first
    while True:
        yield pause
        pause = min(2 * pause, longest)
