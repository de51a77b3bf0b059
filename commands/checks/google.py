"""Google: in reach, of one mind about the time, and content with the OAuth clients.

Whether a client is good is found out by asking for a refresh with a made-up refresh token. Google
looks at the client first: `invalid_grant` means that the client is good and only the token is not,
`invalid_client` and its like that the client is bad (RFC 6749 §5.2).
"""

from __future__ import annotations

import asyncio
import re
import secrets
from typing import Final

import aiohttp

from commands.checks.finding import Finding, failed, ok, skipped, warning
from commands.checks.http import Answer, Unreachable, ask, new_session
from config import GoogleClient, Settings
from security.credential import DRIVE_FILE_SCOPE

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
    """Every question is asked at once; one session, closed at the end."""
    if not settings.google_clients:
        why = "There is no OAuth client to ask with."
        return [skipped(name, why) for name in ("google", "clock", "oauth client", "device flow")]
    async with new_session(trust_env=False) as session:
        device, replies = await asyncio.gather(
            _ask_for_code(session, settings),
            asyncio.gather(*(_refresh(session, settings, c) for c in settings.google_clients)),
        )
    first = replies[0]
    clients = [
        judge_client(f"oauth client {number}" if number > 1 else "oauth client", number, reply)
        for number, reply in enumerate(replies, start=1)
    ]
    return [judge_reach(first), judge_clock(first), *clients, judge_device(device)]


async def _refresh(
    session: aiohttp.ClientSession, settings: Settings, client: GoogleClient
) -> Reply:
    form = {
        "client_id": client.id,
        "client_secret": client.secret.get_secret_value(),
        "grant_type": "refresh_token",
        "refresh_token": f"1//0{secrets.token_urlsafe(48)}",
    }
    return await _reply(session, settings.google_token_uri, form)


async def _ask_for_code(session: aiohttp.ClientSession, settings: Settings) -> Reply | None:
    """Nobody is shown the code, and it lapses unused."""
    if settings.google_oauth_flow != "device":
        return None
    form = {"client_id": settings.google_clients[0].id, "scope": DRIVE_FILE_SCOPE}
    return await _reply(session, settings.google_device_uri, form)


async def _reply(session: aiohttp.ClientSession, address: str, form: dict[str, str]) -> Reply:
    try:
        return await ask(session, "POST", address, form)
    except Unreachable as nothing:
        return nothing


def judge_reach(reply: Reply) -> Finding:
    """Whether it is Google that answers."""
    name = "google"
    if isinstance(reply, Unreachable):
        return failed(name, f"Google {reply}.", "Let this machine reach Google by https.")
    if reply.is_fault:
        says = f"Google answers with a fault of its own ({reply.status})."
        return warning(name, says, "It passes by itself: try again later.")
    if _error(reply) is None:
        says = f"What answers in Google's place ({reply.status}) does not speak as Google does."
        return failed(name, says, "Look for a proxy or captive portal, and at GOOGLE_TOKEN_URI.")
    return ok(name, "Google's token endpoint answers.")


def judge_clock(reply: Reply) -> Finding:
    """This machine's clock against the time in Google's answer. Tokens live by it."""
    name = "clock"
    if isinstance(reply, Unreachable) or reply.ahead_seconds is None:
        return skipped(name, "Google has told no time to compare with.")
    ahead = reply.ahead_seconds
    if abs(ahead) <= _CLOCK_WARNING_SECONDS:
        return ok(name, f"This machine's clock agrees with Google's (within {abs(ahead):.0f} s).")
    says = f"This machine's clock is {abs(ahead):,.0f} seconds "
    says += "ahead of Google's." if ahead > 0 else "behind Google's."
    do = "Set the clock (timedatectl set-ntp true, or chrony): tokens are refreshed by it."
    return (failed if abs(ahead) > _CLOCK_FAILED_SECONDS else warning)(name, says, do)


def judge_client(name: str, number: int, reply: Reply) -> Finding:
    """What the answer to the made-up token says of the client."""
    error = None if isinstance(reply, Unreachable) or reply.is_fault else _error(reply)
    if error is None:
        return skipped(name, "Google gave no answer to judge it by.")
    if error == "invalid_grant":
        says = "Google accepts the client (it refused a made-up token, and only that)."
        return ok(name, says)
    variables = "GOOGLE_CLIENT_ID and GOOGLE_CLIENT_SECRET" if number == 1 else "it"
    where = "" if number == 1 else f" It is pair {number - 1} of GOOGLE_OTHER_CLIENTS."
    says = f"Google {_BAD.get(error, 'refuses the client')} ({error}).{where}"
    do = f"Compare {variables} with the console (Google Auth Platform, Clients); no quotes around."
    return failed(name, says, do)


def judge_device(reply: Reply | None) -> Finding:
    """Whether the client's type is the one that the device flow wants."""
    name = "device flow"
    if reply is None:
        return skipped(name, "GOOGLE_OAUTH_FLOW is another.")
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
