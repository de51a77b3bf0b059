"""Requests to Telegram: python-telegram-bot's own, which also say whether they were sent.

The address of each holds the bot's token, so no text of an error made here holds an address.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any, Final

import httpx
from telegram._utils.defaultvalue import DefaultValue
from telegram._utils.types import ODVInput
from telegram.error import BadRequest, NetworkError, TelegramError, TimedOut
from telegram.request import BaseRequest, HTTPXRequest

from security.google.network import DIRECT, Network

CLOUD: Final = "https://api.telegram.org"
_SENT: Final = "drivekeeper_sent"


class Unanswered(TimedOut):
    """Telegram had all of the request, and did not answer in time: it may have done as asked."""


def surely_not_done(error: NetworkError) -> bool:
    """Whether Telegram has refused it (5xx), or never had all of it: asked again, it is done once.

    Where a connection ended without an answer nobody knows.
    """
    if isinstance(error, Unanswered | BadRequest):
        return False
    cause = error.__cause__
    if isinstance(cause, httpx.RequestError):
        return _SENT not in cause.request.extensions
    # Answered, be it with what could not be read; or there was no place for it.
    return cause is None or isinstance(cause, TelegramError) or isinstance(error, TimedOut)


class TelegramRequest(HTTPXRequest):
    """python-telegram-bot's client, whose errors tell "no answer came" from "never sent".

    Given up at the wrong moment, or after TLS has failed behind a proxy, a request keeps its place
    in httpcore's pool for ever. So the places are counted here, and the pool of a request that came
    to nothing takes no new ones; it is closed after its last.
    """

    def __init__(
        self,
        network: Network = DIRECT,
        address: str = CLOUD,
        *,
        admit: Callable[[], Awaitable[None]] | None = None,
        connection_pool_size: int = 256,
        pool_timeout: float | None = 1,
        **options: Any,
    ) -> None:
        """
        Args:
            network: how Telegram is reached.
            address: of the server that is asked; no other may be.
            admit: waited for before a request's first byte goes out.
            connection_pool_size: how many requests go on at once; others wait.
            pool_timeout: seconds to wait for other requests to end.
            options: `HTTPXRequest`'s. Times are in seconds; `write_timeout` is for each piece.
        """
        super().__init__(
            **options,
            httpx_kwargs={
                **httpx_options(network, address),
                "limits": httpx.Limits(),
                "event_hooks": {"request": [partial(_watch, admit or _at_once)]},
                # What Telegram might ask to be remembered is of no use to anybody.
                "cookies": CookieJar(DefaultCookiePolicy(allowed_domains=())),
            },
        )
        self._places = asyncio.Semaphore(connection_pool_size)
        self._patience = pool_timeout
        self._unfinished: set[asyncio.Timeout] = set()
        self._users: Counter[httpx.AsyncClient] = Counter()
        """How many requests each client has under way."""
        self._closing: set[asyncio.Task[None]] = set()
        self._was_used, self._is_empty = False, True

    async def close_idle(self) -> None:
        """Give back connections that nobody has used since this was called last.

        httpx looks at their age when the next request is made, and no sooner.
        """
        client, was_used, self._was_used = self._client, self._was_used, False
        if was_used or self._is_empty or self._users[client] or client.is_closed:
            return
        self._client, self._is_empty = self._build_client(), True
        await client.aclose()

    async def shutdown(self) -> None:
        """Close all connections; what is under way or waits for its turn ends with NetworkError."""
        for request in self._unfinished:
            request.reschedule(0)
        for client in (*self._users,):
            await client.aclose()
        await asyncio.gather(*self._closing)
        await super().shutdown()

    async def do_request(
        self, *args: Any, pool_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE, **kwargs: Any
    ) -> tuple[int, bytes]:
        """As the base class.

        Raises:
            telegram.error.TimedOut: as `Unanswered` where the request has been sent.
            telegram.error.NetworkError: whatever else has happened on the way.
            RuntimeError: shut down.
        """
        if self._client.is_closed:
            raise RuntimeError("This TelegramRequest is not initialized!")
        patience = self._patience if isinstance(pool_timeout, DefaultValue) else pool_timeout
        try:
            async with asyncio.timeout(None) as until_shutdown:
                self._unfinished.add(until_shutdown)
                try:
                    await self._take_place(patience)
                    try:
                        return await self._ask(*args, **kwargs)
                    finally:
                        self._places.release()
                finally:
                    self._unfinished.discard(until_shutdown)
        except TimeoutError as error:
            raise NetworkError("shut down") from error

    async def _take_place(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds if self._places.locked() else None):
                await self._places.acquire()
        except TimeoutError as error:
            raise TimedOut("Pool timeout: all connections are busy; nothing was sent") from error

    async def _ask(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        client = self._client
        self._users[client] += 1
        self._was_used, self._is_empty = True, False
        try:
            return await super().do_request(*args, **kwargs)
        except BaseException as error:
            if client is self._client and not client.is_closed:
                self._client = self._build_client()
            if isinstance(error, Exception):
                raise _told(error) from _cause_of(error)
            raise
        finally:
            self._users[client] -= 1
            if not self._users[client]:
                del self._users[client]
                if client is not self._client:
                    closing = asyncio.create_task(client.aclose())
                    self._closing.add(closing)
                    closing.add_done_callback(self._closing.discard)


def httpx_options(network: Network, address: str) -> dict[str, Any]:
    """How httpx is told of proxy and authorities: for Telegram's server here, and no other."""
    proxy = network.proxy_for(address)
    return {
        "verify": network.tls,
        "proxy": None if proxy is None else httpx.Proxy(proxy.address, headers=proxy.headers),
        "trust_env": False,
    }


async def _at_once() -> None:
    """Nobody minds."""


async def _watch(admit: Callable[[], Awaitable[None]], request: httpx.Request) -> None:
    """Have httpcore tell of a request's steps: it waits for whoever says that it may go out, and
    it is noted when all of it has left.

    https://www.encode.io/httpcore/extensions/#trace. A proxy's CONNECT is traced as a part of the
    request it is for: what was sent then is not the request.
    """
    to_a_proxy = False

    async def trace(step: str, details: dict[str, Any]) -> None:
        nonlocal to_a_proxy
        if step == "http11.send_request_headers.started":
            to_a_proxy = details["request"].method == b"CONNECT"
            await admit()
        elif step == "http11.send_request_body.complete" and not to_a_proxy:
            # Handed to the operating system: nothing of it is left in this process.
            request.extensions[_SENT] = True

    request.extensions["trace"] = trace


def _cause_of(error: Exception) -> BaseException | None:
    return error.__cause__ if isinstance(error, NetworkError) else error


def _told(error: Exception) -> NetworkError:
    """Without the address, which httpx's texts may show, and the library shows those."""
    cause = _cause_of(error)
    if isinstance(cause, httpx.TimeoutException):
        was_sent = isinstance(cause, httpx.ReadTimeout) and _SENT in cause.request.extensions
        return Unanswered() if was_sent else TimedOut()
    return NetworkError(f"httpx: {type(cause).__name__}")
