"""Who is signed in, and whether a change was asked for on this site's own page."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable
from typing import Final, Protocol

from fastapi import Request
from fastapi.responses import Response
from pydantic import SecretStr

from departments.administrators.sessions import LONGEST_SECONDS, Session
from web.gate.problems import denied

COOKIE: Final = "__Host-drivekeeper"
"""Of this host alone, over https (and http://localhost), for every path of it.
https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-__host-prefix
"""
_LONGEST_COOKIE: Final = 200


class FindSession(Protocol):
    """From a cookie to whose it is."""

    def __call__(self, cookie: str, *, renews: bool = True) -> Awaitable[Session | None]: ...


class SignedIn:
    """Asked by routes for administrators."""

    def __init__(self, find: FindSession, public_url: str) -> None:
        self._find = find
        self._origin = public_url

    async def find(self, request: Request, *, renews: bool = True) -> Session | None:
        """Who asks; None: nobody who is signed in.

        Args:
            renews: whether it is somebody's doing: what a page asks by itself keeps nobody in.

        Raises:
            OperatorFault: the storage does not answer.
        """
        cookie = request.cookies.get(COOKIE, "")
        if not cookie or len(cookie) > _LONGEST_COOKIE:
            return None
        return await self._find(cookie, renews=renews)

    async def __call__(self, request: Request) -> Session:
        """Who asks.

        Raises:
            Problem: nobody who is signed in (401).
        """
        session = await self.find(request)
        if session is None:
            raise denied(401, "not_signed_in")
        return session

    def check_site(self, request: Request) -> None:
        """Refuse what a page of another site has a browser ask.

        Browsers say where a request comes from; those that do not say the page's origin at least.
        https://www.w3.org/TR/fetch-metadata/

        Raises:
            Problem: it comes from elsewhere (403).
        """
        site = request.headers.get("Sec-Fetch-Site")
        if site is not None:
            is_ours = site == "same-origin"
        else:
            is_ours = request.headers.get("Origin") == self._origin
        if not is_ours:
            raise denied(403, "other_site")

    def check_form(self, request: Request, session: Session, token: str) -> None:
        """Refuse a form that is not of this session's own page.

        Raises:
            Problem: it comes from elsewhere, or is of another session (403).
        """
        self.check_site(request)
        own = session.form_token.get_secret_value().encode()
        if not hmac.compare_digest(own, token.encode("utf-8", "replace")):
            raise denied(403, "other_site")


def keep_cookie(response: Response, cookie: SecretStr) -> None:
    """Have the browser sign in by it."""
    response.set_cookie(
        COOKIE,
        cookie.get_secret_value(),
        max_age=LONGEST_SECONDS,
        path="/",
        secure=True,
        httponly=True,
        samesite="lax",
    )


def drop_cookie(response: Response) -> None:
    """Have the browser forget it."""
    response.delete_cookie(COOKIE, path="/", secure=True, httponly=True, samesite="lax")
