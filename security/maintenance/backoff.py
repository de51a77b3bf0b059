"""How long an owner is left alone after something failed: longer each time, jittered.

Jitter keeps those that failed together from coming back together.
https://cloud.google.com/iam/docs/retry-strategy

What only an operator can mend is mended by a restart at the latest, and what an organisation
forbids is asked about once more then: such pauses end with the process. Those after Google's or the
network's failures outlast it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from security.credential import Owner
from security.google.jitter import jittered

_FIRST_SECONDS: Final = 120
_LONGEST_SECONDS: Final = 1800
_REST_SECONDS: Final = 86400


class _Pause(NamedTuple):
    failures: int
    until: float
    after: str | None = None
    """The result code of a fault that is not Google's or the network's; None: it was theirs."""


class Pauses:
    """Pauses by owner. Times in Unix seconds."""

    def __init__(self) -> None:
        self._by_owner: dict[str, _Pause] = {}
        self.changed: set[Owner] = set()
        """Whose pause is another one than is kept."""

    def __len__(self) -> int:
        return len(self._by_owner)

    def owners(self) -> set[Owner]:
        """Whose they are."""
        return set(map(Owner.parse, self._by_owner))

    def is_paused(self, owner: Owner, now: float) -> bool:
        """Whether the owner is to be left alone for now."""
        pause = self._by_owner.get(owner.name)
        return pause is not None and now < pause.until

    def after(self, owner: Owner) -> str | None:
        """The result code of what the owner waits for to be mended; None: for nobody's work."""
        pause = self._by_owner.get(owner.name)
        return pause.after if pause is not None else None

    def extend(
        self, owner: Owner, now: float, at_least: float | None = None, *, after: str | None = None
    ) -> float:
        """Another failure: the length of the next pause in seconds.

        Args:
            at_least: seconds the server asked for (Retry-After), where it did.
            after: the result code of a fault that somebody has to mend.
        """
        failures = self._by_owner.get(owner.name, _Pause(0, 0.0)).failures + 1
        seconds = min(_FIRST_SECONDS * 2.0 ** (min(failures, 16) - 1), _LONGEST_SECONDS)
        seconds = max(seconds, min(at_least or 0.0, _LONGEST_SECONDS))
        return self._pause(owner, now, seconds, failures, after)

    def rest(self, owner: Owner, now: float, after: str) -> float:
        """A pause of a day, for what is mended neither here nor soon; its length in seconds."""
        return self._pause(owner, now, _REST_SECONDS, 1, after)

    def _pause(
        self, owner: Owner, now: float, seconds: float, failures: int, after: str | None
    ) -> float:
        seconds = jittered(seconds)
        self._by_owner[owner.name] = _Pause(failures, now + seconds, after)
        self.changed.add(owner)
        return seconds

    def clear(self, owner: Owner) -> None:
        """It works again, or there is nothing left to try."""
        if self._by_owner.pop(owner.name, None) is not None:
            self.changed.add(owner)

    def entry_of(self, owner: Owner) -> dict[str, Any]:
        """What is kept of an owner over a restart."""
        pause = self._by_owner.get(owner.name)
        if pause is None or pause.after is not None:
            return {}
        return {"pause": [pause.failures, pause.until]}

    def load_entry(self, owner: Owner, kept: Mapping[str, Any]) -> None:
        """What `entry_of` gave; anything else is left out."""
        match kept.get("pause"):
            case [int(failures), int() | float() as until] if failures > 0:
                self._by_owner[owner.name] = _Pause(failures, float(until))
