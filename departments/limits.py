"""How much is let through in a while, counted in this process's memory.

A while begins with the first that is counted. Nothing is remembered of it once it is over, which
cannot be said of the library's moving windows: whoever has many addresses would fill the memory.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from functools import lru_cache
from typing import Final

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

_CLEARED_EVERY_SECONDS: Final = 10.0
_HOME: Final = 64
"""Bits of an IPv6 address that are one subscriber's: https://www.rfc-editor.org/rfc/rfc6177"""


class TooSoon(Exception):
    """It was asked for so often that the next time is to wait."""

    def __init__(self, seconds: float) -> None:
        super().__init__("asked too often")
        self.seconds: Final = seconds


class MemoryCounts(MemoryStorage):
    """The library's own looks through everything a hundred times a second, each time in a new
    thread; here whoever is counted clears away what is over."""

    def __init__(self) -> None:
        super().__init__()
        self.timer.cancel()
        self._cleared_at = time.time()

    def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        """As the library's."""
        now = time.time()
        if now - self._cleared_at >= _CLEARED_EVERY_SECONDS:
            self._cleared_at = now
            for other in list(self.expirations):
                self.get(other)  # forgets it, where it is over
        if not self.get(key):
            self.expirations[key] = now + expiry
        self.storage[key] += amount
        return self.storage[key]


class Limit:
    """So many in so long, for each of those who are told apart by a text."""

    def __init__(self, limiter: FixedWindowRateLimiter, item: RateLimitItem) -> None:
        self._limiter = limiter
        self._item = item

    def count(self, who: str) -> float | None:
        """One more; None: it may go on. Else these are the seconds until the next may."""
        return None if self._limiter.hit(self._item, who) else self._seconds(who)

    def wait(self, who: str) -> float | None:
        """The same question, with nothing counted."""
        return None if self._limiter.test(self._item, who) else self._seconds(who)

    def _seconds(self, who: str) -> float:
        stats = self._limiter.get_window_stats(self._item, who)
        return max(stats.reset_time - time.time(), 0.0)


class Limits:
    """Those of a process."""

    def __init__(
        self, *, tokens: int = 30, uploads: int = 120, sheets: int = 60, failures: int = 10
    ) -> None:
        """
        Args:
            tokens: tokens a minute.
            uploads: requests about uploads a minute: one that begins it and one that asks whether
                it has arrived are a file.
            sheets: sheets that are asked for a minute.
            failures: keys that are none, a minute; five times as many in ten are no mistake.
        """
        self.counts: Final = MemoryCounts()
        limiter = FixedWindowRateLimiter(self.counts)

        def limit(name: str, much: str) -> Limit:
            item = parse(much)
            item.namespace = name
            return Limit(limiter, item)

        self.of_keys: Final[Mapping[str, Limit]] = {
            "token": limit("tokens", f"{tokens} per minute"),
            "upload": limit("uploads", f"{uploads} per minute"),
            "sheets": limit("sheets", f"{sheets} per minute"),
        }
        """By what a key is to open."""
        self.failures = limit("failures", f"{failures} per minute")
        """Keys, pairing codes and addresses of calendars that are none, from an address."""
        self.guesses = limit("guesses", f"{5 * failures} per 10 minutes")
        """The same; what is beyond is no mistake any more."""


@lru_cache
def place_of(address: str) -> str:
    """What is counted as one address: of IPv6 the network that a household or an office has."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return str(ip.ipv4_mapped)
        return str(ipaddress.ip_network((ip, _HOME), strict=False))
    return str(ip)
