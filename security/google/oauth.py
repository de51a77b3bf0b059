"""The one place that asks Google's OAuth endpoints.

Own code over aiohttp: a refresh costs a fraction of what google-auth over requests takes, and holds
no thread. What the answers say is read in `grants.py`, what the refusals mean stands in
`oauth_errors.py`. https://developers.google.com/identity/protocols/oauth2 (web server,
limited-input device, native app); RFC 6749, RFC 7009, RFC 7636, RFC 8628.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote_plus

import aiohttp
from pydantic import SecretStr

from config import GOOGLE_ADDRESSES, GoogleClient
from security.credential import DRIVE_FILE_SCOPE, covers_drive
from security.errors import ConsentRequired, TransientFault
from security.google.grants import (
    Answer,
    DeviceAuthorization,
    TokenGrant,
    read_answer,
    read_device,
    read_grant,
    unreadable,
)
from security.google.network import DIRECT, Network
from security.google.oauth_errors import Question

_GOOGLE: Final = GOOGLE_ADDRESSES["google_auth_uri"]
_MAX_BODY: Final = 256 * 1024
_LAST_LOOK: Final = 0.1
"""Of the time that Google has: what is left when a process that stood still looks once more."""
_FORM: Final = {"Content-Type": "application/x-www-form-urlencoded"}
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.~-]+")
_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass(frozen=True, slots=True)
class OAuthEndpoints:
    """Where Google is."""

    auth: str
    token: str
    device: str
    revoke: str

    def of(self, question: Question) -> str:
        """Where it is asked."""
        others = {
            Question.DEVICE_CODE: self.device,
            Question.REVOKE: self.revoke,
            Question.REDIRECT: self.auth,
        }
        return others.get(question, self.token)


class GoogleOAuth:
    """Google's OAuth endpoints. `close` it when done."""

    def __init__(
        self,
        endpoints: OAuthEndpoints,
        network: Network = DIRECT,
        *,
        timeout_seconds: float = 10,
        now: Callable[[], float] | None = None,
    ) -> None:
        """
        Args:
            now: Unix seconds, by the clock that tokens end by; None: this machine's.
        """
        self._endpoints = endpoints
        self._now = now or _own_clock
        self._network = network
        self._seconds = timeout_seconds
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def refresh(self, client: GoogleClient, refresh_token: SecretStr) -> TokenGrant:
        """A new access token. An answer without a refresh token means: keep the old one.

        Raises:
            TransientFault, OperatorFault, RefusedByOrganisation: the grant is as good as before.
            ConsentRequired: it has ended, or no longer covers Drive (RFC 6749 §5.1).
        """
        answer = await self._ask(
            Question.REFRESH,
            client,
            grant_type="refresh_token",
            refresh_token=refresh_token.get_secret_value(),
        )
        grant = read_grant(answer, datetime.fromtimestamp(self._now(), UTC))
        if grant.scopes and not covers_drive(grant.scopes):
            raise ConsentRequired("the grant no longer covers Drive", code="scope_missing")
        return grant

    async def exchange(
        self, client: GoogleClient, *, code: str, code_verifier: str, redirect_uri: str
    ) -> TokenGrant:
        """Tokens for an authorisation code, with PKCE (RFC 7636 §4.5).

        Raises:
            ConsentDenied: Google gives none: the person declined, or the time was over.
            ConsentRequired: Google does not know the code, or not any more.
            TransientFault, OperatorFault, RefusedByOrganisation.
        """
        answer = await self._ask(
            Question.EXCHANGE,
            client,
            grant_type="authorization_code",
            code=code,
            code_verifier=code_verifier,
            redirect_uri=redirect_uri,
        )
        return read_grant(answer, datetime.fromtimestamp(self._now(), UTC))

    async def start_device(self, client: GoogleClient) -> DeviceAuthorization:
        """Ask for a code that a person enters on Google's page.

        Raises:
            TransientFault, OperatorFault: there is none just now.
        """
        return read_device(await self._ask(Question.DEVICE_CODE, client, scope=DRIVE_FILE_SCOPE))

    async def poll_device(self, client: GoogleClient, device_code: SecretStr) -> TokenGrant:
        """Tokens, once the person has approved.

        Raises:
            DevicePending: ask again after the interval.
            ConsentDenied: declined, or lapsed.
            ConsentRequired: Google does not know the code, or not any more.
            TransientFault, OperatorFault, RefusedByOrganisation.
        """
        answer = await self._ask(
            Question.POLL,
            client,
            grant_type=_DEVICE_GRANT,
            device_code=device_code.get_secret_value(),
        )
        return read_grant(answer, datetime.fromtimestamp(self._now(), UTC))

    async def revoke(self, token: SecretStr) -> None:
        """End every token of the project for this Google account (RFC 7009).

        A token Google no longer knows is as good as revoked.

        Raises:
            TransientFault, OperatorFault, RefusedByOrganisation: Google could not be told so.
        """
        await self._ask(Question.REVOKE, None, token=token.get_secret_value())

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

    async def _ask(self, question: Question, client: GoogleClient | None, **form: str) -> Answer:
        if self._session is None:
            self._session = self._network.session(aiohttp.ClientTimeout(total=None))
        if client is not None:
            form["client_id"] = client.id
            if question is not Question.DEVICE_CODE:  # which takes no secret
                form["client_secret"] = client.secret.get_secret_value()
        address = self._endpoints.of(question)
        body = form_body(form)
        try:
            async with (
                _patience(self._seconds),
                self._session.post(
                    address,
                    data=body,
                    headers=_FORM,
                    allow_redirects=False,
                    **self._network.through(address),
                ) as response,
            ):
                status = response.status
                if question is Question.REVOKE and status == 200:
                    return {}  # whatever its body says (RFC 7009 §2.2)
                answer = await _read(response)
                retry_after = response.headers.get("Retry-After")
        except TimeoutError as error:
            raise TransientFault("Google did not answer in time", code="timeout") from error
        except (aiohttp.ClientError, OSError) as error:
            # The cause's text may hold the address; logs show its type alone.
            raise TransientFault("Google could not be reached") from error
        return read_answer(question, status, answer, retry_after)


@asynccontextmanager
async def _patience(seconds: float) -> AsyncIterator[None]:
    """Wait no longer than that; but what has arrived by then is read before it is given up.

    A process that was stopped, or whose machine slept, finds its time over and Google's answer in
    the socket: with a refresh token, perhaps, that nobody else will ever be told.
    """
    loop, last = asyncio.get_running_loop(), seconds * _LAST_LOOK
    async with asyncio.timeout(None) as limit:
        late = loop.call_later(seconds - last, lambda: limit.reschedule(loop.time() + last))
        try:
            yield
        finally:
            late.cancel()


def form_body(form: Mapping[str, str]) -> bytes:
    """As `urllib.parse.urlencode`, which goes letter by letter through a value with a slash in it,
    as Google's tokens are.

    aiohttp's own encoder of forms prepares for files as well: a third of the whole refresh.
    """
    return "&".join(
        f"{name}={_UNSAFE.sub(lambda match: quote_plus(match[0]), value)}"
        for name, value in form.items()
    ).encode("ascii")


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The whole body: one `read(n)` gives no more than what has arrived so far."""
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > _MAX_BODY:
            raise unreadable()
    return bytes(body)


def _own_clock() -> float:
    return time.time()
