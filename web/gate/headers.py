"""Headers that every answer carries, whatever made it."""

from __future__ import annotations

from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HEADERS: Final = {
    # Tokens, people's data, or a page for one person: a route that may be kept says so itself.
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
    "img-src 'self'; connect-src 'self'; form-action 'self' {google}; base-uri 'none'; "
    "frame-ancestors 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    # With less, browsers say of our own forms that they come from nowhere ("Origin: null").
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    # Nothing here is for search engines, the page that says how to sign in neither.
    "X-Robots-Tag": "noindex, nofollow",
}
_HSTS: Final = "max-age=31536000"


class SafeHeaders:
    """Adds `HEADERS` to whatever answers, where the answer has not its own.

    https://cheatsheetseries.owasp.org/cheatsheets/HTTP_Headers_Cheat_Sheet.html
    """

    def __init__(self, app: ASGIApp, *, is_https: bool, google: str) -> None:
        """
        Args:
            is_https: whether browsers reach it by https, and are to do so for a year.
            google: the origin of Google's consent page: a form's answer leads there.
        """
        self._app = app
        self._headers = {name: value.replace("{google}", google) for name, value in HEADERS.items()}
        if is_https:
            self._headers["Strict-Transport-Security"] = _HSTS

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)
