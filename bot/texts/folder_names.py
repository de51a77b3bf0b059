"""A way of folders as a person writes it: names with slashes between them."""

from __future__ import annotations

from typing import Final

from bot.texts.catalogue import Texts
from drive.uploading.names import clean_name

SLASH: Final = "/"
_LOOK_ALIKES: Final = "／⁄∕⧸"  # full-width, of fractions, of division, the big one
_MOST_LEVELS: Final = 10
"""Drive takes a hundred; nobody finds anything there."""
_LONGEST: Final = 100
_EXAMPLE: Final = "Invoices/2026/November"


class NoFolderNames(ValueError):
    """What was written names no folders; `kind` says why."""

    def __init__(self, kind: str, sign: str = "") -> None:
        super().__init__("names no folders")
        self.kind = kind
        self.sign = sign


def folder_names(text: str) -> tuple[str, ...]:
    """The names of folders within each other, from the outermost.

    Raises:
        NoFolderNames: it cannot be read as that.
    """
    text = text.replace("\n", " ").strip()
    if sign := next((char for char in text if char in _LOOK_ALIKES), ""):
        raise NoFolderNames("other_slash", sign)
    parts = [part.strip() for part in text.split(SLASH)]
    if len(parts) > 1 and "" in parts:
        raise NoFolderNames("empty")
    if len(parts) > 1 and not {".", ".."}.isdisjoint(parts):
        raise NoFolderNames("dots")
    if len(parts) > _MOST_LEVELS:
        raise NoFolderNames("too_deep")
    if any(len(part) > _LONGEST for part in parts):
        raise NoFolderNames("too_long")
    names = tuple(clean_name(part, "") for part in parts)
    if "" in names:
        raise NoFolderNames("no_name")
    return names


def explain(fault: NoFolderNames, t: Texts) -> str:
    """What to write instead, in one sentence."""
    match fault.kind:
        case "other_slash":
            return t.tr(
                "🤔 For a folder within a folder write “{slash}” and not “{sign}”: for example "
                "<code>{example}</code>.",
                slash=SLASH,
                sign=fault.sign,
                example=_EXAMPLE,
            )
        case "empty":
            return t.tr(
                "🤔 Write a name before and after each “{slash}”, and no other: for example "
                "<code>{example}</code>.",
                slash=SLASH,
                example=_EXAMPLE,
            )
        case "dots":
            return t.tr(
                "🤔 Dots lead nowhere in Drive: write the names of the folders, for example "
                "<code>{example}</code>.",
                example=_EXAMPLE,
            )
        case "too_deep":
            return t.tr(
                "🤔 That is too deep: at most {count} folders within each other.",
                count=_MOST_LEVELS,
            )
        case "too_long":
            return t.tr(
                "🤔 That is too long: a folder's name has at most {count} characters.",
                count=_LONGEST,
            )
    return t.tr("🤔 That cannot be a folder's name.")
