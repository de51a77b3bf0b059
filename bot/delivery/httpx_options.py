"""How httpx, python-telegram-bot's client, is told of proxy and authorities."""

from __future__ import annotations

from typing import Any

import httpx

from security.google.network import Network


def httpx_options(network: Network, address: str) -> dict[str, Any]:
    """For a client of Telegram's server at this address, and of no other."""
    proxy = network.proxy_for(address)
    return {
        "verify": network.tls,
        "proxy": None if proxy is None else httpx.Proxy(proxy.address, headers=proxy.headers),
        "trust_env": False,
    }
