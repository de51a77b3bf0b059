"""Under which names the sandbox answers: this machine's own, and those it was told.

A page anywhere on the Web may have its name lead to 127.0.0.1 (DNS rebinding): the browser then
takes the sandbox for that page's server, and lets it read and do everything here. The name it asks
for stands in the Host header. RFC 9110 §7.4 (421), https://fetch.spec.whatwg.org/#origin-header
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Middleware

_AUTHORITY: Final = re.compile(r"(\[[0-9a-f:.]+\]|[^\s:@/?#\[\]\\]+)(?::\d{0,5})?", re.ASCII)
_WRONG_HOST: Final = (
    "This sandbox answers to names of this machine only (localhost, 127.0.0.1).\n"
    "For a tunnel: drivekeeper sandbox --allow-host NAME\n"
)
_WRONG_ORIGIN: Final = "A page of another origin asks this of the sandbox.\n"


def check_host(allowed: Iterable[str] = ()) -> Middleware:
    """Turn away what is sent to other names, or by pages of other origins.

    Args:
        allowed: further names, e.g. a tunnel's; whatever the port.
    """
    names = frozenset(name.lower().removesuffix(".") for name in allowed)

    @web.middleware
    async def middleware(
        request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
    ) -> web.StreamResponse:
        hosts = request.headers.getall("Host", [])
        if urlsplit(request.raw_path).netloc:  # what counts where it is given (RFC 9112 §3.2.2)
            hosts = [*hosts, urlsplit(request.raw_path).netloc]
        asked = [_name_of(host) for host in hosts]
        if not asked or not all(name in names or is_loopback(name) for name in asked):
            raise web.HTTPMisdirectedRequest(text=_WRONG_HOST)
        for origin in request.headers.getall("Origin", []):
            authority = urlsplit(origin).netloc
            if authority.lower() != hosts[0].lower() and _name_of(authority) not in names:
                raise web.HTTPForbidden(text=_WRONG_ORIGIN)
        return await handler(request)

    return middleware


def is_loopback(host: str) -> bool:
    """Whether a host name or address, without its port, means this machine."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _name_of(authority: str) -> str:
    """The host of an authority, without its port and in lower case; "" where it is none."""
    match = _AUTHORITY.fullmatch(authority.lower())
    return match[1].removesuffix(".") if match else ""
