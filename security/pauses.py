"""How long an owner is left alone after Google or the network failed: longer each time, jittered.

Jitter keeps those that failed together from coming back together.
https://cloud.google.com/iam/docs/retry-strategy
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final

from security.credential import Owner

_FIRST_SECONDS: Final = 120
_LONGEST_SECONDS: Final = 1800
_JITTER: Final = 0.25


class Pauses:
    """Pauses by owner. Times in Unix seconds."""

    def __init__(self) -> None:
        self._by_owner: dict[str, tuple[int, float]] = {}
        self.changed = False

    def __len__(self) -> int:
        return len(self._by_owner)

    def names(self) -> list[str]:
        """Whose they are."""
        return list(self._by_owner)

    def is_paused(self, owner: Owner, now: float) -> bool:
        """Whether the owner is to be left alone for now."""
        pause = self._by_owner.get(owner.name)
        return pause is not None and now < pause[1]

    def extend(self, owner: Owner, now: float, at_least: float | None = None) -> float:
        """Another failure: the length of the next pause in seconds.

        Args:
            at_least: seconds the server asked for (Retry-After), where it did.
        """
        failures = self._by_owner.get(owner.name, (0, 0.0))[0] + 1
        seconds = min(_FIRST_SECONDS * 2.0 ** (min(failures, 16) - 1), _LONGEST_SECONDS)
        seconds = max(seconds, min(at_least or 0.0, _LONGEST_SECONDS))
        seconds *= random.uniform(1 - _JITTER, 1 + _JITTER)  # noqa: S311 - jitter
        self._by_owner[owner.name] = (failures, now + seconds)
        self.changed = True
        return seconds

    def clear(self, owner: Owner) -> None:
        """It works again, or there is nothing left to try."""
        if self._by_owner.pop(owner.name, None) is not None:
            self.changed = True

    def to_document(self) -> dict[str, Any]:
        """What is kept over a restart."""
        return {name: list(pause) for name, pause in self._by_owner.items()}

    def load(self, document: Mapping[str, Any]) -> None:
        """What `to_document` gave; entries that make no sense are left out."""
        for name, pause in document.items():
            match pause:
                case [int(failures), int() | float() as until] if failures > 0:
                    self._by_owner[name] = (failures, float(until))
