"""Every regular expression that meets what people write, in one table.

A test reads each pattern's own parse, makes hostile texts of it, and holds that the time it takes
grows with the text, not with its square: no two repetitions beside each other may match the same.
"""

from __future__ import annotations

import re
from typing import Final

from config.languages import TURNS

JOINERS: Final = "\u200c\u200d"
MIME_TYPE: Final = re.compile(r"[a-z0-9!#$&^_.+-]{1,64}/[a-z0-9!#$&^_.+-]{1,127}")
"""RFC 6838."""
ENDING: Final = re.compile(r"[A-Za-z0-9]{1,16}")
"""The ending of a file's name."""
SHOWN_FORMATS: Final = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd]")
"""What of the format characters has a shape of its own, or shapes its neighbours.

Others turn the direction of what follows, or are not seen at all: they make "gpj.exe" look like
"exe.jpg"."""
TAGS: Final = re.compile(
    "(\U0001f3f4[\U000e0030-\U000e007a]{1,6}\U000e007f)|[\U000e0020-\U000e007f]"
)
"""They spell the flags of Scotland and its like (group 1), and hide text elsewhere."""
ALBUM: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
"""An album's number."""
STRAY_JOINERS: Final = re.compile(f"(?<![^\x00-\x7f\\s{JOINERS}])[{JOINERS}]+")
SPACES: Final = re.compile(r"\s{2,}")
DEVICE: Final = re.compile(
    r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])\s*(\.|$)", re.IGNORECASE
)
"""Whatever the ending: learn.microsoft.com, "Naming files"."""
WISH: Final = re.compile(r"#name[^\S\n]+(\S[^\n]*)\n?", re.IGNORECASE)
"""A name that is wished: group 1, with the blanks at its end."""


def naming(username: str) -> re.Pattern[str]:
    """What addresses the bot in a caption."""
    return re.compile(rf"(/save)?@{re.escape(username)}(?!\w)", re.IGNORECASE)


PATTERNS: Final[dict[str, re.Pattern[str]]] = {
    "MIME_TYPE": MIME_TYPE,
    "ENDING": ENDING,
    "SHOWN_FORMATS": SHOWN_FORMATS,
    "TAGS": TAGS,
    "TURNS": TURNS,
    "ALBUM": ALBUM,
    "STRAY_JOINERS": STRAY_JOINERS,
    "SPACES": SPACES,
    "DEVICE": DEVICE,
    "WISH": WISH,
    "naming": naming("some_bot"),
}
"""All of them; a test holds that there are no others in this front."""
