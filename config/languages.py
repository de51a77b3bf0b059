"""The languages every front speaks, and how their catalogues are read. English is the key."""

from __future__ import annotations

import gettext
import io
import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Final

from babel.messages import mofile, pofile

LANGUAGES: Final = {"en": "English", "zh_Hant": "繁體中文", "zh_Hans": "简体中文"}
"""Code → the language's own name, in the order they are offered."""
DEFAULT_LANGUAGE: Final = "en"
TURNS: Final = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""What turns the direction of what follows."""
_TRADITIONAL: Final = ("hant", "tw", "hk", "mo")


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


def isolated(value: str) -> str:
    """A name written from right to left, kept from turning the sentence around it (UAX #9)."""
    value = TURNS.sub("", value)  # what would turn it on purpose, or end the isolation
    if any(unicodedata.bidirectional(char) in ("R", "AL") for char in value):
        return f"\u2068{value}\u2069"
    return value
