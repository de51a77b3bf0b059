"""Google: in reach, of one mind about the time, and content with the OAuth clients.

Whether a client is good is found out by asking for a refresh with a made-up refresh token. Google
looks at the client first: `invalid_grant` means that the client is good and only the token is not,
`invalid_client` and its like that the client is bad (RFC 6749 §5.2).
"""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable
from contextlib import closing
from typing import Final
from urllib.parse import urlsplit

from commands.checks.finding import Finding, failed, ok, skipped, warning
from commands.checks.http import (
    TIMEOUT_SECONDS,
    Answer,
    Asker,
    Unreachable,
    reason_of,
)
from config import GoogleClient, Settings
from drive.connection import Http
from drive.errors import translating_errors
from security.credential import DRIVE_FILE_SCOPE
from security.errors import TransientFault
from security.google.answers import json_object
from security.google.network import Network
from security.google.oauth_errors import Question, meaning_of

_CODE: Final = re.compile(r"[a-z_]{1,40}")
_CLOCK_WARNING_SECONDS: Final = 30
_CLOCK_FAILED_SECONDS: Final = 300
_BAD: Final = {
    "invalid_client": "does not accept the client's id and secret",
    "deleted_client": "says that the client was deleted",
    "disabled_client": "says that the client is disabled",
    "unauthorized_client": "says that the client may not do this",
}

Reply = Answer | Unreachable


async def check_google(settings: Settings) -> list[Finding]:
    """Every question is asked at once, each of the host and by the client that the bot uses."""
    network = Network.of(settings)
    async with Asker(network) as asker:
        findings, drive, page, revoking = await asyncio.gather(
            _check_clients(asker, settings),
            asyncio.to_thread(_ask_drive, network, settings.google_api_endpoint),
            _ask_page(asker, settings),
            _ask_to_revoke(asker, settings),
        )
    return [
        *findings,
        _judge("drive", "The Drive API", "GOOGLE_API_ENDPOINT", settings, drive, _is_refusal),
        judge_page(page, settings.google_auth_uri),
        *_judge_revoking(settings, revoking),
    ]


async def _check_clients(asker: Asker, settings: Settings) -> list[Finding]:
    if not settings.google_clients:
        why = "There is no OAuth client to ask with."
        return [skipped(name, why) for name in ("google", "clock", "oauth client", "device flow")]
    clients = settings.google_clients
    device, replies = await asyncio.gather(
        _ask_for_code(asker, settings),
        asyncio.gather(*(_refresh(asker, settings, client) for client in clients)),
    )
    return [
        _judge(
            "google",
            "Google's token endpoint",
            "GOOGLE_TOKEN_URI",
            settings,
            replies[0],
            lambda answer: _error(answer) is not None,
        ),
        judge_clock(replies[0]),
        *(
            _judge_client(settings, number, client, reply)
            for number, (client, reply) in enumerate(zip(clients, replies, strict=True), start=1)
        ),
        judge_device(device),
    ]


async def _refresh(asker: Asker, settings: Settings, client: GoogleClient) -> Reply:
    form = {
        "client_id": client.id,
        "client_secret": client.secret.get_secret_value(),
        "grant_type": "refresh_token",
        "refresh_token": f"1//0{secrets.token_urlsafe(48)}",
    }
    return await _reply(asker.ask("POST", settings.google_token_uri, form))


async def _ask_for_code(asker: Asker, settings: Settings) -> Reply | None:
    """Nobody is shown the code, and it lapses unused."""
    if settings.google_oauth_flow != "device" or settings.google_client_id is None:
        return None
    form = {"client_id": settings.google_clients[0].id, "scope": DRIVE_FILE_SCOPE}
    return await _reply(asker.ask("POST", settings.google_device_uri, form))


async def _ask_page(asker: Asker, settings: Settings) -> Reply | None:
    if settings.google_oauth_flow == "device" and settings.web_google_client is None:
        return None
    return await _reply(asker.ask("GET", settings.google_auth_uri))


async def _ask_to_revoke(asker: Asker, settings: Settings) -> Reply | None:
    """A made-up token, where another host is asked than for tokens."""
    if host_of(settings.google_revoke_uri) == host_of(settings.google_token_uri):
        return None
    form = {"token": f"1//0{secrets.token_urlsafe(48)}"}
    return await _reply(asker.ask("POST", settings.google_revoke_uri, form))


async def _reply(asking: Awaitable[Answer]) -> Reply:
    try:
        return await asking
    except Unreachable as nothing:
        return nothing


def _ask_drive(network: Network, endpoint: str) -> Reply:
    """Without a token: a refusal in Google's form is all that is wanted. Blocks."""
    http = Http(network)
    http.timeout, http.follow_redirects = TIMEOUT_SECONDS, False
    try:
        with closing(http), translating_errors():
            response, body = http.request(f"{endpoint}/drive/v3/about?fields=user")
    except TransientFault as fault:
        return Unreachable(reason_of(fault))
    return Answer(response.status, json_object(body), None, None)


def host_of(address: str) -> str:
    """Host, and port where it is given."""
    return urlsplit(address).netloc


def judge_page(reply: Reply | None, address: str) -> Finding:
    """Whether the consent page is reached from here: people's browsers ask it, the bot does not."""
    name = "consent page"
    if reply is None:
        return skipped(name, "Nobody is led to it: GOOGLE_OAUTH_FLOW is device.")
    if isinstance(reply, Unreachable):
        return warning(
            name,
            f"Google's consent page ({host_of(address)}) {reply}.",
            "It is for people's browsers; the bot itself does not ask it. Can they open it?",
        )
    return ok(name, f"Google's consent page ({host_of(address)}) answers.")


def _judge_revoking(settings: Settings, reply: Reply | None) -> list[Finding]:
    """Whether grants can be ended; nothing, where it is the host that was asked for tokens."""
    if reply is None:
        return []
    return [
        _judge(
            "revocation",
            "Google's revocation endpoint",
            "GOOGLE_REVOKE_URI",
            settings,
            reply,
            lambda answer: answer.status == 200 or _error(answer) is not None,
        )
    ]


def _judge(
    name: str,
    what: str,
    variable: str,
    settings: Settings,
    reply: Reply,
    is_google: Callable[[Answer], bool],
) -> Finding:
    """Whether it is Google that answers at the address which `variable` holds."""
    what = f"{what} ({host_of(getattr(settings, variable.lower()))})"
    if isinstance(reply, Unreachable):
        return failed(name, f"{what} {reply}.", "Let this machine reach Google by https.")
    if reply.is_fault:
        return warning(
            name,
            f"{what} answers with a fault of its own ({reply.status}).",
            "It passes by itself: try again later.",
        )
    if not is_google(reply):
        return failed(
            name,
            f"{what} does not speak as Google does ({reply.status}): something answers for it.",
            f"Look for a proxy or captive portal, and at {variable}.",
        )
    return ok(name, f"{what} answers.")


def _is_refusal(answer: Answer) -> bool:
    """In the form of Google's APIs: https://google.aip.dev/193."""
    error = (answer.document or {}).get("error")
    return answer.status in (401, 403) and isinstance(error, dict)


def judge_clock(reply: Reply) -> Finding:
    """This machine's clock against the time in Google's answer. Tokens live by it."""
    name = "clock"
    if isinstance(reply, Unreachable) or reply.ahead_seconds is None:
        return skipped(name, "Google has told no time to compare with.")
    off, side = abs(reply.ahead_seconds), "ahead of" if reply.ahead_seconds > 0 else "behind"
    if off <= _CLOCK_WARNING_SECONDS:
        return ok(name, f"This machine's clock agrees with Google's (within {off:.0f} s).")
    return (failed if off > _CLOCK_FAILED_SECONDS else warning)(
        name,
        f"This machine's clock is {off:,.0f} seconds {side} Google's.",
        "Set the clock (timedatectl set-ntp true, or chrony): tokens are refreshed by it.",
    )


def _judge_client(settings: Settings, number: int, client: GoogleClient, reply: Reply) -> Finding:
    """What the answer to the made-up token says of the client; the first is number 1."""
    name = "oauth client" if number == 1 else f"oauth client {number}"
    error = None if isinstance(reply, Unreachable) or reply.is_fault else _error(reply)
    if error is None:
        return skipped(name, "Google gave no answer to judge it by.")
    if isinstance(meaning_of(Question.REFRESH, error).error(), TransientFault):
        return skipped(name, f"Google cannot judge it just now ({error}).")
    if error == "invalid_grant":
        return ok(name, "Google accepts the client (it refused a made-up token, and only that).")
    variables, where = "GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET", ""
    if client.id == settings.web_google_client_id != settings.google_client_id:
        variables = "WEB_GOOGLE_CLIENT_ID and WEB_GOOGLE_CLIENT_SECRET"
        where = " Departments are authorised by it."
    elif client.id != settings.google_client_id:
        pair = number - (settings.google_client_id is not None)
        variables, where = "it", f" It is pair {pair} of GOOGLE_OTHER_CLIENTS."
    return failed(
        name,
        f"Google {_BAD.get(error, 'refuses the client')} ({error}).{where}",
        f"Compare {variables} with the console (Google Auth Platform, Clients); no quotes around.",
    )


def judge_device(reply: Reply | None) -> Finding:
    """Whether the client's type is the one that the device flow wants."""
    name = "device flow"
    if reply is None:
        return skipped(name, "The bot has no client of that flow.")
    if isinstance(reply, Unreachable) or reply.is_fault:
        return skipped(name, "Google gave no answer to judge the client's type by.")
    if reply.status == 200 and reply.document and "device_code" in reply.document:
        return ok(name, "Google gives device codes for this client (this one lapses unused).")
    error = _error(reply)
    if error is None:
        return failed(
            name,
            f"What answers in Google's place ({reply.status}) does not speak as Google does.",
            "Look for a proxy or captive portal, and at GOOGLE_DEVICE_URI.",
        )
    return failed(
        name,
        f"Google gives this client no device code ({error}).",
        'Make a client of the type "TVs and Limited Input devices", or set GOOGLE_OAUTH_FLOW '
        "to what this client is for.",
    )


def _error(reply: Answer) -> str | None:
    """OAuth's error code; None: this is no refusal in OAuth's form."""
    document = reply.document or {}
    error = document.get("error") or document.get("error_code")
    if reply.status == 200 or not isinstance(error, str) or not _CODE.fullmatch(error):
        return None
    return error
