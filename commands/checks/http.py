"""One request, and why it came to nothing: never an exception's text, which may hold the address.

The bot's token is a part of every address at Telegram.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final

import aiohttp

from security.google.answers import json_object
from security.google.connection_faults import connection_fault
from security.google.network import Network

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


class Asker:
    """Asks as the bot does: by the same proxy, and believing the same authorities.

    Short time-outs, no redirects, nothing kept.
    """

    def __init__(self, network: Network) -> None:
        self._network = network
        self._session = network.session(aiohttp.ClientTimeout(total=TIMEOUT_SECONDS))

    async def __aenter__(self) -> Asker:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def ask(self, method: str, address: str, form: dict[str, str] | None = None) -> Answer:
        """The answer, whatever it says.

        Raises:
            Unreachable: there was none.
        """
        asked = time.time()
        try:
            async with self._session.request(
                method,
                address,
                data=form,
                allow_redirects=False,
                **self._network.through(address),
            ) as response:
                body = await _beginning(response)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            reason = reason_of(error)
        else:
            # The server wrote its time down some time between the question and the answer.
            ahead = _ahead((asked + time.time()) / 2, response.headers.get("Date"))
            return Answer(response.status, json_object(body), response.headers.get("Allow"), ahead)
        raise Unreachable(reason)  # not beside its cause: that may hold the address


async def _beginning(response: aiohttp.ClientResponse) -> bytes:
    try:
        return await response.content.readexactly(_MOST)
    except asyncio.IncompleteReadError as whole:
        return whole.partial


def _ahead(here: float, date: str | None) -> float | None:
    try:
        there = parsedate_to_datetime(date or "")
    except ValueError:
        return None
    there = there if there.tzinfo else there.replace(tzinfo=UTC)
    # It counts whole seconds: half of one is the best guess at the rest.
    return (datetime.fromtimestamp(here, UTC) - there).total_seconds() - 0.5


_REASONS: Final = {
    "dns": "has a name that could not be found (DNS, the network)",
    "timeout": f"did not answer within {TIMEOUT_SECONDS} seconds (network, firewall, proxy?)",
    "proxy_refused": "was not asked: the proxy (HTTPS_PROXY) refuses to lead there",
    "certificate": (
        "has a certificate that is not accepted "
        "(a proxy in between, whose authority SSL_CERT_FILE has to name; the clock?)"
    ),
    "tls": "speaks no TLS that could be understood (a proxy in between?)",
    "broken": "broke the connection",
}


def reason_of(error: Exception) -> str:
    """Why there was no answer, as the text of `Unreachable`."""
    fault = connection_fault(error)
    if fault is None and isinstance(error, TimeoutError):
        fault = "timeout"
    if fault is None and isinstance(error, ValueError):
        return "has an address that cannot be used"
    return _REASONS.get(fault or "broken", "took no connection (network, firewall, proxy?)")
