"""What every request passes: for this page, from this page, by somebody who has come in.

Pages of other sites reach a port of this machine too: by a name of their own that leads here (DNS
rebinding), and by forms. See syncthing's api_csrf.go and jupyter_server's identity.py.
"""

from __future__ import annotations

from typing import Final

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from desktop.gate.entering import ENTER, Entering
from desktop.page.frame import refusal

HEADERS: Final = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # with less, browsers say "Origin: null" of our own forms
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
FORMS: Final = ("application/x-www-form-urlencoded", "multipart/form-data")
_READ: Final = frozenset({"GET", "HEAD"})
_STATIC: Final = "/static/"
_log = structlog.get_logger()


class Gate:
    """Stands before the app."""

    def __init__(self, app: ASGIApp, entering: Entering, port: int) -> None:
        self._app = app
        self._entering = entering
        self._hosts = frozenset(f"{host}:{port}" for host in ("localhost", "127.0.0.1", "[::1]"))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._refused(scope)
        if refused is not None:
            await refused(scope, receive, send_with_headers)
            return
        at = "" if self._is_anybodys(scope) else self._entering.at
        await self._app({**scope, "root_path": at}, receive, send_with_headers)

    def _refused(self, scope: Scope) -> Response | None:
        """The answer to what goes no further; None: it does."""
        headers = Headers(scope=scope)
        hosts = headers.getlist("Host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            return self._deny(scope, 421, "wrong_host")
        if scope["method"] not in _READ:
            site, origin = headers.get("Sec-Fetch-Site"), headers.get("Origin")
            ours = f"http://{hosts[0].lower()}"
            if site is not None and site != "same-origin":
                return self._deny(scope, 403, "other_site")
            if origin != ours and (origin is not None or site is None):
                return self._deny(scope, 403, "other_site")
            if headers.get("Content-Type", "").partition(";")[0].strip().lower() not in FORMS:
                return self._deny(scope, 415, "wrong_type")
        if self._is_anybodys(scope):
            return None
        # Other programs of this machine set cookies for it, too, some that no SimpleCookie takes.
        cookies = Request(scope).cookies
        is_in = self._entering.is_in(cookies.get(self._entering.cookie, ""))
        if not is_in or not scope["path"].startswith(f"{self._entering.at}/"):
            return self._deny(scope, 403, "not_signed_in")
        return None

    @staticmethod
    def _is_anybodys(scope: Scope) -> bool:
        path = scope["path"]
        return path == ENTER or (path.startswith(_STATIC) and scope["method"] in _READ)

    @staticmethod
    def _deny(scope: Scope, status: int, code: str) -> Response:
        _log.warning("access_denied", result=code)
        return refusal(Request(scope), status, code)
