"""From which address a request comes: its connection's, or what so many proxies say."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from starlette.requests import HTTPConnection

UNKNOWN: Final = "unknown"
"""Where nobody can tell; all of these count as one."""
_WITH_PORT: Final = re.compile(r"(?:\[(?P<v6>[^\]]*)\]|(?P<v4>[^:]*))(?::\d{1,5})?", re.ASCII)
"""As some proxies write it: `1.2.3.4:567`, `[::1]:567`, `[::1]`."""


def client_address(request: HTTPConnection, hops: int) -> str:
    """The address, in its usual spelling.

    Args:
        hops: TRUSTED_PROXY_HOPS: how many proxies stand in front. Each adds whom it was asked by at
            the end of X-Forwarded-For; what stands before those anybody may have written.
    """
    said = request.client.host if request.client else ""
    if hops:
        forwarded = ",".join(request.headers.getlist("X-Forwarded-For")).split(",")
        said = forwarded[-hops].strip() if len(forwarded) >= hops else ""
    return _spelt(said)


@lru_cache
def _spelt(said: str) -> str:
    found = _WITH_PORT.fullmatch(said)
    try:
        return str(ip_address(found["v6"] or found["v4"] if found else said))
    except ValueError:
        return UNKNOWN
