"""Connections to Google: authorised by the custodian's tokens, and kept open for the next call."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, partial
from http.client import HTTPConnection, HTTPResponse, NotConnected
from typing import Any, Final
from urllib.parse import urlsplit

import google_auth_httplib2
import httplib2
from google.auth import _helpers
from google.oauth2.credentials import Credentials
from pydantic import SecretStr

from drive.errors import NotRenewed
from security.credential import Credential
from security.errors import ConsentRequired, TransientFault
from security.google import sockets
from security.google.bounded import MOST_BYTES, MOST_SECONDS, BoundedResponse
from security.google.network import DIRECT, Network

_TIMEOUT_SECONDS: Final = 30


@dataclass(frozen=True, slots=True)
class AccessToken:
    """What opens a Drive for a while; whose that is does not matter here."""

    value: SecretStr
    expires_at: datetime | None
    """None: not known; Google's 401 will tell."""

    @classmethod
    def of(cls, credential: Credential) -> AccessToken:
        """The access token of a credential.

        Raises:
            ConsentRequired: the credential has none.
        """
        if credential.access_token is None or credential.expires_at is None:
            raise ConsentRequired("not connected", code="not_connected")
        return cls(credential.access_token, credential.expires_at)


TokenSource = Callable[[SecretStr | None], AccessToken]
"""From the token Google rejected (None: it rejected none, one is due) to one that serves."""
Admit = Callable[[Callable[[float], object]], None]
"""Returns once a piece of a request may go out; given what waits so many seconds, or raises."""


class ProxyRefused(OSError):
    """The proxy opened no tunnel: it does not want to, or not without another password."""


class Http(httplib2.Http):  # type: ignore[misc]
    """Connections to Google; one thread at a time may use them, and any may cut them.

    httplib2's own class takes its proxy and its authorities from the environment, by rules of its
    own, and its proxies want PySocks, without which https silently goes past them.
    """

    def __init__(self, network: Network = DIRECT, admit: Admit = lambda pause: None) -> None:
        super().__init__(timeout=_TIMEOUT_SECONDS, proxy_info=None)
        self._admit = admit
        # Drive's uploads mean something else by 308: as `googleapiclient.http.build_http`.
        self.redirect_codes = httplib2.REDIRECT_CODES - {308}
        self._network = network
        self._is_cut = False
        self.most_bytes, self.most_seconds = MOST_BYTES, MOST_SECONDS
        """That an answer may have."""

    def request(self, uri: str, *args: Any, **options: Any) -> tuple[httplib2.Response, bytes]:
        """Ask over the network's own connections; redirects are followed through here as well.

        Raises:
            ConnectionAbortedError: cut.
        """
        is_tls = uri.startswith("https:")
        options["connection_type"] = _connection_over(self._network) if is_tls else _Connection
        answer: tuple[httplib2.Response, bytes] = super().request(uri, *args, **options)
        return answer

    def _conn_request(self, conn: Any, *args: Any) -> tuple[httplib2.Response, bytes]:
        conn.admit = self._admit
        conn.response_class = partial(
            BoundedResponse, most_bytes=self.most_bytes, most_seconds=self.most_seconds
        )
        # Here httplib2 has made the connection, which `cut` has found, or has been called before.
        if self._is_cut:
            raise ConnectionAbortedError("cut")
        answer: tuple[httplib2.Response, bytes] = super()._conn_request(conn, *args)
        return answer

    def _auth_from_challenge(self, *_: Any) -> tuple[()]:
        return ()  # httplib2 raises where a 401 says "Bearer" and no more, as RFC 9110 lets it

    def cut(self) -> None:
        """End what is under way, from another thread; nothing more is asked before `close`."""
        self._is_cut = True
        for connection in tuple(self.connections.values()):
            connection.cut()

    @property
    def sent(self) -> int:
        """How many bytes these connections have given to the system, heads of requests too."""
        return sum(connection.sent for connection in tuple(self.connections.values()))

    def unacknowledged(self) -> int | None:
        """How many of those Google does not have yet, for all that is known. From any thread.

        None: nobody knows: the system does not say, a proxy is in between, nothing is connected.
        """
        counts = [connection.unacknowledged() for connection in tuple(self.connections.values())]
        known = [count for count in counts if count is not None]
        return sum(known) if known and len(known) == len(counts) else None

    def close(self) -> None:
        """Close the connections; what is asked for from here on opens new ones."""
        super().close()
        self._is_cut = False


class _Reachable(HTTPConnection):
    """The standard library's connection, whose socket another thread may cut in all it does."""

    def __init__(self, *args: Any, **options: Any) -> None:
        HTTPConnection.__init__(self, *args, **options)
        self._create_connection = self._open
        self.admit: Admit = lambda pause: None
        self.through_proxy = False
        """Which acknowledges for itself, whatever it holds."""
        self.sent = 0
        """Bytes that the system took."""
        self._is_cut = False
        self._answering: socket.socket | None = None
        """From which the last answer comes: where the server closes after it, the standard library
        has given the socket away by then, and has none any more itself.
        """
        self._reaching = threading.Lock()
        """Held, the number of the socket is no other's by now."""

    def cut(self) -> None:
        """Wake who waits on it, at once; it cannot be opened again."""
        with self._reaching:
            self._is_cut = True
            for found in (self.sock, self._answering):
                if found is not None:
                    sockets.cut(found)

    def getresponse(self) -> HTTPResponse:
        """The head of the answer."""
        self._answering = self.sock
        return super().getresponse()

    def send(self, data: Any) -> None:
        """Send bytes; each step of that may take as long as the time-out."""
        if self.sock is None:  # httplib2 connects first
            raise NotConnected
        rest = memoryview(data)
        while rest:
            self.admit(self._pause)
            count = self.sock.send(rest)
            self.sent += count
            rest = rest[count:]

    def _pause(self, seconds: float) -> None:
        time.sleep(seconds)
        if self._is_cut:
            raise ConnectionAbortedError("cut")

    def unacknowledged(self) -> int | None:
        """How many bytes the other side does not have yet; None: that cannot be told."""
        with self._reaching:
            if self.sock is None or self.through_proxy:
                return None
            return sockets.unacknowledged(self.sock)

    def close(self) -> None:
        """Close it; it can be opened again, unless it was cut."""
        with self._reaching:
            HTTPConnection.close(self)

    def _open(self, address: tuple[str, int], timeout: float | None, _: object) -> socket.socket:
        try:
            opened = sockets.connect(address, timeout, self._show)
        except BaseException:
            self.close()  # a retry must not find half a connection
            raise
        sockets.keep_little_waiting(opened)
        return opened

    def _show(self, opened: socket.socket) -> None:
        with self._reaching:
            if self._is_cut:
                raise ConnectionAbortedError("cut")
            self.sock = opened


class _Connection(_Reachable, httplib2.HTTPConnectionWithTimeout):  # type: ignore[misc]
    """To this machine or its private network; the base class is there for httplib2 to know it."""

    def __init__(self, authority: str, *, timeout: float | None = None, **_: object) -> None:
        """
        Args:
            authority: host, and port where it is another than 80.
            timeout: in seconds; for each step.
        """
        _Reachable.__init__(self, authority, timeout=timeout)

    def connect(self) -> None:
        """Open the connection."""
        HTTPConnection.connect(self)


@cache
def _connection_over(network: Network) -> type[_SecureConnection]:
    """httplib2 wants a class, and makes its objects."""
    return type("_ConnectionOverNetwork", (_SecureConnection,), {"network": network})


class _SecureConnection(_Reachable, httplib2.HTTPSConnectionWithTimeout):  # type: ignore[misc]
    """Over TLS; the base class is there to be recognised by httplib2."""

    network = DIRECT

    def __init__(self, authority: str, *, timeout: float | None = None, **_: object) -> None:
        """
        Args:
            authority: host, and port where it is another than 443.
            timeout: in seconds; for each step.
        """
        proxy = self.network.proxy_for(f"https://{authority}")
        if proxy is None:
            _Reachable.__init__(self, authority, timeout=timeout)
        else:
            _Reachable.__init__(self, proxy.host, proxy.port, timeout=timeout)
            parts = urlsplit(f"//{authority}")
            self.through_proxy = True
            self.set_tunnel(parts.hostname or "", parts.port or 443, proxy.headers)

    def connect(self) -> None:
        """Open the connection, through the proxy where there is one.

        Raises:
            ProxyRefused: the proxy opened no tunnel.
        """
        try:
            HTTPConnection.connect(self)
            # In two steps: while the standard library shakes hands, its socket cannot be reached.
            name = self._tunnel_host or self.host
            secure = self.network.tls.wrap_socket(
                self.sock, server_hostname=name, do_handshake_on_connect=False
            )
            self._show(secure)
            secure.do_handshake()
        except BaseException as error:
            self.close()
            # The standard library's for that alone; its text holds what the proxy said.
            if self._tunnel_host and type(error) is OSError and error.errno is None:
                raise ProxyRefused("the proxy opened no tunnel") from None
            raise


def authorized(tokens: TokenSource, http: httplib2.Http) -> google_auth_httplib2.AuthorizedHttp:
    """`http`, with an access token from `tokens` in each request: it is nobody's by itself."""
    first = tokens(None)

    def handler(request: Any, scopes: Any) -> tuple[str, datetime | None]:
        # google-auth asks either because the time is over or because Google answered 401.
        rejected = None if credentials.expired else SecretStr(str(credentials.token))
        try:
            return _for_google(tokens(rejected))
        except TransientFault as fault:
            raise NotRenewed(str(fault), code=fault.code, retry_after=fault.retry_after) from fault

    token, expiry = _for_google(first)
    credentials = Credentials(token=token, expiry=expiry, refresh_handler=handler)  # type: ignore[no-untyped-call]
    return google_auth_httplib2.AuthorizedHttp(credentials, http=http)


def _for_google(token: AccessToken) -> tuple[str, datetime | None]:
    """Token and expiry as google-auth wants them: naive UTC.

    google-auth takes a token for expired some minutes early, and refuses one with less left. The
    custodian keeps the lead, so that threshold is added here and cancels out.
    """
    expiry = token.expires_at
    if expiry is not None:
        expiry = expiry.astimezone(UTC).replace(tzinfo=None) + _helpers.REFRESH_THRESHOLD
    return token.value.get_secret_value(), expiry
