"""Addresses among the settings: which of them may speak plain http, and to whom."""

from __future__ import annotations

import re
from typing import Annotated, Final
from urllib.parse import SplitResult, urlsplit

from pydantic import BeforeValidator, SecretStr

from config.values import ONE_WORD, Rule, ip_of, keeping, of_text

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
        known = known and is_host(parts.hostname or "")
    except ValueError:  # its text may repeat the value
        known = False
    if not known or not ONE_WORD.fullmatch(value) or "\\" in value:
        raise ValueError("must be an address that begins with https://")
    if "@" in parts.netloc or "?" in value or "#" in value:
        raise ValueError("must be a plain address, without user, query or fragment")
    return value.rstrip("/")


def is_host(host: str) -> bool:
    """Whether it is an IP address, or a name: https://www.rfc-editor.org/rfc/rfc1123#section-2.1.

    Raises:
        UnicodeError: it has an empty label, or one that is too long.
    """
    if ip_of(host) is not None:
        return True
    name = host.removesuffix(".").encode("idna").decode("ascii")
    # Some take numbers in other spellings for addresses, which nobody has looked at.
    return bool(_HOST.fullmatch(name)) and not _NUMERIC.fullmatch(name.rpartition(".")[2])


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself."""
    ip = ip_of(host)
    return host == "localhost" or (ip is not None and ip.is_loopback)


def _is_near(host: str) -> bool:
    """Whether `host` is in a private network; names without a dot are of the container's own."""
    ip = ip_of(host)
    return "." not in host or (ip is not None and ip.is_private)


def is_for_telegrams_cloud(address: str) -> bool:
    """Whether Telegram's cloud takes it as a webhook: https://core.telegram.org/bots/webhooks."""
    parts = urlsplit(address)
    return parts.scheme == "https" and (parts.port or 443) in (443, 80, 88, 8443)


def _address(*rules: Rule[SplitResult]) -> BeforeValidator:
    """An address whose parts keep all `rules`, without the slashes at its end."""

    def check(value: str) -> str:
        address = _any_address(value)
        keeping(*rules)(urlsplit(address))
        return address

    return of_text(check)


_PLAIN_HTTP_HERE: Final[Rule[SplitResult]] = (
    lambda parts: parts.scheme == "https" or is_loopback(parts.hostname or ""),
    "must begin with https:// (plain http is for this machine itself only)",
)
_PLAIN_HTTP_NEARBY: Final[Rule[SplitResult]] = (
    lambda parts: parts.scheme == "https" or _is_near(parts.hostname or ""),
    "must begin with https:// (plain http is for private networks only)",
)


def _alert_address(value: str) -> SecretStr:
    address, _, query = value.partition("?")  # which holds the secret, with some who are told
    keeping(_PLAIN_HTTP_HERE)(urlsplit(_any_address(address)))
    if query and (not ONE_WORD.fullmatch(query) or "#" in query or "\\" in query):
        raise ValueError("must be an address that begins with https://")
    return SecretStr(value)


Address = Annotated[str, _address(_PLAIN_HTTP_HERE)]
AlertAddress = Annotated[SecretStr, of_text(_alert_address)]
PublicAddress = Annotated[
    str,
    _address(
        _PLAIN_HTTP_HERE,
        (
            lambda parts: CALLBACK_PATH not in parts.path,
            f"must end before {CALLBACK_PATH}: that is put behind it",
        ),
        (
            lambda parts: _PATH.fullmatch(parts.path),
            "must have a path of plain characters, or better none",
        ),
    ),
]
# A local Bot API server speaks plain http, often from the container next door.
ServerAddress = Annotated[
    str,
    _address(
        _PLAIN_HTTP_NEARBY,
        (
            lambda parts: not _BOT_IN_PATH.search(parts.path),
            "must end before /bot: that and the token are put behind it",
        ),
    ),
]
# It also brings updates over plain http.
WebhookAddress = Annotated[
    str,
    _address(
        _PLAIN_HTTP_NEARBY,
        (
            lambda parts: _PATH.fullmatch(parts.path),
            "must have a path of plain characters: A-Z a-z 0-9 / . _ ~ -",
        ),
        (
            lambda parts: parts.path not in _TAKEN_PATHS,
            "must have another path: this one the bot serves already",
        ),
    ),
]
