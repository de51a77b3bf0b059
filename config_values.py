"""The kinds of values that settings have, and how each is checked.

A validator says what is wrong without repeating the value: anything may have been pasted there.
"""

from __future__ import annotations

import base64
import ipaddress
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import AfterValidator, BeforeValidator, SecretStr
from pydantic_settings import NoDecode

_SLUG = re.compile(r"[a-z][a-z0-9]{0,30}")
_BOT_TOKEN = re.compile(r"\d{3,}:[A-Za-z0-9_-]{30,}")
_WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_PATH = re.compile(r"[A-Za-z0-9/._~-]*")
_TAKEN_PATHS = frozenset({"/healthz", "/api/auth/google/callback"})


@dataclass(frozen=True, slots=True)
class Fault:
    """Stands in for a value that could not be had, so that its field reports the reason."""

    reason: str


def _bot_token(value: SecretStr) -> SecretStr:
    if not _BOT_TOKEN.fullmatch(value.get_secret_value()):
        raise ValueError("is not a bot token (BotFather gives one like 123456:ABC…)")
    return value


def _list(value: Any) -> Any:
    return [p for p in map(str.strip, value.split(",")) if p] if isinstance(value, str) else value


def _any_address(value: str) -> str:
    try:
        parts = urlsplit(value)
        known = parts.scheme in ("https", "http") and parts.hostname and parts.port != 0
    except ValueError:  # its text may repeat the value
        known = False
    if not known:
        raise ValueError("must be an address that begins with https://")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be a plain address, without user, query or fragment")
    return value.rstrip("/")


def _server_address(value: str) -> str:
    parts = urlsplit(_any_address(value))
    host = parts.hostname or ""
    if parts.scheme == "http" and "." in host and not _is_private(host):
        raise ValueError("must begin with https:// (plain http is for private networks only)")
    return value.rstrip("/")


def _is_private(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_private
    except ValueError:
        return False


def _webhook_address(value: str) -> str:
    path = urlsplit(_server_address(value)).path
    if not _PATH.fullmatch(path):
        raise ValueError("must have a path of plain characters: A-Z a-z 0-9 / . _ ~ -")
    if path in _TAKEN_PATHS:
        raise ValueError("must have another path: this one the bot serves already")
    return value.rstrip("/")


def _webhook_secret(value: SecretStr) -> SecretStr:
    if not _WEBHOOK_SECRET.fullmatch(value.get_secret_value()):
        raise ValueError("must be 1 to 256 of the characters A-Z a-z 0-9 _ -")
    return value


def is_for_telegrams_cloud(address: str) -> bool:
    """Whether Telegram's cloud takes it as a webhook: https://core.telegram.org/bots/webhooks."""
    parts = urlsplit(address)
    return parts.scheme == "https" and (parts.port or 443) in (443, 80, 88, 8443)


def _address(value: str) -> str:
    parts = urlsplit(_any_address(value))
    if parts.scheme == "http" and not is_loopback(parts.hostname or ""):
        raise ValueError("must begin with https:// (plain http is for this machine itself only)")
    return value.rstrip("/")


def _fernet_keys(keys: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    for number, key in enumerate(keys, start=1):
        try:
            Fernet(key.get_secret_value())
        except ValueError:
            raise ValueError(
                f"key {number} is not a Fernet key (32 bytes in url-safe base64, 44 characters)"
            ) from None
    return keys


def _clients(entries: tuple[SecretStr, ...]) -> tuple[SecretStr, ...]:
    if not all(re.fullmatch(r"[^:]+:[^:]+", entry.get_secret_value()) for entry in entries):
        raise ValueError("must be id:secret pairs, separated by commas")
    return entries


def _service_account(value: Any) -> Any:
    if isinstance(value, Fault):
        raise ValueError(value.reason)  # noqa: TRY004 - pydantic collects ValueErrors
    encoded = "".join(value.split())  # base64 wraps its lines
    try:
        key = json.loads(base64.b64decode(encoded, validate=True))
    except ValueError:
        key = None
    if not isinstance(key, dict) or key.get("type") != "service_account":
        raise ValueError("is not the base64 of a service account's key file")
    return encoded


def _departments(entries: tuple[str, ...]) -> tuple[str, ...]:
    slugs = [entry.partition("=")[0] for entry in entries]
    if not all(_SLUG.fullmatch(slug) for slug in slugs) or len(set(slugs)) < len(slugs):
        raise ValueError("must be slug=name pairs with distinct slugs of a-z and 0-9")
    return entries


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


BotToken = Annotated[SecretStr, AfterValidator(_bot_token)]
IdSet = Annotated[frozenset[int], NoDecode, BeforeValidator(_list)]
Address = Annotated[str, AfterValidator(_address)]
# A local Bot API server speaks plain http, often from the container next door.
ServerAddress = Annotated[str, AfterValidator(_server_address)]
# It also brings updates over plain http.
WebhookAddress = Annotated[str, AfterValidator(_webhook_address)]
WebhookSecret = Annotated[SecretStr, AfterValidator(_webhook_secret)]
FernetKeys = Annotated[
    tuple[SecretStr, ...], NoDecode, AfterValidator(_fernet_keys), BeforeValidator(_list)
]
ClientPairs = Annotated[
    tuple[SecretStr, ...], NoDecode, AfterValidator(_clients), BeforeValidator(_list)
]
"""id:secret of each OAuth client."""
DepartmentPairs = Annotated[
    tuple[str, ...], NoDecode, AfterValidator(_departments), BeforeValidator(_list)
]
"""slug=name of each department."""
ServiceAccount = Annotated[SecretStr, BeforeValidator(_service_account)]
ServiceAccounts = Annotated[Mapping[str, ServiceAccount], BeforeValidator(dict)]
"""By slug the base64 of the key file."""
