"""Why a connection came to nothing, as one word for the log: never an address, never a text.

With a proxy, what is said of names, refusals and ways is said of the proxy's.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Final

from security.errors import CustodyError, TransientFault

# By name: the core knows not every library that fronts use.
_BY_NAME: Final = {
    **dict.fromkeys(("ProxyRefused", "ProxyError", "ClientHttpProxyError"), "proxy_refused"),
    # Of aiohttp; of httpx and httpcore; of http.client.
    **dict.fromkeys(("ServerDisconnectedError", "ClientPayloadError"), "broken"),
    **dict.fromkeys(("ReadError", "WriteError", "RemoteProtocolError"), "broken"),
    **dict.fromkeys(("RemoteDisconnected", "IncompleteRead", "BadStatusLine"), "broken"),
}
_BY_KIND: Final = (  # the first that fits: a subclass stands before its base
    (socket.gaierror, "dns"),
    (ssl.SSLCertVerificationError, "certificate"),
    ((ssl.SSLEOFError, ssl.SSLZeroReturnError), "broken"),
    (ssl.SSLError, "tls"),
    (ConnectionRefusedError, "refused"),
    (TimeoutError, "timeout"),
    (ConnectionError, "broken"),
)
_LIBRARIES: Final = ("aiohttp", "httpx", "httpcore", "httplib2", "http.client", "ssl", "telegram")
_UNREACHABLE: Final = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


def connection_fault(error: BaseException) -> str | None:
    """One of `schema.CONNECTION_FAULTS`; None: no fault of a connection, or no known one."""
    chain = list(_chain(error))
    if not any(_is_of_a_client(link) for link in chain):
        return None  # of a file, say, or of a lock
    # The innermost says most: a library's own comes out of the system's.
    return next(filter(None, map(_kind, reversed(chain))), None)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: list[BaseException] = []
    waiting = [error]
    while waiting and len(seen) < 16:
        link = waiting.pop(0)
        if link in seen:
            continue
        seen.append(link)
        yield link
        if isinstance(link, BaseExceptionGroup):  # of several addresses of one name
            waiting += link.exceptions
        inner = link.__cause__ or link.__context__
        # httpcore raises its own once more "from None", which takes their causes from them.
        shown = link.__cause__ or not link.__suppress_context__ or _is_of_a_client(link)
        if inner is not None and shown:
            waiting.append(inner)


def _is_of_a_client(link: BaseException) -> bool:
    if isinstance(link, CustodyError):
        return isinstance(link, TransientFault) and link.code in ("unavailable", "timeout")
    return type(link).__module__.startswith(_LIBRARIES)


def _kind(link: BaseException) -> str | None:
    if (word := _BY_NAME.get(type(link).__name__)) is not None:
        return word
    if isinstance(link, OSError) and link.errno in _UNREACHABLE:
        return "unreachable"
    return next((word for kind, word in _BY_KIND if isinstance(link, kind)), None)
