"""How the outside is reached: through which proxy, and whose certificates are believed.

Every client of Telegram and Google is made with this, whatever library it is of, and reads neither
the environment nor a .netrc by itself.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp

from config import Settings
from config.network import Exemption, Proxy, trusting


@dataclass(frozen=True)
class Network:
    """One for a process. The default: no proxy, and the usual authorities."""

    proxy: Proxy | None = None
    exempt: tuple[Exemption, ...] = ()
    cert_file: Path | None = None
    cert_dir: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> Network:
        """As the settings say."""
        return cls(settings.proxy, settings.no_proxy, settings.ssl_cert_file, settings.ssl_cert_dir)

    @property
    def tls(self) -> ssl.SSLContext:
        """For every client, the same one."""
        return trusting(self.cert_file, self.cert_dir)

    def proxy_for(self, address: str) -> Proxy | None:
        """What an address is asked through; None: itself.

        Plain http is for this machine and its private network, which no proxy leads to.
        """
        if self.proxy is None:
            return None
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port or 443
        if parts.scheme != "https" or any(entry.covers(host, port) for entry in self.exempt):
            return None
        return self.proxy

    def session(self, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientSession:
        """aiohttp's client: no cookies, since what is one owner's is nothing for the next.

        Each request wants `**network.through(address)`.
        """
        return aiohttp.ClientSession(
            timeout=timeout,
            connector=aiohttp.TCPConnector(ssl=self.tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
        )

    def through(self, address: str) -> dict[str, Any]:
        """What aiohttp has to be told about the proxy at each request."""
        proxy = self.proxy_for(address)
        return {} if proxy is None else {"proxy": proxy.address, "proxy_headers": proxy.headers}


DIRECT: Final = Network()
"""No proxy, and the usual authorities."""
