"""Which updates were handled lately: Telegram may send them again.

https://core.telegram.org/bots/api#getting-updates
"""

from __future__ import annotations

from typing import Final

from pydantic import RootModel

_RESENT_SECONDS: Final = 24 * 3600
"""Telegram keeps an update, and sends it again where it must, for no longer than this."""
Run = tuple[int, int, float]
"""The first and the last number of some that follow each other, and when the run last grew (Unix
seconds)."""


class HandledIds(RootModel[list[Run]]):
    """Numbers of updates handled within a day, as runs of neighbours: Telegram counts upwards.

    A run is forgotten once nothing was added to it for a day. After a week of silence Telegram
    begins to count somewhere else. The runs are few, so they are looked through one by one.
    """

    root: list[Run] = []
    """In the order of their numbers."""

    def __contains__(self, number: int) -> bool:
        return any(first <= number <= last for first, last, _ in self.root)

    def add(self, number: int, now: float) -> None:
        """This one was handled just now."""
        joined = [run for run in self.root if run[0] - 1 <= number <= run[1] + 1]
        ends = [number, *(end for first, last, _ in joined for end in (first, last))]
        others = [run for run in self.root if run not in joined]
        self.root = sorted([*others, (min(ends), max(ends), now)])

    def forget_old(self, now: float) -> None:
        """Drop what Telegram no longer sends."""
        self.root = [run for run in self.root if now - run[2] < _RESENT_SECONDS]
