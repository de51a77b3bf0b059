"""One request, and why it came to nothing: never an exception's text, which may hold the address.

The bot's token is a part of every address at Telegram.
"""

from __future__ import annotations

import json
import socket
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp

TIMEOUT_SECONDS: Final = 5
_MOST: Final = 64 * 1024


class Unreachable(Exception):
    """There was no answer. The text is a clause without subject: "did not answer within …"."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    document: dict[str, Any] | None
    """The body, where it is one JSON object."""
    allow: str | None
    """The methods that the address knows (RFC 9110 §10.2.1)."""
    ahead_seconds: float | None
    """How far this machine's clock is ahead of the server's; None: the server told no time."""

    @property
    def is_fault(self) -> bool:
        """Whether the server has a fault of its own, or had no time."""
        return self.status in (408, 425, 429) or self.status >= 500


def new_session(*, trust_env: bool) -> aiohttp.ClientSession:
    """Short time-outs, no redirects, nothing kept.

    Args:
        trust_env: use the environment's proxy, as the bot does for Telegram and not for Google.
    """
    return aiohttp.ClientSession(
        timeout=aiohttp.ClientTimeout(total=TIMEOUT_SECONDS),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=trust_env,
    )


async def ask(
    session: aiohttp.ClientSession, method: str, address: str, form: dict[str, str] | None = None
) -> Answer:
    """The answer, whatever it says.

    Raises:
        Unreachable: there was none.
    """
    asked = time.time()
    try:
        async with session.request(method, address, data=form, allow_redirects=False) as response:
            body = await _beginning(response)
            headers, status = response.headers, response.status
    except (aiohttp.ClientError, OSError, ValueError) as error:
        reason = _reason(error)
    else:
        # The server wrote its time down some time between the question and the answer.
        here = (asked + time.time()) / 2
        return Answer(
            status, _object(body), headers.get("Allow"), _ahead(here, headers.get("Date"))
        )
    raise Unreachable(reason)


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for piece in response.content.iter_any():
        body += piece
        if len(body) > _MOST:
            break
    return bytes(body)


def _object(body: bytes) -> dict[str, Any] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _ahead(here: float, date: str | None) -> float | None:
    try:
        there = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    there = there if there.tzinfo else there.replace(tzinfo=UTC)
    # It counts whole seconds: half of one is the best guess at the rest.
    return (datetime.fromtimestamp(here, UTC) - there).total_seconds() - 0.5


def _reason(error: Exception) -> str:
    match error:
        case TimeoutError():
            return f"did not answer within {TIMEOUT_SECONDS} seconds (network, firewall, proxy?)"
        case aiohttp.ClientSSLError():
            return "has a certificate that is not accepted (a proxy in between, the clock?)"
        case aiohttp.ClientConnectorDNSError():
            return "has a name that could not be found (DNS, the network)"
        case aiohttp.ClientConnectorError(os_error=socket.gaierror()):
            return "has a name that could not be found (DNS, the network)"
        case aiohttp.ClientConnectorError():
            return "took no connection (network, firewall, proxy?)"
        case aiohttp.InvalidURL() | ValueError():
            return "has an address that cannot be used"
        case _:
            return "broke the connection"
