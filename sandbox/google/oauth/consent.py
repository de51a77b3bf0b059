"""Where a person says yes or no: Google's authorisation page.

https://developers.google.com/identity/protocols/oauth2/web-server#creatingclient names the
parameters, https://developers.google.com/identity/protocols/oauth2/resources/granular-permissions
the tick boxes. There is no sign-in: whoever reaches the sandbox may be any account.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from aiohttp import web

from sandbox.google.errors import OAuthRefusal
from sandbox.google.html import page
from sandbox.google.model import KNOWN_SCOPES
from sandbox.google.oauth.consent_pages import (
    access_blocked,
    chooser,
    consent_card,
    granted_scopes,
)
from sandbox.google.oauth.device_pages import device_routes
from sandbox.google.world import GoogleWorld
from sandbox.hosts import is_loopback

AUTH = "/o/oauth2/v2/auth"
CONSENT = "/o/oauth2/v2/consent"
_CHALLENGE = re.compile(r"[A-Za-z0-9._~-]{43,128}$")


@dataclass(frozen=True)
class AuthRequest:
    """A checked authorisation request."""

    client_id: str
    redirect_uri: str
    scopes: list[str]
    state: str | None
    offline: bool
    prompts: frozenset[str]
    challenge: str | None
    method: str
    login_hint: str
    query: list[tuple[str, str]]

    def back(self, **answer: str) -> web.HTTPFound:
        """The redirect to the client."""
        parts = urlsplit(self.redirect_uri)
        query = parse_qsl(parts.query, keep_blank_values=True)
        if self.state is not None:
            query.append(("state", self.state))
        query += answer.items()
        return web.HTTPFound(urlunsplit(parts._replace(query=urlencode(query))))


def consent_routes(world: GoogleWorld) -> list[web.RouteDef]:
    """The pages of the authorisation code flow, and those of the device flow."""
    pages = ConsentPages(world)
    return [
        web.get(AUTH, pages.choose),
        web.get("/o/oauth2/auth", pages.choose),
        web.get(CONSENT, pages.ask),
        web.post(CONSENT, pages.decide),
        *device_routes(world),
    ]


class ConsentPages:
    """Choose an account, then allow or cancel."""

    def __init__(self, world: GoogleWorld):
        self._world = world

    async def choose(self, request: web.Request) -> web.StreamResponse:
        """Show the accounts to choose from."""
        asked = self._check(request)
        if "none" in asked.prompts:
            raise asked.back(error="interaction_required")
        if asked.login_hint and "select_account" not in asked.prompts:
            query = urlencode([*asked.query, ("account", asked.login_hint)])
            raise web.HTTPFound(f"{CONSENT}?{query}")
        return page("Choose an account", chooser(self._world, CONSENT, asked.query))

    async def ask(self, request: web.Request) -> web.StreamResponse:
        """Show the consent page; skip it where all was allowed before and nobody asks again."""
        asked = self._check(request)
        name = request.query.get("account", "")
        if not name.strip():
            raise web.HTTPFound(f"{AUTH}?{urlencode(asked.query)}")
        account = self._world.account_to_show(name)
        if "consent" not in asked.prompts and self._world.grants.has_consent(
            account.email, asked.scopes
        ):
            raise self._allowed(asked, account.email, asked.scopes)
        action = f"{CONSENT}?{urlencode(asked.query)}"
        again = f"{AUTH}?{urlencode(asked.query)}"
        return page("Allow access", consent_card(account, asked.scopes, action, again, []))

    async def decide(self, request: web.Request) -> web.StreamResponse:
        """Take the decision: Allow or Cancel was pressed."""
        asked = self._check(request)
        form = await request.post()
        name = str(form.get("account", "")).strip()
        if form.get("decision") != "allow" or not name:
            raise asked.back(error="access_denied")
        ticked = {str(value) for value in form.getall("scope", [])}
        granted = granted_scopes(asked.scopes, ticked)
        raise self._allowed(asked, self._world.account(name).email, granted)

    def _allowed(self, asked: AuthRequest, account: str, scopes: list[str]) -> web.HTTPFound:
        code = self._world.grants.issue_code(
            client_id=asked.client_id,
            redirect_uri=asked.redirect_uri,
            account=account,
            scopes=scopes,
            challenge=asked.challenge,
            method=asked.method,
            offline=asked.offline,
            asked_again="consent" in asked.prompts,
        )
        self._world.note_change()
        return asked.back(code=code, scope=" ".join(scopes), authuser="0", prompt="consent")

    def _check(self, request: web.Request) -> AuthRequest:
        query = [(key, value) for key, value in request.query.items() if key != "account"]
        given = dict(query)
        if len(given) != len(query):
            raise access_blocked(
                400, "invalid_request", "OAuth 2 parameters can only have a single value."
            )
        _required(given, "client_id")
        try:
            client = self._world.grants.client(given["client_id"])
        except OAuthRefusal as refusal:
            error, detail = refusal.body["error"], refusal.body["error_description"]
            raise access_blocked(refusal.status, error, detail) from refusal
        _required(given, "redirect_uri")
        check_redirect(given["redirect_uri"])
        _required(given, "response_type")
        if given["response_type"] != "code":
            raise access_blocked(
                400,
                "unsupported_response_type",
                f"Invalid response_type: {given['response_type']}",
            )
        _required(given, "scope")
        scopes = list(dict.fromkeys(given["scope"].split()))
        if unknown := [scope for scope in scopes if scope not in KNOWN_SCOPES]:
            raise access_blocked(
                400,
                "invalid_scope",
                f"Some requested scopes were invalid. {{invalid=[{', '.join(unknown)}]}}",
            )
        if given.get("access_type", "online") not in ("online", "offline"):
            raise access_blocked(400, "invalid_request", "Invalid parameter value for access_type")
        challenge, method = _challenge(given)
        return AuthRequest(
            client.client_id,
            given["redirect_uri"],
            scopes,
            given.get("state"),
            given.get("access_type") == "offline",
            frozenset(given.get("prompt", "").split()),
            challenge,
            method,
            given.get("login_hint", ""),
            query,
        )


def _required(given: dict[str, str], name: str) -> None:
    if not given.get(name):
        raise access_blocked(400, "invalid_request", f"Missing required parameter: {name}")


def _challenge(given: dict[str, str]) -> tuple[str | None, str]:
    challenge, method = given.get("code_challenge"), given.get("code_challenge_method", "plain")
    if challenge is None:
        return None, method
    if method not in ("plain", "S256"):
        raise access_blocked(
            400, "invalid_request", "Invalid parameter value for code_challenge_method"
        )
    if not _CHALLENGE.match(challenge):
        raise access_blocked(400, "invalid_request", "Invalid parameter value for code_challenge")
    return challenge, method


def check_redirect(uri: str) -> None:
    """Every https and every loopback address counts as registered; the rest does not fit."""
    if uri.startswith("urn:ietf:wg:oauth:2.0:oob"):
        raise access_blocked(
            400,
            "invalid_request",
            "The out-of-band (OOB) flow has been blocked in order to keep users secure.",
        )
    try:
        parts = urlsplit(uri)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    clean = bool(host) and not parts.fragment and "@" not in parts.netloc and "*" not in host
    fits = parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    if not (clean and fits):
        raise access_blocked(
            400,
            "redirect_uri_mismatch",
            f"The redirect URI in the request, {uri}, does not match the ones authorized "
            "for the OAuth client.",
        )
