"""Addresses among the settings: which of them may speak plain http, and to whom."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Final
from urllib.parse import urlsplit

from config.values import ONE_WORD, of_text

_PATH = re.compile(r"[A-Za-z0-9/._~-]*")
_HOST = re.compile(r"[A-Za-z0-9_.-]{1,253}")
_NUMERIC = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*")
_BOT_IN_PATH = re.compile(r"/(file/)?bot[^/]*(/|$)", re.IGNORECASE)

CALLBACK_PATH: Final = "/api/auth/google/callback"
_TAKEN_PATHS: Final = frozenset({"/healthz", CALLBACK_PATH})


def _any_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        known = parts.scheme in ("https", "http") and parts.port != 0
        known = known and _is_host(parts.hostname or "")
    except ValueError:  # its text may repeat the value
        known = False
    if not known or not ONE_WORD.fullmatch(value) or "\\" in value:
        raise ValueError("must be an address that begins with https://")
    if "@" in parts.netloc or "?" in value or "#" in value:
        raise ValueError("must be a plain address, without user, query or fragment")
    return value.rstrip("/")


def _is_host(host: str) -> bool:
    """Whether it is an IP address, or a name: https://www.rfc-editor.org/rfc/rfc1123#section-2.1.

    Raises:
        UnicodeError: it has an empty label, or one that is too long.
    """
    try:
        ipaddress.ip_address(host)
    except ValueError:
        name = host.removesuffix(".").encode("idna").decode("ascii")
        # Some take numbers in other spellings for addresses, which nobody has looked at.
        return bool(_HOST.fullmatch(name)) and not _NUMERIC.fullmatch(name.rpartition(".")[2])
    return True


def _telegrams_address(value: str) -> str:
    address = _private_address(value)
    if _BOT_IN_PATH.search(urlsplit(address).path):
        raise ValueError("must end before /bot: that and the token are put behind it")
    return address


def _private_address(value: str) -> str:
    address = _any_address(value)
    parts = urlsplit(address)
    host = parts.hostname or ""
    if parts.scheme == "http" and "." in host and not _is_private(host):
        raise ValueError("must begin with https:// (plain http is for private networks only)")
    return address


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def _webhook_address(value: str) -> str:
    address = _private_address(value)
    path = urlsplit(address).path
    if not _PATH.fullmatch(path):
        raise ValueError("must have a path of plain characters: A-Z a-z 0-9 / . _ ~ -")
    if path in _TAKEN_PATHS:
        raise ValueError("must have another path: this one the bot serves already")
    return address


def is_for_telegrams_cloud(address: str) -> bool:
    """Whether Telegram's cloud takes it as a webhook: https://core.telegram.org/bots/webhooks."""
    parts = urlsplit(address)
    return parts.scheme == "https" and (parts.port or 443) in (443, 80, 88, 8443)


def _address(value: str) -> str:
    address = _any_address(value)
    parts = urlsplit(address)
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must begin with https:// (plain http is for this machine itself only)")
    return address


def _public_address(value: str) -> str:
    address = _address(value)
    path = urlsplit(address).path
    if CALLBACK_PATH in path:
        raise ValueError(f"must end before {CALLBACK_PATH}: that is put behind it")
    if not _PATH.fullmatch(path):
        raise ValueError("must have a path of plain characters, or better none")
    return address


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


Address = Annotated[str, of_text(_address)]
PublicAddress = Annotated[str, of_text(_public_address)]
# A local Bot API server speaks plain http, often from the container next door.
ServerAddress = Annotated[str, of_text(_telegrams_address)]
# It also brings updates over plain http.
WebhookAddress = Annotated[str, of_text(_webhook_address)]
