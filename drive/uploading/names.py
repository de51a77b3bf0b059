"""What a file may be called in Drive, and said to be, whoever it comes from."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

JOINERS: Final = "\u200c\u200d"
MIME_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,127}")
"""RFC 6838."""
SHOWN_FORMATS: Final = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd]")
"""What of the format characters has a shape of its own, or shapes its neighbours.

Others turn the direction of what follows, or are not seen at all: they make "gpj.exe" look like
"exe.jpg"."""
TAGS: Final = re.compile(
    "(\U0001f3f4[\U000e0030-\U000e007a]{1,6}\U000e007f)|[\U000e0020-\U000e007f]"
)
"""They spell the flags of Scotland and its like (group 1), and hide text elsewhere."""
STRAY_JOINERS: Final = re.compile(f"(?<![^\x00-\x7f\\s{JOINERS}])[{JOINERS}]+")
SPACES: Final = re.compile(r"\s{2,}")
DEVICE: Final = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\.|$)", re.IGNORECASE
)
"""Whatever the ending: learn.microsoft.com, "Naming files"."""
PATTERNS: Final[dict[str, re.Pattern[str]]] = {
    "MIME_TYPE": MIME_TYPE,
    "SHOWN_FORMATS": SHOWN_FORMATS,
    "TAGS": TAGS,
    "STRAY_JOINERS": STRAY_JOINERS,
    "SPACES": SPACES,
    "DEVICE": DEVICE,
}
"""All that meets what people write: a test holds that none takes long."""
ENDING_LENGTH: Final = 16
"""Characters of an ending that is kept where a name is cut."""
_MAX_LENGTH: Final = 255
_BLANK: Final = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and signs without a shape: they stay among others, and are no name by themselves."""
_LONG_STACK: Final = 8  # marks upon one letter: no script needs more, and lines above are hidden
_SKIN_TONES: Final = range(0x1F3FB, 0x1F400)
_GOOGLES_OWN: Final = "application/vnd.google-apps"
_SAY_NOTHING: Final = frozenset(
    {
        *("application/octet-stream", "binary/octet-stream", "application/unknown"),
        *("application/force-download", "application/x-download", "unknown/unknown"),
    }
)


def clean_name(name: str, otherwise: str = "file") -> str:
    """`name` as every system can keep it and everybody can read it, at most 255 characters.

    Whatever is written in it, in any script, stays as it is. What cannot be seen goes, a
    separator of folders becomes "_", and a name that only dots or blanks are left of `otherwise`.
    """
    kept = TAGS.sub(r"\1", "".join(map(shown_char, name)))
    kept = STRAY_JOINERS.sub("", _few_marks(kept))
    kept = SPACES.sub(" ", kept).strip()
    kept = f"_{kept}" if DEVICE.match(kept) else kept
    tail = _kept_ending(kept)
    kept = within_length(kept.removesuffix(tail), tail)
    kept = kept.rstrip(". \u3000")  # Windows could not delete it
    return kept if any(map(_has_shape, kept)) else otherwise


def usable_type(claimed: str) -> str:
    """What the sender's program claims, without parameters; "": it says nothing.

    Google would make its own kinds into folders and documents.
    """
    essence = claimed.partition(";")[0].strip().lower()
    says_nothing = essence in _SAY_NOTHING or essence.startswith(_GOOGLES_OWN)
    return essence if MIME_TYPE.fullmatch(essence) and not says_nothing else ""


def shown_char(char: str) -> str:
    """What stands for one character of a name."""
    if char.isspace():
        return " " if unicodedata.category(char) in ("Cc", "Zl", "Zp") else char
    if char in "/\\":
        return "_"
    match unicodedata.category(char):
        case "Cc" | "Cs":
            return ""
        case "Cf":
            is_tag = 0xE0020 <= ord(char) <= 0xE007F
            return char if is_tag or char in JOINERS or SHOWN_FORMATS.match(char) else ""
        case "Cn":  # a later version of Unicode may know it; what never is a character goes
            never = ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF
            return "" if never else char
    return char


def _has_shape(char: str) -> bool:
    has_none = unicodedata.category(char)[0] in "MZ" or unicodedata.category(char) == "Cf"
    return not has_none and char not in _BLANK and char != "."


def _few_marks(text: str) -> str:
    kept, stack = [], _LONG_STACK  # upon nothing, or a blank, there is room for none
    for char in text:
        if unicodedata.category(char).startswith("M"):
            stack += 1
        elif char not in JOINERS:  # which give no mark something to stand upon
            stack = _LONG_STACK if char.isspace() else 0
        if stack <= _LONG_STACK:
            kept.append(char)
    return "".join(kept)


def _kept_ending(name: str) -> str:
    _, dot, ending = name.rpartition(".")
    return dot + ending if dot and len(ending) <= ENDING_LENGTH else ""


def within_length(stem: str, tail: str) -> str:
    """Both, of which `tail` stays whole, in 255 characters."""
    cut = _MAX_LENGTH - len(tail)
    if len(stem) > cut:
        while cut > 1 and _belongs_together(stem[cut - 1], stem[cut]):
            cut -= 1
    return stem[:cut] + tail


def _belongs_together(char: str, following: str) -> bool:
    """Whether a cut between them would leave half of a sign."""
    return (
        char in JOINERS
        or following in JOINERS
        or unicodedata.category(following).startswith("M")
        or ord(following) in _SKIN_TONES
    )
