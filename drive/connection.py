"""Connections to Google: authorised by the custodian's tokens, and kept open for the next call."""

from __future__ import annotations

import select
import time
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import google_auth_httplib2
import httplib2
from google.auth import _helpers
from google.oauth2.credentials import Credentials
from googleapiclient.http import build_http
from pydantic import SecretStr

from security.credential import Credential
from security.errors import ConsentRequired

TokenSource = Callable[[SecretStr | None], Credential]
"""From the token Google rejected (None: none, it is due) to a credential that serves."""
_TIMEOUT_SECONDS: Final = 30
_IDLE_SECONDS: Final = 30.0


def new_http() -> httplib2.Http:
    """Connections of its own; one thread at a time may use them."""
    http = build_http()
    http.timeout = _TIMEOUT_SECONDS
    return http


def authorized(tokens: TokenSource, http: httplib2.Http) -> google_auth_httplib2.AuthorizedHttp:
    """`http` with the tokens' Authorization: it belongs to nobody by itself."""
    first = tokens(None)

    def handler(request: Any, scopes: Any) -> tuple[str, datetime]:
        # google-auth asks either because the time is over or because Google answered 401.
        rejected = None if credentials.expired else SecretStr(str(credentials.token))
        return _for_google(tokens(rejected))

    token, expiry = _for_google(first)
    credentials = Credentials(token=token, expiry=expiry, refresh_handler=handler)  # type: ignore[no-untyped-call]
    return google_auth_httplib2.AuthorizedHttp(credentials, http=http)


def _for_google(credential: Credential) -> tuple[str, datetime]:
    """Token and expiry as google-auth wants them: naive UTC.

    google-auth takes a token for expired some minutes early, and refuses one with less left. The
    custodian keeps the lead, so that threshold is added here and cancels out.
    """
    if credential.access_token is None or credential.expires_at is None:
        raise ConsentRequired("not connected", code="not_connected")
    expiry = credential.expires_at.astimezone(UTC).replace(tzinfo=None)
    return credential.access_token.get_secret_value(), expiry + _helpers.REFRESH_THRESHOLD


class IdleConnections:
    """What a call has done with, for the next one: TCP's and TLS's beginning are round trips.

    Whose the next call is does not matter: a token goes with each request, not with a connection.
    Any thread may use this.
    """

    def __init__(self) -> None:
        self._idle: deque[tuple[float, httplib2.Http]] = deque()
        self._closed = False

    def take(self) -> httplib2.Http:
        """The one used last, if it is still good; else a new one."""
        while self._idle:
            try:
                since, http = self._idle.pop()
            except IndexError:  # another thread was faster
                break
            if time.monotonic() - since < _IDLE_SECONDS and not _has_ended(http):
                return http
            http.close()
        return new_http()

    def give_back(self, http: httplib2.Http) -> None:
        """After a call that ended well: nothing of its answer may be left in there."""
        self._idle.append((time.monotonic(), http))
        if self._closed:
            self.close()

    def close(self) -> None:
        """Close them all, also what is given back from here on."""
        self._closed = True
        while self._idle:
            try:
                self._idle.pop()[1].close()
            except IndexError:
                return


def _has_ended(http: httplib2.Http) -> bool:
    """Whether the other side has closed: there is something to read before anything was asked."""
    poll = select.poll()
    for connection in http.connections.values():
        if connection.sock is not None:
            poll.register(connection.sock, select.POLLIN)
    return bool(poll.poll(0))
