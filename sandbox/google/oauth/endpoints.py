"""The token, device and revocation endpoints.

Statuses and bodies: https://developers.google.com/identity/protocols/oauth2/limited-input-device,
https://developers.google.com/identity/protocols/oauth2/web-server and RFC 6749 §5.2.
"""

from __future__ import annotations

import base64
import binascii
from typing import Any
from urllib.parse import unquote_plus

from aiohttp import web

from sandbox.google.errors import Answer, OAuthRefusal, refusing, require
from sandbox.google.model import DEVICE_LIFE, DEVICE_SCOPES
from sandbox.google.world import GoogleWorld
from sandbox.operations import DEVICE_GRANT, OWNER, SERVICE_GRANT

NO_STORE = {"Cache-Control": "no-cache, no-store, max-age=0, must-revalidate", "Pragma": "no-cache"}


def oauth_routes(world: GoogleWorld) -> list[web.RouteDef]:
    """The endpoints that programs call."""
    endpoints = OAuthEndpoints(world)
    return [
        web.post("/token", endpoints.token),
        web.post("/device/code", endpoints.device_code),
        web.post("/revoke", endpoints.revoke),
        web.get("/revoke", endpoints.revoke),
    ]


class OAuthEndpoints:
    """Handlers over the world's grants."""

    def __init__(self, world: GoogleWorld):
        self._world = world
        self._grants = world.grants

    @refusing
    async def token(self, request: web.Request) -> web.Response:
        """POST /token."""
        answer = await self._token(request)
        self._world.note_change()
        return web.json_response(answer, headers=NO_STORE)

    async def _token(self, request: web.Request) -> dict[str, str | int]:
        form = await _form(request)
        if form.get("grant_type") == SERVICE_GRANT:  # whose clients have no secret
            audiences = (f"{self._world.origin(request)}{request.path}", str(request.url))
            statement = form.get("assertion", "")
            request[OWNER] = self._world.service_accounts.issuer_of(statement)
            return self._world.service_accounts.token(statement, audiences)
        client_id, secret = credentials(request, form)
        client = self._grants.authenticate(client_id, secret)
        grant = form.get("grant_type", "")
        if grant == "refresh_token":
            token = form.get("refresh_token", "")
            self._note_owner(request, token)
            return self._grants.refresh_access(client, token)
        if grant == "authorization_code":
            code = form.get("code", "")
            answer = self._grants.exchange(
                client, code, form.get("redirect_uri", ""), form.get("code_verifier", "")
            )
        elif grant == DEVICE_GRANT:
            answer = self._grants.poll_device(client, form.get("device_code", ""))
        else:
            raise OAuthRefusal(400, "unsupported_grant_type", f"Invalid grant_type: {grant}")
        self._note_owner(request, str(answer["access_token"]))
        return answer

    def _note_owner(self, request: web.Request, token: str) -> None:
        request[OWNER] = self._grants.account_of(token)

    @refusing
    async def device_code(self, request: web.Request) -> web.Response:
        """POST /device/code."""
        client_id, scopes = self._device_request(await _form(request))
        device = self._grants.start_device(client_id, scopes)
        interval = device.interval
        answer = {
            "device_code": device.device_code,
            "user_code": device.user_code,
            "expires_in": DEVICE_LIFE,
            "interval": int(interval) if interval == int(interval) else interval,
            "verification_url": f"{self._world.origin(request)}/device",
        }
        return web.json_response(answer, headers=NO_STORE)

    def _device_request(self, form: dict[str, str]) -> tuple[str, list[str]]:
        require("client_id", form.get("client_id"))
        client = self._grants.client(form["client_id"])
        scopes = list(dict.fromkeys(form.get("scope", "").split()))
        require("scope", scopes)
        if refused := [scope for scope in scopes if scope not in DEVICE_SCOPES]:
            raise OAuthRefusal(
                400, "invalid_scope", f"Invalid device flow scope: {' '.join(refused)}"
            )
        return client.client_id, scopes

    @refusing
    async def revoke(self, request: web.Request) -> Answer:
        """POST or GET /revoke?token=…: ends the account's grant with all its tokens."""
        token = request.query.get("token", "")
        if not token and request.method == "POST":
            token = (await _form(request)).get("token", "")
        if not token:
            raise OAuthRefusal(400, "invalid_request", "Bad Request")
        account = self._grants.account_of(token)
        if account is None:
            raise OAuthRefusal(400, "invalid_token", "Token expired or revoked")
        request[OWNER] = account
        self._grants.revoke_account(account)
        self._world.note_change()
        return {}


async def _form(request: web.Request) -> dict[str, str]:
    data = await request.post()
    return {key: value for key, value in data.items() if isinstance(value, str)}


def credentials(request: web.Request, form: dict[str, Any]) -> tuple[str, str]:
    """Client id and secret, from HTTP Basic (RFC 6749 §2.3.1) or the body."""
    header = request.headers.get("Authorization", "")
    if header[:6].lower() == "basic ":
        try:
            decoded = base64.b64decode(header[6:], validate=True).decode()
        except (binascii.Error, UnicodeDecodeError) as error:
            raise OAuthRefusal(400, "invalid_request", "Bad Request") from error
        client_id, _, secret = decoded.partition(":")
        return unquote_plus(client_id), unquote_plus(secret)
    return str(form.get("client_id", "")), str(form.get("client_secret", ""))
