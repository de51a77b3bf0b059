"""What time it is: by one clock for all processes that share a storage."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime


class Clock:
    """Handed down to whatever judges or sets a moment that other processes go by as well."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        """
        Args:
            seconds: in Unix seconds, as `Storage.now`.
        """
        self.seconds = seconds

    def now(self) -> datetime:
        """Aware, in UTC."""
        return datetime.fromtimestamp(self.seconds(), UTC)
