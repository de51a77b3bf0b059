"""How fast something goes, and how long the rest of it takes."""

from __future__ import annotations

from collections import deque
from typing import Final

_WINDOW: Final = 8.0
"""Seconds that are looked back: long enough to be calm, short enough to follow a change."""
_SHORTEST: Final = 0.4
"""Seconds before anything is said: a glance is no speed."""


class Pace:
    """Of one file, looked at now and then."""

    def __init__(self) -> None:
        self._looks: deque[tuple[float, int]] = deque()

    def note(self, now: float, count: int) -> None:
        """So many bytes have arrived at `now`, in seconds of a clock that only goes forward."""
        looks = self._looks
        if looks and count < looks[-1][1]:  # lost on the way: what comes is counted from there
            looks.clear()
        looks.append((now, count))
        while len(looks) > 2 and looks[1][0] <= now - _WINDOW:
            looks.popleft()

    @property
    def per_second(self) -> float | None:
        """Bytes a second over the last seconds; None: it is too early to say."""
        if not self._looks:
            return None
        (begun, first), (now, last) = self._looks[0], self._looks[-1]
        return (last - first) / (now - begun) if now - begun >= _SHORTEST else None

    def seconds_for(self, count: int) -> float | None:
        """How long so many more bytes take at this pace; None: nobody knows."""
        speed = self.per_second
        return count / speed if speed else None
