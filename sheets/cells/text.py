"""The text of a cell as it is compared: what looks alike is alike."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

LONGEST: Final = 1000
"""Characters of a cell; more are cut off, and said to be. Google's own limit is 50,000."""

_SPACES: Final = re.compile(r"\s+")
# Halves of characters cannot be written down; controls and marks of direction cannot be seen.
_UNSEEN: Final = re.compile(
    "[\ud800-\udfff\x00-\x08\x0e-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]"
)
# These NFKC leaves alone, though they are written for one another.
_ALIKE: Final = {
    **dict.fromkeys("〔【﹝［", "("),
    **dict.fromkeys("〕】﹞］", ")"),
    **dict.fromkeys("‐‑‒–—―−", "-"),
    "∶": ":",
    "⁄": "/",
    "∕": "/",
}
_TABLE: Final = str.maketrans(_ALIKE)
_ANY_ALIKE: Final = re.compile(f"[{re.escape(''.join(_ALIKE))}]")


def normal(text: str) -> str:
    """NFKC, without what cannot be seen, trimmed, every run of spaces and line ends one space."""
    if _is_plain(text):
        return text.strip()
    text = _UNSEEN.sub("", unicodedata.normalize("NFKC", text.translate(_TABLE)))
    # A second time: what was taken out may have stood between what belongs together.
    return _SPACES.sub(" ", unicodedata.normalize("NFKC", text)).strip()


def _is_plain(text: str) -> bool:
    """Whether nothing of it has to be changed but its ends, as of nearly all texts: in no time."""
    return (
        text.isprintable()
        and "  " not in text
        and (
            text.isascii()
            or (unicodedata.is_normalized("NFKC", text) and not _ANY_ALIKE.search(text))
        )
    )


def plain(text: str) -> str:
    """For titles: as `normal`, and without spaces or capitals."""
    return normal(text).replace(" ", "").casefold()
