"""Who was told to wait waits, and asks ever more seldom while nothing gets better."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Final

from security.errors import TransientFault
from security.google.jitter import jittered

_LEAST: Final = {"rate_limited": 30.0}
"""Seconds of the first pause. Google's quota is one of reads a minute."""
_LEAST_OTHERWISE: Final = 2.0
_LONGEST: Final = 900.0
_LONGEST_ASKED: Final = 3600.0


class Pauses:
    """One reader's. Any thread may use it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """
        Args:
            clock: in seconds.
        """
        self._clock = clock
        self._lock = threading.Lock()
        self._until = 0.0
        self._failures = 0
        self._code = ""

    def check(self) -> None:
        """Go on.

        Raises:
            TransientFault: it is not time yet; with how long still.
        """
        with self._lock:
            left = self._until - self._clock()
            if left > 0:
                raise TransientFault(
                    "it is not time yet to ask Sheets again", code=self._code, retry_after=left
                )

    def fail(self, fault: TransientFault) -> None:
        """Google did not answer, or wants to be left alone.

        Those that were under way together are one failure.
        """
        with self._lock:
            now = self._clock()
            asked = min(fault.retry_after or 0.0, _LONGEST_ASKED)
            if self._until <= now:
                least = _LEAST.get(fault.code, _LEAST_OTHERWISE)
                pause = jittered(min(least * 2**self._failures, _LONGEST))
                self._failures = min(self._failures + 1, 16)
                self._code, self._until = fault.code, now + pause
            self._until = max(self._until, now + asked)

    def succeed(self) -> None:
        """Google answers: the next pause is a short one again."""
        with self._lock:
            self._failures = 0
