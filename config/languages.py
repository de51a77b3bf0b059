"""The languages every front speaks, and how their catalogues are read. English is the key."""

from __future__ import annotations

import gettext
import io
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages import mofile, pofile

LANGUAGES: Final = {"en": "English", "zh_Hant": "繁體中文", "zh_Hans": "简体中文"}
"""Code → the language's own name, in the order they are offered."""
DEFAULT_LANGUAGE: Final = "en"
_TRADITIONAL: Final = ("hant", "tw", "hk", "mo")
_TURNS: Final = dict.fromkeys((0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A)))
"""The marks that turn the direction of what follows (UAX #9), for `str.translate`."""


def language_of(tag: str | None) -> str:
    """The language to speak for an IETF language tag."""
    return known_language(tag) or DEFAULT_LANGUAGE


def known_language(tag: str | None) -> str | None:
    """Which of ours an IETF language tag means; None: none."""
    parts = (tag or "").lower().replace("_", "-").split("-")
    if parts[0] == DEFAULT_LANGUAGE:
        return DEFAULT_LANGUAGE
    if parts[0] != "zh":
        return None
    if "hans" in parts:  # a script says more than a region: zh-Hans-HK
        return "zh_Hans"
    return "zh_Hant" if any(part in _TRADITIONAL for part in parts[1:]) else "zh_Hans"


def N_(message: str) -> str:  # noqa: N802 - gettext's name for it
    """Marks a message for the catalogue where it stands, to be translated where it is used."""
    return message


@cache
def catalogue(folder: Path, language: str) -> gettext.NullTranslations:
    """What a front's catalogue in `folder` says in a language."""
    path = folder / f"{language}.po"
    if language == DEFAULT_LANGUAGE or not path.exists():
        return gettext.NullTranslations()
    # Read at start-up: one source of truth, and no compiled file to forget.
    compiled = io.BytesIO()
    with path.open("rb") as source:
        mofile.write_mo(compiled, pofile.read_po(source, locale=language))
    compiled.seek(0)
    return gettext.GNUTranslations(compiled)


def straight(value: str) -> str:
    """Without what turns the direction of a text on purpose."""
    return value.translate(_TURNS)


def isolated(value: str) -> str:
    """A name written from right to left, kept from turning the sentence around it (UAX #9)."""
    value = straight(value)  # it could end the isolation
    if any(unicodedata.bidirectional(char) in ("R", "AL") for char in value):
        return f"\u2068{value}\u2069"
    return value
