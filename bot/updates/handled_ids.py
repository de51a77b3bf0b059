"""Which updates were handled lately: Telegram may send them again.

https://core.telegram.org/bots/api#getting-updates
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_RESENT_SECONDS: Final = 24 * 3600
"""Telegram keeps an update, and sends it again where it must, for no longer than this."""
Run = tuple[int, int, float]
"""The first and the last number of some that follow each other, and when the run last grew (Unix
seconds)."""


class HandledIds:
    """Numbers of updates handled within a day, as runs of neighbours: Telegram counts upwards.

    A run is forgotten once nothing was added to it for a day. After a week of silence Telegram
    begins to count somewhere else. The runs are few, so they are looked through one by one.
    """

    def __init__(self, runs: Iterable[Run] = ()) -> None:
        self._runs = list(runs)

    def __contains__(self, number: int) -> bool:
        return any(first <= number <= last for first, last, _ in self._runs)

    def add(self, number: int, now: float) -> None:
        """This one was handled just now."""
        joined = [run for run in self._runs if run[0] - 1 <= number <= run[1] + 1]
        self._runs = [run for run in self._runs if run not in joined]
        ends = [number, *(end for first, last, _ in joined for end in (first, last))]
        self._runs.append((min(ends), max(ends), now))

    def forget_old(self, now: float) -> None:
        """Drop what Telegram no longer sends."""
        self._runs = [run for run in self._runs if now - run[2] < _RESENT_SECONDS]

    def runs(self) -> list[Run]:
        """What `__init__` takes, in the order of their numbers."""
        return sorted(self._runs)
