"""A service account's access token, kept for as long as it serves."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Final

from drive.connection import AccessToken

_LEAD: Final = timedelta(minutes=2)


class Tokens:
    """One account's. Any thread may use it; they wait for the one that fetches."""

    def __init__(self, fetch: Callable[[], AccessToken]) -> None:
        """
        Args:
            fetch: a new token; raises CustodyError.
        """
        self._fetch = fetch
        self._lock = threading.Lock()
        self._token: AccessToken | None = None

    def get(self, rejected: AccessToken | None = None) -> AccessToken:
        """One that serves.

        Args:
            rejected: the one that Google has just refused.

        Raises:
            CustodyError: there is none to be had.
        """
        with self._lock:
            known = self._token
            if known is None or known is rejected or _is_over(known):
                known = self._token = None
                known = self._token = self._fetch()
            return known


def _is_over(token: AccessToken) -> bool:
    return token.expires_at is not None and token.expires_at - _LEAD < datetime.now(UTC)
