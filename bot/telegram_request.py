"""Requests to Telegram over aiohttp: python-telegram-bot's own by httpx cost a multiple.

`make bench-telegram` says how much.

The address of each holds the bot's token, so no text of an error made here holds an address.
"""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from typing import Final
from urllib.parse import urlencode, urlsplit
from urllib.request import getproxies, proxy_bypass
from weakref import WeakSet

import aiohttp
import httpx
from aiohttp.abc import AbstractStreamWriter
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.payload import Payload
from aiohttp.tracing import Trace
from telegram._utils.defaultvalue import DefaultValue
from telegram._utils.types import ODVInput
from telegram.error import NetworkError, TimedOut
from telegram.request import BaseRequest, RequestData

from bot.tls import tls_context

_KEPT_SECONDS: Final = 5  # httpx's, for a connection that nobody uses
_FORM: Final = "application/x-www-form-urlencoded"


class Unanswered(TimedOut):
    """Telegram had all of the request, and did not answer in time: it may have done as asked."""


class TelegramRequest(BaseRequest):
    """What `telegram.request.HTTPXRequest` is, to whoever calls it. Makes no connection as yet."""

    def __init__(
        self,
        connection_pool_size: int = 256,
        read_timeout: float | None = 5,
        write_timeout: float | None = 5,
        connect_timeout: float | None = 5,
        pool_timeout: float | None = 1,
        media_write_timeout: float | None = 20,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """
        Args:
            connection_pool_size: how many requests go on at once; others wait.
            read_timeout: seconds for Telegram to send something of its answer.
            write_timeout: seconds for it to take a piece of the request.
            connect_timeout: seconds for a connection, TLS and a proxy's consent included.
            pool_timeout: seconds to wait for other requests to end.
            media_write_timeout: instead of `write_timeout`, for requests with files.
            tls: instead of the one that trusts the usual authorities.
        """
        self._pool_size = connection_pool_size
        self._read, self._connect, self._pool = read_timeout, connect_timeout, pool_timeout
        self._write, self._media_write = write_timeout, media_write_timeout
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None
        self._slots: asyncio.Semaphore
        self._proxy_to: Callable[[str], str | None]

    @property
    def read_timeout(self) -> float | None:
        """Seconds; of a request that says nothing else."""
        return self._read

    async def initialize(self) -> None:
        """Open for requests, also once more after `shutdown`."""
        if self._session is not None:
            return
        # aiohttp's own limit and its time-out for a connection would be one: these are two.
        self._slots = asyncio.Semaphore(self._pool_size)
        # `trust_env` would ask a thread about proxies and .netrc at every request.
        self._proxy_to = cache(_proxy_to)
        self._session = aiohttp.ClientSession(
            connector=_Connector(
                limit=0, keepalive_timeout=_KEPT_SECONDS, ssl=self._tls or tls_context()
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": self.USER_AGENT},
        )

    async def shutdown(self) -> None:
        """Close all connections; what is under way ends with `NetworkError`."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def do_request(
        self,
        url: str,
        method: str,
        request_data: RequestData | None = None,
        read_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,
        write_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,
        connect_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,
        pool_timeout: ODVInput[float] = BaseRequest.DEFAULT_NONE,
    ) -> tuple[int, bytes]:
        """As the base class.

        Raises:
            telegram.error.TimedOut: as `Unanswered` where the request has been sent.
            telegram.error.NetworkError: whatever else has happened on the way.
            RuntimeError: not initialised, or shut down.
        """
        session = self._session
        if session is None:
            raise RuntimeError("This TelegramRequest is not initialized!")
        slots = self._slots
        await _take(slots, _chosen(pool_timeout, self._pool))
        body: _Body | None = None
        try:
            if request_data is not None and (body := _body_of(request_data)) is not None:
                usual = self._write if body.content_type == _FORM else self._media_write
                body.piece_seconds = _chosen(write_timeout, usual)
            async with session.request(
                method,
                url,
                data=body,
                proxy=self._proxy_to(url[: url.find("/", 8)]),  # of its scheme and host
                allow_redirects=False,
                skip_auto_headers=() if body else ("Content-Type",),
                timeout=_timeouts(
                    _chosen(connect_timeout, self._connect), _chosen(read_timeout, self._read)
                ),
            ) as response:
                return response.status, await response.read()
        except aiohttp.SocketTimeoutError as error:
            raise (Unanswered if body is None or body.is_sent else TimedOut)() from error
        except TimeoutError as error:  # for a connection, or in the middle of sending
            raise TimedOut from error
        except Exception as error:  # the library would show it, and aiohttp's show the address
            raise NetworkError(f"aiohttp: {type(error).__name__}") from error
        finally:
            slots.release()


class _Body(Payload):
    """What a request says, piece by piece: aiohttp itself waits for ever for one to be taken."""

    _autoclose = True  # the files are their owners'

    def __init__(self, pieces: Iterable[bytes], content_type: str, size: int | None) -> None:
        super().__init__(pieces, content_type=content_type)
        self._size = size
        self.piece_seconds: float | None = None
        self.is_sent = False

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """As the base class."""
        return b"".join(self._value).decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """As the base class; a TimeoutError ends the request."""
        for piece in self._value:
            async with asyncio.timeout(self.piece_seconds):
                await writer.write(piece)
        async with asyncio.timeout(self.piece_seconds):
            await writer.drain()
        # Handed to the operating system, but for 64 KiB at most that it has no room for. It has
        # room for a message: on this connection everything before has been answered.
        self.is_sent = True


class _Connector(aiohttp.TCPConnector):
    """Sends no request into a kept connection that the other side has closed, if that is known.

    aiohttp drops a connection whose end the event loop has seen. Where the loop was busy when it
    came, the socket knows more: whatever is to be read there between requests is the end. Asked
    as httpx does, since a POST must not be sent twice, and would be lost.
    """

    def __init__(self, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type]
        self._used: WeakSet[ResponseHandler] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the base class's
    ) -> Connection:
        """As the base class."""
        connection = await super().connect(req, traces, timeout)
        while connection.protocol in self._used and _has_ended(connection):
            connection.close()
            connection = await super().connect(req, traces, timeout)
        if connection.protocol is not None:
            self._used.add(connection.protocol)
        return connection


def _has_ended(connection: Connection) -> bool:
    if connection.transport is None:
        return True
    poll = select.poll()
    poll.register(connection.transport.get_extra_info("socket"), select.POLLIN)
    return bool(poll.poll(0))


def _body_of(data: RequestData) -> _Body | None:
    files, fields = data.multipart_data, data.json_parameters
    if files:  # httpx knows how files are named; seldom enough that its price does not matter
        made = httpx.Request("POST", "http://localhost", data=fields, files=files)
        length = made.headers.get("Content-Length")
        return _Body(
            made.stream,  # type: ignore[arg-type]
            made.headers["Content-Type"],
            None if length is None else int(length),
        )
    if not fields:
        return None
    form = urlencode(fields).encode()  # aiohttp's own encoder is made for files as well, and slow
    return _Body((form,), _FORM, len(form))


async def _take(slots: asyncio.Semaphore, seconds: float | None) -> None:
    try:
        if slots.locked():
            async with asyncio.timeout(seconds):
                await slots.acquire()
        else:
            await slots.acquire()
    except TimeoutError as error:
        raise TimedOut("Pool timeout: all connections are busy; nothing was sent") from error


def _chosen(value: ODVInput[float], usual: float | None) -> float | None:
    return usual if isinstance(value, DefaultValue) else value


@lru_cache(64)
def _timeouts(connect: float | None, read: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect, sock_read=read)


def _proxy_to(origin: str) -> str | None:
    """The environment's, as httpx finds it: HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY."""
    parts, proxies = urlsplit(origin), getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or proxy_bypass(parts.netloc):
        return None
    proxy = proxy if "://" in proxy else f"http://{proxy}"
    if not proxy.startswith(("http://", "https://")):
        raise ValueError("neither an http proxy nor an https one")
    return proxy
