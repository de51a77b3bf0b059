"""How far an upload is: the bytes that Drive has, not those that have left."""

from __future__ import annotations

import threading
from collections.abc import Callable

Delivered = Callable[[], int | None]
"""Bytes that have arrived by now; None: nobody can tell."""


class Progress:
    """One thread uploads; any thread may ask, also while that one waits."""

    def __init__(self) -> None:
        self._seen: int | None = 0
        self._look: Delivered | None = None
        self._lock = threading.Lock()
        self.has_begun = False
        """Whether Drive has been asked to take it."""
        self.first = 0
        """How many bytes it had then: of an earlier try."""

    @property
    def delivered(self) -> int | None:
        """How many bytes Drive has, for all that is known; None: nobody can tell.

        Between two requests it is what was seen last. After a broken connection it may be less.
        """
        with self._lock:
            if self._look is not None and (count := self._look()) is not None:
                self._seen = count
            return self._seen

    @property
    def is_moving(self) -> bool:
        """Whether there is anything to say: bytes have arrived, or nobody can tell."""
        return self.has_begun and self.delivered != 0

    def confirm(self, count: int) -> None:
        """Drive says that it has so many."""
        with self._lock:
            if not self.has_begun:
                self.first = count
            self._seen, self._look, self.has_begun = count, None, True

    def follow(self, look: Delivered) -> None:
        """Bytes are on their way: `look` tells how many have arrived."""
        with self._lock:
            self._look = look
            if (count := look()) is None:
                self._look = None
            self._seen = count

    def hold(self) -> None:
        """They are no more; what was seen last is true until Drive says more."""
        with self._lock:
            self._look = None
