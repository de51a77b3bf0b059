"""The one place that talks to Google's OAuth endpoints, and tells their errors apart.

Own code over aiohttp: a refresh costs a fraction of what google-auth over requests takes, and holds
no thread. https://developers.google.com/identity/protocols/oauth2 (web server, limited-input
device, native app); RFC 6749 §5.2, RFC 7009, RFC 7636, RFC 8628 §3.5.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from urllib.parse import quote_plus

import aiohttp
from pydantic import SecretStr

from config import GOOGLE_ADDRESSES, GoogleClient
from security.credential import DRIVE_FILE_SCOPE
from security.errors import ConsentRequired, CustodyError, OperatorFault, TransientFault

_GOOGLE: Final = GOOGLE_ADDRESSES["google_auth_uri"]
_MAX_BODY: Final = 256 * 1024
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.~-]+")
_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"
_TRANSIENT_STATUS: Final = frozenset({408, 425, 429})
_TRANSIENT_CODES: Final = frozenset(
    {
        "internal_failure",
        "server_error",
        "temporarily_unavailable",
        "quota_exceeded",
        "rate_limit_exceeded",
    }
)
# RFC 6749 §5.2 and what Google adds: faults of the client's set-up, which no user can mend.
_OPERATOR_CODES: Final = {
    "invalid_client": "invalid_client",
    "unauthorized_client": "unauthorized_client",
    "deleted_client": "deleted_client",
    "disabled_client": "invalid_client",
    "org_internal": "unauthorized_client",
}


@dataclass(frozen=True, slots=True)
class OAuthEndpoints:
    """Where Google is."""

    auth: str
    token: str
    device: str
    revoke: str


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """What the token endpoint gave. `expires_at` is aware, in UTC."""

    access_token: SecretStr
    expires_at: datetime
    refresh_token: SecretStr | None
    scopes: tuple[str, ...] | None
    """The scopes granted; None where the answer did not say (RFC 6749 §5.1: as asked)."""
    refresh_expires_at: datetime | None
    """When the refresh token ends by itself, aware, in UTC; None: Google sets it no term.

    `refresh_token_expires_in`, seconds: there for access that is limited in time, which the grants
    of an app in "Testing" are, to seven days.
    https://developers.google.com/identity/protocols/oauth2#expiration
    """


@dataclass(frozen=True, slots=True)
class DeviceAuthorization:
    """RFC 8628 §3.2. Times in seconds from the request."""

    device_code: SecretStr
    user_code: str
    verification_url: str
    expires_in: float
    interval: float


class DevicePending(CustodyError):
    """The person has not decided yet; `slow_down` asks for five more seconds between polls."""

    def __init__(self, *, slow_down: bool) -> None:
        super().__init__("not approved yet", code="unavailable")
        self.slow_down = slow_down


class ConsentDenied(CustodyError):
    """The person said no, or the code's time is over (`code`: access_denied or expired)."""


class GoogleOAuth:
    """Google's OAuth endpoints. `close` it when done."""

    def __init__(self, endpoints: OAuthEndpoints, *, timeout_seconds: float = 10) -> None:
        self._endpoints = endpoints
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def refresh(self, client: GoogleClient, refresh_token: SecretStr) -> TokenGrant:
        """A new access token. An answer without a refresh token means: keep the old one.

        Raises:
            TransientFault, OperatorFault, ConsentRequired: as the table in the design.
        """
        return self._grant(
            await self._post(
                self._endpoints.token,
                client,
                grant_type="refresh_token",
                refresh_token=refresh_token.get_secret_value(),
            )
        )

    async def exchange(
        self, client: GoogleClient, *, code: str, code_verifier: str, redirect_uri: str
    ) -> TokenGrant:
        """Tokens for an authorisation code, with PKCE (RFC 7636 §4.5)."""
        return self._grant(
            await self._post(
                self._endpoints.token,
                client,
                grant_type="authorization_code",
                code=code,
                code_verifier=code_verifier,
                redirect_uri=redirect_uri,
            )
        )

    async def start_device(self, client: GoogleClient) -> DeviceAuthorization:
        """Ask for a code that a person enters on Google's page."""
        answer = await self._post(self._endpoints.device, client, scope=DRIVE_FILE_SCOPE)
        url = answer.get("verification_url") or answer.get("verification_uri")
        try:
            return DeviceAuthorization(
                device_code=SecretStr(_text(answer, "device_code")),
                user_code=_text(answer, "user_code"),
                verification_url=str(url or ""),
                expires_in=float(answer["expires_in"]),
                interval=float(answer.get("interval", 5)),
            )
        except (KeyError, TypeError, ValueError):
            raise _unreadable() from None

    async def poll_device(self, client: GoogleClient, device_code: SecretStr) -> TokenGrant:
        """Tokens, once the person has approved.

        Raises:
            DevicePending: ask again after the interval.
            ConsentDenied: declined, or lapsed.
        """
        return self._grant(
            await self._post(
                self._endpoints.token,
                client,
                grant_type=_DEVICE_GRANT,
                device_code=device_code.get_secret_value(),
            )
        )

    async def revoke(self, token: SecretStr) -> None:
        """End every token of the project for this Google account (RFC 7009).

        A token Google no longer knows is as good as revoked.
        """
        try:
            await self._post(self._endpoints.revoke, None, token=token.get_secret_value())
        except ConsentRequired:
            return

    def authorization_address(
        self, client: GoogleClient, *, redirect_uri: str, state: str
    ) -> tuple[str, str]:
        """The address of Google's consent page, and the PKCE verifier that belongs to it.

        google-auth-oauthlib makes both; the exchange is done here, since its `fetch_token`
        raises where granted scopes differ from those asked for.
        """
        # Imported here: it brings requests and oauthlib along, a tenth of the start of a process,
        # and neither the device flow nor an operator's command has any use for them.
        from google_auth_oauthlib.flow import Flow

        flow = Flow.from_client_config(
            {
                "web": {
                    "client_id": client.id,
                    "client_secret": client.secret.get_secret_value(),
                    "auth_uri": _GOOGLE,
                    "token_uri": self._endpoints.token,
                }
            },
            scopes=[DRIVE_FILE_SCOPE],
            redirect_uri=redirect_uri,
            autogenerate_code_verifier=True,
        )
        address, _ = flow.authorization_url(access_type="offline", prompt="consent", state=state)
        # oauthlib refuses plain http even on loopback, where the sandbox is: so it is given
        # Google's own address, and the configured one takes its place afterwards.
        return self._endpoints.auth + str(address).removeprefix(_GOOGLE), str(flow.code_verifier)

    async def _post(
        self, address: str, client: GoogleClient | None, **form: str
    ) -> Mapping[str, Any]:
        if self._session is None:
            # What Google might ask to be remembered of one owner is nothing for the next one.
            jar = aiohttp.DummyCookieJar()
            self._session = aiohttp.ClientSession(timeout=self._timeout, cookie_jar=jar)
        if client is not None:
            form["client_id"] = client.id
            if "scope" not in form:  # the device endpoint takes no secret
                form["client_secret"] = client.secret.get_secret_value()
        body = form_body(form)
        try:
            async with self._session.post(
                address, data=body, headers=_FORM, allow_redirects=False
            ) as response:
                answer = await _read(response)
                retry_after = response.headers.get("Retry-After")
                status = response.status
        except TimeoutError as error:
            raise TransientFault("Google did not answer in time", code="timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            # The cause's text may hold the address; logs show its type alone.
            raise TransientFault("Google could not be reached") from error
        return _answer(status, answer, retry_after)

    @staticmethod
    def _grant(answer: Mapping[str, Any]) -> TokenGrant:
        try:
            refresh_token, scope = answer.get("refresh_token"), answer.get("scope")
            lifetime = timedelta(seconds=float(answer["expires_in"]))
            return TokenGrant(
                access_token=SecretStr(_text(answer, "access_token")),
                expires_at=datetime.now(UTC) + lifetime,
                refresh_token=SecretStr(refresh_token) if isinstance(refresh_token, str) else None,
                scopes=tuple(scope.split()) if isinstance(scope, str) else None,
                refresh_expires_at=_term(answer.get("refresh_token_expires_in")),
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            raise _unreadable() from None


def form_body(form: Mapping[str, str]) -> bytes:
    """As `urllib.parse.urlencode`, which goes letter by letter through a value with a slash in it,
    as Google's tokens are.

    aiohttp's own encoder of forms prepares for files as well: a third of the whole refresh.
    """
    return "&".join(f"{name}={_UNSAFE.sub(_quoted, value)}" for name, value in form.items()).encode(
        "ascii"
    )


def _quoted(match: re.Match[str]) -> str:
    return quote_plus(match[0])


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body: one `read(n)` gives no more than what has arrived so far."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > _MAX_BODY:
            raise _unreadable()
    return bytes(body)


def _text(answer: Mapping[str, Any], field: str) -> str:
    value = answer[field]
    if not isinstance(value, str) or not value:
        raise ValueError(field)
    return value


def _term(seconds: object) -> datetime | None:
    """That many seconds from now; None for anything else: no grant is worth losing over it."""
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        return None
    try:
        return datetime.now(UTC) + timedelta(seconds=seconds)
    except (ValueError, OverflowError):
        return None


def _unreadable() -> TransientFault:
    return TransientFault("Google's answer could not be read", code="not_json")


def _answer(status: int, body: bytes, retry_after: str | None) -> Mapping[str, Any]:
    """The JSON object of a good answer; an error of the right class for any other."""
    if status in _TRANSIENT_STATUS or status >= 500:
        seconds = float(retry_after) if retry_after and retry_after.isdecimal() else None
        code = "rate_limited" if status == 429 else "unavailable"
        raise TransientFault(f"Google answered {status}", code=code, retry_after=seconds)
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise _unreadable() from None
    if not isinstance(answer, dict):
        raise _unreadable()
    if status == 200:
        return answer
    error = answer.get("error") or answer.get("error_code")  # the latter: device codes used up
    if isinstance(error, dict):  # the shape of Google's other services
        error = error.get("status")
    if error == "authorization_pending":
        raise DevicePending(slow_down=False)
    if error == "slow_down":
        raise DevicePending(slow_down=True)
    if error == "access_denied":
        raise ConsentDenied("the person declined", code="access_denied")
    if error == "expired_token":
        raise ConsentDenied("the code's time is over", code="expired")
    if error in ("invalid_grant", "invalid_token"):
        raise ConsentRequired("Google does not accept this grant any more", code="invalid_grant")
    if isinstance(error, str) and error in _OPERATOR_CODES:
        raise OperatorFault(f"Google answered {error}", code=_OPERATOR_CODES[error])
    if error in _TRANSIENT_CODES:
        raise TransientFault("Google is not available")
    # Anything else a 4xx says is about how we ask, never about one person's grant.
    raise OperatorFault(f"Google refused the request ({status})", code="invalid_request")
