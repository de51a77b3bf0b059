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
_PROXY_REFUSED: Final = frozenset({"ProxyRefused", "ProxyError", "ClientHttpProxyError"})
_BROKEN: Final = frozenset(
    {
        *("ServerDisconnectedError", "ClientPayloadError"),  # aiohttp
        *("ReadError", "WriteError", "RemoteProtocolError"),  # httpx, httpcore
        *("RemoteDisconnected", "IncompleteRead", "BadStatusLine"),  # http.client
    }
)
_LIBRARIES: Final = ("aiohttp", "httpx", "httpcore", "httplib2", "http.client", "ssl", "telegram")
_UNREACHABLE: Final = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)


def connection_fault(error: BaseException) -> str | None:
    """One of `log_schema.CONNECTION_FAULTS`; None: no fault of a connection, or no known one."""
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
    name = type(link).__name__
    if name in _PROXY_REFUSED:
        return "proxy_refused"
    match link:
        case socket.gaierror():
            return "dns"
        case ssl.SSLCertVerificationError():
            return "certificate"
        case ssl.SSLEOFError() | ssl.SSLZeroReturnError():
            return "broken"
        case ssl.SSLError():
            return "tls"
        case ConnectionRefusedError():
            return "refused"
        case TimeoutError():
            return "timeout"
        case OSError(errno=number) if number in _UNREACHABLE:
            return "unreachable"
        case ConnectionError():
            return "broken"
    return "broken" if name in _BROKEN else None
