"""Which host a request must be for: PUBLIC_URL's own, and no other.

A page of another site that leads its visitors' browsers here by a name of its own (DNS rebinding)
has the wrong one.
"""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from web.gate.problems import Problem, answer_to
from web.site.frame import Frame, answer
from web.site.pages import render_problem
from web.site.routing import READ, is_for_a_page

_DEFAULT_PORTS = {"http": 80, "https": 443}
_WRONG = Problem(421, "wrong_host")
_LOOKS = "/static/"
"""Where a page has its looks from, its own refusal as well: the same for everybody."""
_log = structlog.get_logger()


class Hosts:
    """What browsers send as Host for an address."""

    def __init__(self, public_url: str) -> None:
        parts = urlsplit(public_url.lower())
        host = parts.netloc
        usual = _DEFAULT_PORTS[parts.scheme]
        if parts.port is None:
            self._names = frozenset({host, f"{host}:{usual}"})
        elif parts.port == usual:
            self._names = frozenset({host, host.removesuffix(f":{usual}")})
        else:
            self._names = frozenset({host})

    def are_asked(self, headers: Headers) -> bool:
        """Whether a request with these headers is for them, and says so once."""
        given = headers.getlist("Host")
        return len(given) == 1 and given[0].lower() in self._names


class OneHost:
    """Refuses requests for other hosts: 421, https://www.rfc-editor.org/rfc/rfc9110#section-15.5.20."""

    def __init__(self, app: ASGIApp, *, public_url: str) -> None:
        self._app = app
        self._hosts = Hosts(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        is_ours = self._hosts.are_asked(Headers(scope=scope))
        if is_ours or (scope["method"] in READ and scope["path"].startswith(_LOOKS)):
            await self._app(scope, receive, send)
            return
        _log.warning("access_denied", result="wrong_host")
        request = Request(scope)
        refused = _page(request) if is_for_a_page(request) else answer_to(_WRONG, request)
        await refused(scope, receive, send)


def _page(request: Request) -> Response:
    """The same for somebody who reads it; it does not say where this service is."""
    page = render_problem(replace(Frame.of(request), query=()), "wrong_host")
    return answer(request, page, _WRONG.status)
