"""Which host a request must be for: PUBLIC_URL's own, and no other.

A page of another site that leads its visitors' browsers here by a name of its own (DNS rebinding)
has the wrong one.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from web.gate.problems import Problem, answer_to

_DEFAULT_PORTS = {"http": 80, "https": 443}
_log = structlog.get_logger()


class OneHost:
    """Refuses requests for other hosts: 421, https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20."""

    def __init__(self, app: ASGIApp, *, public_url: str) -> None:
        self._app = app
        self._hosts = _hosts_of(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        given = Headers(scope=scope).getlist("Host")
        is_ours = len(given) == 1 and given[0].lower() in self._hosts
        if is_ours:
            await self._app(scope, receive, send)
            return
        _log.warning("access_denied", result="wrong_host")
        await answer_to(Problem(421, "wrong_host"), Request(scope))(scope, receive, send)


def _hosts_of(public_url: str) -> frozenset[str]:
    """What a browser sends as Host for this address."""
    parts = urlsplit(public_url.lower())
    host = parts.netloc
    usual = _DEFAULT_PORTS[parts.scheme]
    if parts.port is None:
        return frozenset({host, f"{host}:{usual}"})
    return frozenset({host, host.removesuffix(f":{usual}")} if parts.port == usual else {host})
