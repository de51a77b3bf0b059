"""The kinds of values that settings have, and how each is checked.

Each value has exactly its form, or is refused in a sentence of ours, which names the entry of a
list and never repeats the value: anything may have been pasted there. Values come trimmed.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, SecretStr
from pydantic_settings import NoDecode

_SLUG = re.compile(r"[a-z][a-z0-9]{0,30}")
_DEPARTMENT = re.compile(r"[^=,;，、；\x00-\x1f\x7f]{1,80}")
_NUMBER = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")
_WHOLE = re.compile(r"[0-9]{1,9}")
_USER_ID = re.compile(r"[1-9][0-9]{0,15}")
_CHAT_ID = re.compile(r"-[1-9][0-9]{0,15}")
_FERNET_KEY = re.compile(r"[A-Za-z0-9+/_-]{43}=")
ONE_WORD = re.compile(r"[^\s,\"'\x00-\x20\x7f]+")
_HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,252}[A-Za-z0-9_])?")

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
T = TypeVar("T")
Rule = tuple[Callable[[T], object], str]
"""Whether a value keeps it; and what is wrong with one that does not."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Stands in for a value that could not be had, so that its field reports the reason."""

    reason: str


def of_text(check: Callable[[str], Any]) -> BeforeValidator:
    """`check` for what comes as text, which is everything but defaults and faults."""

    def validate(value: Any) -> Any:
        if isinstance(value, Fault):
            raise ValueError(value.reason)  # noqa: TRY004 - pydantic collects ValueErrors
        return check(value) if isinstance(value, str) else value

    return BeforeValidator(validate)


def _secret(check: Callable[[str], str]) -> BeforeValidator:
    return of_text(lambda value: SecretStr(check(value)))


def ip_of(text: str) -> Ip | None:
    """The IP address that `text` is; None: it is none."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


# One value


def keeping(*rules: Rule[T]) -> Callable[[T], T]:
    """A check that gives the value back as it is.

    Raises:
        ValueError: by the check, with what the first rule that is broken says.
    """

    def check(value: T) -> T:
        for is_kept, otherwise in rules:
            if not is_kept(value):
                raise ValueError(otherwise)
        return value

    return check


def whole(least: int, most: int) -> BeforeValidator:
    """A whole number from `least` to `most`."""

    def check(value: str) -> int:
        if not _WHOLE.fullmatch(value) or not least <= int(value) <= most:
            raise ValueError(f"must be a whole number from {least} to {most}")
        return int(value)

    return of_text(check)


def number(least: float, most: float, *, above: bool = False) -> BeforeValidator:
    """A number from `least` (or above it) to `most`."""
    words = f"{'more than' if above else 'from'} {least:g} {'and at most' if above else 'to'}"

    def check(value: str) -> float:
        found = float(value) if _NUMBER.fullmatch(value) else -1
        if not least <= found <= most or (above and found == least):
            raise ValueError(f"must be a number {words} {most:g}, such as 10 or 2.5")
        return found

    return of_text(check)


def one_of(*words: str) -> BeforeValidator:
    """One of `words`, written in capitals or not."""
    said = f"{', '.join(words[:-1])} or {words[-1]}"

    def check(value: str) -> str:
        found = next((word for word in words if word.lower() == value.lower()), None)
        if found is None:
            raise ValueError(f"must be {said}")
        return found

    return of_text(check)


def _yes_or_no(value: str) -> bool:
    known = {"true": True, "yes": True, "on": True, "1": True}
    known |= {"false": False, "no": False, "off": False, "0": False}
    if value.lower() not in known:
        raise ValueError("must be true or false")
    return known[value.lower()]


def _folder(value: str) -> Path:
    if value.startswith(("$", "%")) or "://" in value or not value.isprintable():
        raise ValueError("must be a path as it is: nothing in it is replaced")
    try:
        return Path(value).expanduser()
    except RuntimeError:
        raise ValueError("begins with ~, and whose home that is is not known") from None


def _host(value: str) -> str:
    bare = value[1:-1] if value.startswith("[") and value.endswith("]") else value
    if (ip := ip_of(bare)) is not None:
        return str(ip)
    if bare != value or not _HOST_NAME.fullmatch(value) or value.replace(".", "").isdigit():
        raise ValueError("must be an address such as 127.0.0.1 or ::, or a name, without a port")
    return value


_client_id = keeping(
    (
        lambda value: not value.startswith("GOCSPX-"),
        "is a client's secret; the id ends in .apps.googleusercontent.com",
    ),
    (
        re.compile(r"[A-Za-z0-9._-]+").fullmatch,
        "is not a client's id (Google's end in .apps.googleusercontent.com)",
    ),
)
_client_secret = keeping(
    (
        lambda value: not value.endswith(".apps.googleusercontent.com"),
        "is a client's id, not its secret",
    ),
    (ONE_WORD.fullmatch, "is not a client's secret (one word, such as GOCSPX-…)"),
)


# Lists


def _entries(value: str, separators: str = r"[\s,]+") -> list[str]:
    found = [entry for entry in map(str.strip, re.split(separators, value)) if entry]
    if not found:  # what was meant to be there is not: no reason to open the bot to everybody
        raise ValueError("holds separators alone, and no entry; leave it empty if that is meant")
    return found


def each(entries: Iterable[str], fault_of: Callable[[str], str | None]) -> None:
    """Look at every entry of a list.

    Args:
        fault_of: what is wrong with an entry, behind its place; None: nothing.

    Raises:
        ValueError: with all that is wrong with any.
    """
    found = ((place, fault_of(entry)) for place, entry in enumerate(entries, start=1))
    places: dict[str, list[int]] = {}
    for place, fault in found:
        if fault is not None:
            places.setdefault(fault, []).append(place)
    if places:
        raise ValueError("; ".join(f"{_named(at)} {fault}" for fault, at in places.items()))


def _named(places: Sequence[int]) -> str:
    *first, last = map(str, places)
    return f"each of the entries {', '.join(first)} and {last}" if first else f"entry {last}"


def _ids(form: re.Pattern[str], what: str) -> BeforeValidator:
    def check(value: str) -> frozenset[int]:
        found = _entries(value)
        each(found, lambda entry: None if form.fullmatch(entry) else f"is not {what}")
        return frozenset(map(int, found))

    return of_text(check)


def _fernet_keys(value: str) -> tuple[SecretStr, ...]:
    keys: dict[str, SecretStr] = {}
    found = _entries(value)
    otherwise = (
        "is not a Fernet key (32 bytes in url-safe base64, 44 characters; several are separated "
        "by commas)"
    )
    each(found, lambda entry: None if _FERNET_KEY.fullmatch(entry) else otherwise)
    for entry in found:
        # Some spell the same key otherwise: compared and used in one spelling.
        raw = binascii.a2b_base64(entry.replace("-", "+").replace("_", "/"))
        spelt = base64.urlsafe_b64encode(raw).decode("ascii")
        keys[spelt] = SecretStr(spelt)
    return tuple(keys.values())


def _clients(value: str) -> tuple[SecretStr, ...]:
    found = _entries(value)
    each(found, _fault_of_client)
    return tuple(map(SecretStr, found))


def _fault_of_client(entry: str) -> str | None:
    id, _, secret = entry.partition(":")
    if ":" in secret or ";" in secret:
        return "must be id:secret (pairs are separated by commas)"
    try:
        _client_id(id), _client_secret(secret)
    except ValueError as error:
        return f"must be id:secret, and one of them {error}"
    return None


def _departments(value: str) -> tuple[str, ...]:
    slugs: set[str] = set()

    def fault_of(entry: str) -> str | None:
        slug, equals, name = entry.partition("=")
        if not equals or not _DEPARTMENT.fullmatch(name):
            return "must be slug=name, such as tanhae=淡海"
        if not _SLUG.fullmatch(slug):
            return (
                "has a slug that is none: at most 31 small letters (a-z) and digits, a letter first"
            )
        if slug in slugs:
            return "has a slug that stands there already"
        slugs.add(slug)
        return None

    found = _entries(value, ",")
    each(found, fault_of)
    return tuple(found)


def _port_of_host(value: str) -> int | None:
    """A port; None: something else, which another program has its own use for."""
    return int(value) if value.isascii() and value.isdigit() and 0 < int(value) < 65536 else None


Switch = Annotated[bool, of_text(_yes_or_no)]
Folder = Annotated[Path, of_text(_folder)]
Host = Annotated[str, of_text(_host)]
HostsPort = Annotated[int | None, of_text(_port_of_host)]
BotToken = Annotated[
    SecretStr,
    _secret(
        keeping(
            (
                re.compile(r"[0-9]{3,16}:[A-Za-z0-9_-]{30,}").fullmatch,
                "is not a bot token (BotFather gives one like 123456:ABC…)",
            )
        )
    ),
]
ClientId = Annotated[str, of_text(_client_id)]
ClientSecret = Annotated[SecretStr, _secret(_client_secret)]
MaskKey = Annotated[
    SecretStr,
    _secret(
        keeping(
            (
                lambda value: len(value) >= 12,
                "must have 12 characters or more: with fewer, masks can be undone",
            )
        )
    ),
]
WebhookSecret = Annotated[
    SecretStr,
    _secret(
        keeping(
            (
                re.compile(r"[A-Za-z0-9_-]{1,256}").fullmatch,
                "must be 1 to 256 of the characters A-Z a-z 0-9 _ -",
            )
        )
    ),
]
DatabaseUrl = Annotated[SecretStr, _secret(str)]  # see config/database.py

UserIds = Annotated[
    frozenset[int], NoDecode, _ids(_USER_ID, "the Telegram ID of a person (digits alone)")
]
ChatIds = Annotated[
    frozenset[int],
    NoDecode,
    _ids(_CHAT_ID, "the Telegram ID of a group (a negative number, such as -1001234567890)"),
]
FernetKeys = Annotated[tuple[SecretStr, ...], NoDecode, of_text(_fernet_keys)]
ClientPairs = Annotated[tuple[SecretStr, ...], NoDecode, of_text(_clients)]
"""id:secret of each OAuth client."""
DepartmentPairs = Annotated[tuple[str, ...], NoDecode, of_text(_departments)]
"""slug=name of each department."""
