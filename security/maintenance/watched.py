"""Trouble that sweeps do not meet and look for all the same: this machine's clock, first of all."""

from __future__ import annotations

from collections.abc import Callable

from security.maintenance.incidents import CLOCK_SKEW, MOST_SKEW_SECONDS, Incidents
from security.storage.protocol import Storage


class Watched:
    """What is looked for. Nothing in it blocks."""

    def __init__(self, storage: Storage) -> None:
        self._now = storage.now
        self._looks: dict[str, Callable[[], bool]] = {
            CLOCK_SKEW: lambda: abs(storage.skew()) > MOST_SKEW_SECONDS
        }

    def add(self, code: str, is_there: Callable[[], bool]) -> None:
        """Look for more: a kind of trouble that is none of the sweeps' (`Incidents`, `others`)."""
        self._looks[code] = is_there

    def sees(self) -> bool:
        """Whether there is any just now."""
        return any(is_there() for is_there in self._looks.values())

    def is_news(self, incidents: Incidents) -> bool:
        """Whether any of it has begun, or is over, since it was noted last."""
        return any(is_there() != incidents.is_open(code) for code, is_there in self._looks.items())

    def note(self, incidents: Incidents) -> None:
        """Begin and end its incidents."""
        for code, is_there in self._looks.items():
            incidents.note(code, self._now(), is_there=is_there())
