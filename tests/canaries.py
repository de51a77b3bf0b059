"""Canaries: marked secrets, and a scan that finds them in any form, whole or in part.

Every secret of a run holds something long and random, so that whatever is found is a leak and not
an accident. Found are any twelve characters in a row of it, plain, percent-encoded, escaped as in
JSON, Python or HTML, in hexadecimal, and in base64 of either alphabet at each of its three
alignments; of identities also base32, and hashes that anybody can compute. Case does not matter.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote, quote_plus

from pydantic import SecretStr

from sandbox.clients.person import Person
from sandbox.server import Sandbox, SandboxConfig
from tests.network_kit import NAME

SLICE: Final = 12
"""This many characters of a secret in a row are a leak."""
_WINDOW: Final = 10
_STEP: Final = SLICE - _WINDOW + 1  # every slice holds a whole window
_WIDE: Final = 4  # letters in a row of a script that has thousands of them
_HEAD: Final = 8
_LETTERS: Final = "bcdfghjklmnpqrstvwxz23456789"  # no vowels, so that no words come about

_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dt\d\d:\d\d:\d\d\.\d{6}z")

V = TypeVar("V")


def marker(length: int = 24) -> str:
    """Something that stands nowhere by accident, and whose beginning is nowhere taken for the
    fingerprint of a key, which everybody may see: its first letter is no hexadecimal digit."""
    first = secrets.choice(_LETTERS.strip("bcdf23456789"))
    return first + "".join(secrets.choice(_LETTERS) for _ in range(length - 1))


def wide_marker(length: int = 8) -> str:
    """The same in Han characters: every encoding changes them."""
    return "".join(chr(0x4E00 + secrets.randbelow(0x5000)) for _ in range(length))


def telegram_id() -> int:
    """A Telegram user id of the full 52 bits that Telegram says it may have."""
    return 10**15 + secrets.randbelow(3 * 10**15)


@dataclass(frozen=True, order=True)
class Leak:
    """Which secret was found, in which form. Never the secret itself: reports are read, too."""

    name: str
    form: str


class Canaries:
    """The secrets of a run, and the scan for them."""

    def __init__(self) -> None:
        self._needles: dict[str, Leak] = {}
        self._heads: dict[int, dict[str, list[str]]] = {_HEAD: {}, _WIDE: {}}
        self._known: set[str] = set()

    def add(self, name: str, secret: str | SecretStr | int, *, identity: bool = False) -> None:
        """Look for `secret`, which is random from its first to its last character.

        Args:
            name: what it is, for the report.
            identity: somebody may have thought of hiding it behind a hash.
        """
        text = str(secret.get_secret_value() if isinstance(secret, SecretStr) else secret)
        if text in self._known:
            return
        if len(text) < (_WIDE if not text.isascii() else _HEAD):
            raise ValueError(f"{name}: too short to be told from an accident")
        self._known.add(text)
        for form, needle in _needles(text, identity=identity):
            key = needle.lower()
            size = _HEAD if key.isascii() else _WIDE
            if len(key) >= size and key not in self._needles:
                self._needles[key] = Leak(name, form)
                self._heads[size].setdefault(key[:size], []).append(key)

    def add_all(self, name: str, found: Iterable[str | SecretStr]) -> None:
        """Look for each of them."""
        for secret in found:
            self.add(name, secret)

    @property
    def texts(self) -> list[str]:
        """Every secret, for tests that plant them."""
        return sorted(self._known)

    def find(self, text: str | bytes) -> list[Leak]:
        """Which secrets stand in `text`."""
        if isinstance(text, bytes):
            text = text.decode("utf-8", "replace")
        found: set[Leak] = set()
        # Most lines of a log are the same but for the time.
        lines = dict.fromkeys(_TIMESTAMP.sub("", text.lower()).split("\n"))
        for reading in _readings("\n".join(lines)):
            for size, known in self._heads.items():
                heads = {reading[i : i + size] for i in range(len(reading) - size + 1)}
                for head in heads & known.keys():
                    found |= {self._needles[key] for key in known[head] if key in reading}
        return sorted(found)


def _readings(text: str) -> Iterator[str]:
    """The text, and the text with what was encoded twice encoded once."""
    yield text
    collapsed = text
    for _ in range(4):
        collapsed = collapsed.replace("\\\\", "\\").replace("%25", "%").replace("&amp;", "&")
    if collapsed != text:
        yield collapsed


_TEXT_FORMS: Final[dict[str, Callable[[str], str]]] = {
    "plain": str,
    "percent-encoded": lambda text: quote(text, safe=""),
    "form-encoded": quote_plus,
    "percent-encoded but for slashes": quote,
    "json": lambda text: json.dumps(text, ensure_ascii=False)[1:-1],
    "json escapes": lambda text: json.dumps(text)[1:-1],
    "python escapes": lambda text: ascii(text)[1:-1],
    "python bytes": lambda text: repr(text.encode())[2:-1],
    "html": html.escape,
    "html references": lambda text: text.encode("ascii", "xmlcharrefreplace").decode(),
    "html hexadecimal references": lambda text: "".join(f"&#x{ord(c):x};" for c in text),
    "every character escaped": lambda text: "".join(f"\\u{ord(c):04x}" for c in text),
    "every byte percent-encoded": lambda text: "".join(f"%{b:02x}" for b in text.encode()),
    "hexadecimal": lambda text: text.encode().hex(),
}
"""Encodings of one letter after the other: a part of a text becomes a part of its form."""


@cache
def _forms_of(letter: str) -> tuple[str, ...]:
    return tuple(encode(letter) for encode in _TEXT_FORMS.values())


def _needles(secret: str, *, identity: bool) -> Iterator[tuple[str, str]]:
    raw = secret.encode()
    forms: dict[tuple[str, ...], str] = {}
    for form, letters in zip(_TEXT_FORMS, zip(*map(_forms_of, secret), strict=True), strict=True):
        forms.setdefault(letters, form)  # most are the same for plain letters
    size, step = (_WINDOW, _STEP) if secret.isascii() else (_WIDE, 1)
    size = min(size, len(secret))
    for letters, form in forms.items():
        for start in (*range(0, len(letters) - size + 1, step), len(letters) - size):
            yield form, "".join(letters[start : start + size])
    for shift in range(3):
        stable = _stable(base64.b64encode, raw, shift, bits=6)
        for piece in _windows(stable, _WINDOW, 2):
            yield f"base64, alignment {shift}", piece
            yield f"url-safe base64, alignment {shift}", piece.translate(_URL_SAFE)
    if not identity:
        return
    for shift in range(5):
        for piece in _windows(_stable(base64.b32encode, raw, shift, bits=5), _WINDOW, 2):
            yield f"base32, alignment {shift}", piece
    for name in ("md5", "sha1", "sha256", "sha512", "blake2b"):
        digest = hashlib.new(name, raw, usedforsecurity=False).digest()
        yield f"{name} in hexadecimal", digest.hex()[:SLICE]
        yield f"{name} in base64", base64.b64encode(digest).decode()[:SLICE]
        yield f"{name} in base32", base64.b32encode(digest).decode()[:SLICE]
    if secret.isdecimal():
        yield "a number in hexadecimal", f"{int(secret):x}"
        yield "a number with separators", f"{int(secret):,}"


_URL_SAFE: Final = str.maketrans("+/", "-_")


def _windows(text: str, size: int, step: int) -> Iterator[str]:
    if len(text) <= size:
        yield text
        return
    for start in range(0, len(text) - size + 1, step):
        yield text[start : start + size]
    yield text[-size:]


def _stable(encode: Callable[[bytes], bytes], raw: bytes, shift: int, *, bits: int) -> str:
    """The part of an encoded form that holds nothing but `raw`, `shift` bytes behind a boundary."""
    encoded = encode(bytes(shift) + raw).decode()
    first = -(-shift * 8 // bits)
    return encoded[first : (shift + len(raw)) * 8 // bits]


def exploding(text: str) -> Callable[..., Any]:
    """Something that fails with all secrets in its exceptions."""

    def explode(*args: Any, **kwargs: Any) -> Any:
        try:
            try:
                raise OSError(5, text, text)  # noqa: TRY301
            except OSError as error:
                raise KeyError(text) from error
        except KeyError:
            group = ExceptionGroup(text, [ValueError(text), RuntimeError(text)])
            group.add_note(text)
            raise group  # noqa: B904 - its context is looked at, too

    return explode


class _Remembering(dict[str, V]):
    """A dict that also knows every key it has ever held."""

    def __init__(self, given: Mapping[str, V]) -> None:
        super().__init__(given)
        self.ever = set(given)

    def __setitem__(self, key: str, value: V) -> None:
        self.ever.add(key)
        super().__setitem__(key, value)


class MarkedWorld:
    """A sandbox in which everything secret or personal is a canary."""

    def __init__(self, canaries: Canaries, folder: Path) -> None:
        self.canaries = canaries
        bot_id, secret = str(secrets.randbelow(9 * 10**9) + 10**9), marker(35)
        client_id, client_secret = marker(40), marker(32)
        self.client_id = f"{client_id}.apps.googleusercontent.com"
        self.folder = folder / self._new("path of the sandbox", marker())
        canaries.add("the bot's id", bot_id, identity=True)
        canaries.add("bot token", secret)
        canaries.add("Google client id", client_id)
        canaries.add("Google client secret", client_secret)
        self.config = SandboxConfig(
            folder=self.folder,
            bot_token=f"{bot_id}:{secret}",
            client_id=self.client_id,
            client_secret=f"GOCSPX-{client_secret}",
            allow_hosts=frozenset(f"{name}.{NAME}" for name in ("telegram", "www")),
        )
        self._sandbox: Sandbox | None = None
        self._issued: dict[str, _Remembering[Any]] = {}

    def _new(self, name: str, secret: str) -> str:
        self.canaries.add(name, secret, identity=True)
        return secret

    def new(self, name: str) -> str:
        """A new marked text of this kind."""
        return self._new(name, marker())

    def new_wide(self, name: str) -> str:
        """The same in Han characters."""
        return self._new(name, wide_marker())

    def file_name(self, ending: str) -> str:
        """A file's name with all that makes names difficult."""
        return f"{self.new_wide('file name')} '&<b> {self.new('file name')}.{ending}"

    def watch(self, sandbox: Sandbox) -> None:
        """From now on remember every code and token that Google gives out."""
        self._sandbox = sandbox
        assert sandbox.google is not None
        grants = sandbox.google.grants
        for kind in ("codes", "devices", "refresh", "access"):
            self._issued[kind] = _Remembering(getattr(grants, kind))
            setattr(grants, kind, self._issued[kind])

    def account(self) -> str:
        """A Google account with a marked address and name; returns the address."""
        assert self._sandbox is not None
        assert self._sandbox.google is not None
        address = f"{self.new('Google address')}@{self.new('Google address')}.example.com"
        name = f"{self.new_wide('Google name')} {self.new('Google name')}"
        account = self._sandbox.google.account(address, name)
        self._new("Google account id", account.permission_id)
        return address

    def person(self, url: str, language: str = "en") -> Person:
        """Somebody with marked names and id."""
        assert self._sandbox is not None
        assert self._sandbox.telegram is not None
        user_id = telegram_id()
        self.canaries.add("Telegram id", user_id, identity=True)
        first = f"{self.new_wide('first name')} {self.new('first name')}"
        last, username = self.new("last name"), self.new("username")
        self._sandbox.telegram.put_user({"id": user_id, "last_name": last})
        return Person(url, user_id, first, language, username=username)

    def harvest(self) -> None:
        """Look for all that was given out, too. The run is over, or nearly."""
        assert self._sandbox is not None
        google, telegram = self._sandbox.google, self._sandbox.telegram
        assert google is not None
        assert telegram is not None
        issued, add = {kind: kept.ever for kind, kept in self._issued.items()}, self.canaries.add
        # The first characters are the same in all of them.
        self.canaries.add_all("authorisation code", (code[4:] for code in issued["codes"]))
        self.canaries.add_all("device code", (code[6:] for code in issued["devices"]))
        self.canaries.add_all("refresh token", (token[4:] for token in issued["refresh"]))
        self.canaries.add_all("access token", (token[7:] for token in issued["access"]))
        for device in list(self._issued["devices"].values()):
            add("user code", device.user_code)
        self.canaries.add_all("upload session", (id[6:] for id in google.sessions._sessions))
        for file in google.files.all():
            add("Drive file id", file.id[1:])
        for stored in telegram.files._by_id.values():
            # A kind's identifiers begin alike, and end alike.
            add("Telegram file id", stored.file_id[12:-2])

    def issued(self, kind: str) -> frozenset[str]:
        """All "codes", "devices", "refresh" or "access" tokens ever given out."""
        return frozenset(self._issued[kind].ever)

    def count(self) -> dict[str, int]:
        """How many of each kind were given out: what the scan had to look for."""
        return {kind: len(kept.ever) for kind, kept in self._issued.items()}
