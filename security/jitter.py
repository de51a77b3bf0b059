"""Pauses that differ a little, so that what failed together is not tried again together."""

from __future__ import annotations

import random


def jittered(seconds: float, spread: float = 0.25) -> float:
    """About so many seconds: up to `spread` of them more or less."""
    return seconds * random.uniform(1 - spread, 1 + spread)  # noqa: S311 - no secret
