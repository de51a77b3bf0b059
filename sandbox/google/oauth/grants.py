"""Codes and tokens: how Google gives them out, and how they end.

Sources: https://developers.google.com/identity/protocols/oauth2/web-server,
https://developers.google.com/identity/protocols/oauth2/limited-input-device and
https://developers.google.com/identity/protocols/oauth2#expiration.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections import Counter, deque
from collections.abc import Callable

from sandbox.google.errors import OAUTH_DESCRIPTION, OAuthRefusal, require
from sandbox.google.model import (
    ACCESS_LIFE,
    CODE_LIFE,
    DEVICE_LIFE,
    REFRESH_TOKENS_PER_CLIENT,
    TESTING_LIFE,
    AccessToken,
    AuthCode,
    Consent,
    DeviceCode,
    OAuthClient,
    RefreshToken,
)

# Google's user codes avoid vowels, so that no words come about.
_USER_CODE_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"
_POLL_TOLERANCE = 0.1  # seconds: a client that sleeps exactly the interval is not too soon

Answer = dict[str, str | int]


class Grants:
    """Everything the token endpoint knows."""

    def __init__(self, now: Callable[[], float]):
        self._now = now
        self.clients: dict[str, OAuthClient] = {}
        self.consents: dict[str, Consent] = {}
        self.codes: dict[str, AuthCode] = {}
        self.devices: dict[str, DeviceCode] = {}
        self.refresh: dict[str, RefreshToken] = {}
        self.access: dict[str, AccessToken] = {}
        self._expiring: deque[AccessToken] = deque()
        self._live: dict[tuple[str, str], deque[RefreshToken]] = {}
        self.rotate = self.testing = False
        self.access_life = ACCESS_LIFE
        self.lives: dict[str, float] = {}  # account -> seconds, where access is limited in time
        self.device_interval: float = 5
        self.refreshes: Counter[str] = Counter()

    # Clients

    def client(self, client_id: str) -> OAuthClient:
        """The client of this id, if it may do anything at all."""
        client = self.clients.get(client_id)
        if client is None or client.state in ("deleted", "disabled"):
            error = "invalid_client" if client is None else f"{client.state}_client"
            raise OAuthRefusal(401, error, OAUTH_DESCRIPTION[error])
        return client

    def authenticate(self, client_id: str, secret: str) -> OAuthClient:
        """The client, if it knows its secret."""
        if not client_id:
            raise OAuthRefusal(
                400, "invalid_request", "Could not determine client ID from request."
            )
        client = self.client(client_id)
        if not secret:
            raise OAuthRefusal(400, "invalid_request", "client_secret is missing.")
        right = secrets.compare_digest(secret.encode(), client.secret.encode())
        if client.state == "wrong_secret" or not right:
            raise OAuthRefusal(401, "invalid_client", "Unauthorized")
        return client

    # Consent

    def consent(self, account: str, scopes: list[str]) -> bool:
        """Record that the account allows these scopes; True if this is news."""
        known = self.consents.get(account)
        if known is None:
            self.consents[account] = Consent(list(scopes), self._now())
            return True
        news = [scope for scope in scopes if scope not in known.scopes]
        known.scopes.extend(news)
        return bool(news)

    def has_consent(self, account: str, scopes: list[str]) -> bool:
        """Whether all these scopes were allowed before."""
        known = self.consents.get(account)
        return known is not None and set(scopes) <= set(known.scopes)

    def issue_code(
        self,
        *,
        client_id: str,
        redirect_uri: str,
        account: str,
        scopes: list[str],
        challenge: str | None,
        method: str,
        offline: bool,
        asked_again: bool,
    ) -> str:
        """Give out a code. Google's hold a slash: whoever does not quote them finds out."""
        first = self.consent(account, scopes)
        code = f"4/0A{secrets.token_urlsafe(51)}"
        self.codes[code] = AuthCode(
            code,
            client_id,
            redirect_uri,
            account,
            scopes,
            challenge,
            method,
            offline and (first or asked_again),
            self._now(),
        )
        return code

    def exchange(self, client: OAuthClient, code: str, redirect_uri: str, verifier: str) -> Answer:
        """Exchange an authorisation code for tokens."""
        require("code", code)
        known = self.codes.get(code)
        if known is None:
            raise OAuthRefusal(400, "invalid_grant", "Malformed auth code.")
        if known.used:
            # RFC 6749 §4.1.2: a code that comes twice has leaked; what it gave is taken back.
            self._end_origin(code)
            raise OAuthRefusal(400, "invalid_grant", "Bad Request")
        late = self._now() - known.created > CODE_LIFE
        if known.client_id != client.client_id or late or known.account not in self.consents:
            raise OAuthRefusal(400, "invalid_grant", "Bad Request")
        if redirect_uri != known.redirect_uri:
            raise OAuthRefusal(400, "redirect_uri_mismatch", "Bad Request")
        if known.challenge is not None:
            if not verifier:
                raise OAuthRefusal(400, "invalid_grant", "Missing code verifier.")
            if not _verifies(known.challenge, known.method, verifier):
                raise OAuthRefusal(400, "invalid_grant", "Invalid code verifier.")
        known.used = True
        return self._tokens(
            known.account, client.client_id, known.scopes, code, with_refresh=known.gives_refresh
        )

    # Device flow

    def start_device(self, client_id: str, scopes: list[str]) -> DeviceCode:
        """Give out a new device code."""
        taken = {device.user_code for device in self.devices.values()}
        while True:
            letters = "".join(secrets.choice(_USER_CODE_LETTERS) for _ in range(8))
            if (user_code := f"{letters[:4]}-{letters[4:]}") not in taken:
                break
        device = DeviceCode(
            f"AH-1Ng{secrets.token_urlsafe(48)}",
            user_code,
            client_id,
            scopes,
            self.device_interval,
            self._now(),
        )
        self.devices[device.device_code] = device
        return device

    def pending_device(self, user_code: str) -> DeviceCode | None:
        """The device flow a person types the code of; case, spaces and the dash do not matter."""
        wanted = "".join(letter for letter in user_code.upper() if letter.isalnum())
        for device in self.devices.values():
            if device.user_code.replace("-", "") == wanted and device.state == "pending":
                return None if self._lapsed(device) else device
        return None

    def decide_device(self, device: DeviceCode, account: str, granted: list[str] | None) -> None:
        """Record the person's decision; ``granted`` None: they said no."""
        device.account = account
        if granted is None:
            device.state = "denied"
            return
        self.consent(account, granted)
        device.state, device.granted = "allowed", granted

    def poll_device(self, client: OAuthClient, device_code: str) -> Answer:
        """Exchange a device code for tokens; refuses with the reason why not, or not yet."""
        require("device_code", device_code)
        device = self.devices.get(device_code)
        if device is None or device.client_id != client.client_id:
            raise OAuthRefusal(400, "invalid_grant", "Malformed auth code.")
        if device.state == "used":
            raise OAuthRefusal(400, "invalid_grant", "Bad Request")
        if self._lapsed(device):
            raise OAuthRefusal(400, "expired_token", "Bad Request")
        if device.state == "denied":
            raise OAuthRefusal(403, "access_denied", "Forbidden")
        if device.state == "pending":
            now, last = self._now(), device.last_poll
            device.last_poll = now
            if last is not None and now - last < device.interval - _POLL_TOLERANCE:
                raise OAuthRefusal(403, "slow_down", "Forbidden")
            raise OAuthRefusal(428, "authorization_pending", "Precondition Required")
        device.state = "used"
        assert device.account is not None  # noqa: S101 - an allowed code has an account
        return self._tokens(
            device.account, client.client_id, device.granted, device_code, with_refresh=True
        )

    def _lapsed(self, device: DeviceCode) -> bool:
        return self._now() - device.created > DEVICE_LIFE

    # Tokens

    def refresh_access(self, client: OAuthClient, token: str) -> Answer:
        """Exchange a refresh token for an access token."""
        require("refresh_token", token)
        known = self.refresh.get(token)
        if known is None:
            raise OAuthRefusal(400, "invalid_grant", "Bad Request")
        if known.client_id != client.client_id:
            raise OAuthRefusal(401, "unauthorized_client", "Unauthorized")
        if not self._alive(known):
            raise OAuthRefusal(400, "invalid_grant", "Token has been expired or revoked.")
        self.refreshes[known.account] += 1
        answer = self._tokens(
            known.account, client.client_id, known.scopes, known.origin, with_refresh=self.rotate
        )
        if self.rotate:
            self._kill(known)
        elif life := self._life(known.account):  # what is left, says OpenID Connect's reference
            left = known.created + life - self._now()
            answer["refresh_token_expires_in"] = max(0, int(left))
        return answer

    def _alive(self, token: RefreshToken) -> bool:
        # https://developers.google.com/identity/protocols/oauth2#expiration: 7 days in "Testing"
        life = self._life(token.account)
        if token.alive and life and self._now() - token.created > life:
            self._kill(token)
        return token.alive

    def _life(self, account: str) -> float:
        """Seconds; 0: without a term."""
        return min(filter(None, (self.lives.get(account), TESTING_LIFE * self.testing)), default=0)

    def _tokens(
        self, account: str, client_id: str, scopes: list[str], origin: str, *, with_refresh: bool
    ) -> Answer:
        now = self._now()
        while self._expiring and self._expiring[0].expires < now:
            self.access.pop(self._expiring.popleft().token, None)
        access = AccessToken(
            f"ya29.a0{secrets.token_urlsafe(120)}",
            account,
            client_id,
            scopes,
            now + self.access_life,
            origin,
        )
        self.add_access(access)
        answer: Answer = {"access_token": access.token, "expires_in": self.access_life}
        if with_refresh:
            answer["refresh_token"] = self._new_refresh(account, client_id, scopes, origin)
            if life := self._life(account):
                answer["refresh_token_expires_in"] = int(life) - 1
        answer["scope"] = " ".join(scopes)
        answer["token_type"] = "Bearer"  # noqa: S105
        return answer

    def _new_refresh(self, account: str, client_id: str, scopes: list[str], origin: str) -> str:
        token = RefreshToken(
            f"1//0{secrets.token_urlsafe(72)}", account, client_id, scopes, self._now(), origin
        )
        self.add_refresh(token)
        live = self._live[(account, client_id)]
        if len(live) > REFRESH_TOKENS_PER_CLIENT:
            live.popleft().alive = False  # the oldest dies, and nobody is told
        return token.token

    def add_refresh(self, token: RefreshToken) -> None:
        """Take in a refresh token (a new one, or one from the state file)."""
        self.refresh[token.token] = token
        if token.alive:
            self._live.setdefault((token.account, token.client_id), deque()).append(token)

    def add_access(self, token: AccessToken) -> None:
        """Take in an access token (a new one, or one from the state file)."""
        self.access[token.token] = token
        self._expiring.append(token)

    def _kill(self, token: RefreshToken) -> None:
        token.alive = False
        live = self._live.get((token.account, token.client_id))
        if live is not None and token in live:
            live.remove(token)

    def _end_origin(self, origin: str) -> None:
        for token in self.refresh.values():
            if token.origin == origin and token.alive:
                self._kill(token)
        for key in [t.token for t in self.access.values() if t.origin == origin]:
            del self.access[key]

    def bearer(self, token: str) -> AccessToken | None:
        """The access token, if it is valid now."""
        known = self.access.get(token)
        return known if known is not None and known.expires > self._now() else None

    def account_of(self, token: str) -> str | None:
        """Whose living token this is, of either kind."""
        access = self.bearer(token)
        if access is not None:
            return access.account
        refresh = self.refresh.get(token)
        return refresh.account if refresh is not None and self._alive(refresh) else None

    def revoke_account(self, account: str) -> bool:
        """End the account's whole grant for the project: every token of every client."""
        had = self.consents.pop(account, None) is not None
        for (owner, _client), live in self._live.items():
            if owner == account:
                for token in live:
                    token.alive = False
                live.clear()
        for key in [t.token for t in self.access.values() if t.account == account]:
            del self.access[key]
        return had

    def expire_access(self, account: str | None) -> int:
        """End access tokens before their time; refresh tokens live on."""
        ended = [t.token for t in self.access.values() if account in (None, t.account)]
        for key in ended:
            del self.access[key]
        return len(ended)

    def live_count(self, account: str) -> int:
        """How many refresh tokens of the account work."""
        return sum(len(live) for (owner, _), live in self._live.items() if owner == account)


def _verifies(challenge: str, method: str, verifier: str) -> bool:
    """Whether a verifier belongs to the challenge: it was they who asked (RFC 7636 §4.6)."""
    if method == "plain":
        return secrets.compare_digest(challenge.encode(), verifier.encode())
    digest = hashlib.sha256(verifier.encode()).digest()
    mine = base64.urlsafe_b64encode(digest).rstrip(b"=")
    return secrets.compare_digest(mine, challenge.encode())
