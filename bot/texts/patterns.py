"""The regular expressions of this front that meet what people write, in one table; those about what
a file may be called are beside it (`drive.uploading.names`).

A test reads each pattern's own parse, makes hostile texts of it, and holds that the time it takes
grows with the text, not with its square: no two repetitions beside each other may match the same.
"""

from __future__ import annotations

import re
from typing import Final

ENDING: Final = re.compile(r"[A-Za-z0-9]{1,16}")
"""The ending of a file's name."""
ALBUM: Final = re.compile(r"[0-9]{1,20}", re.ASCII)
"""An album's number."""
COMMAND: Final = re.compile(r"(?<![\w/<>])/(?=[A-Za-z0-9_])")
"""What Telegram makes a command of, wherever it stands: `(國)/1425G`."""
WISH: Final = re.compile(r"#name[^\S\n]+(\S[^\n]*)\n?", re.IGNORECASE)
"""A name that is wished: group 1, with the blanks at its end."""


def naming(username: str) -> re.Pattern[str]:
    """What addresses the bot in a caption."""
    return re.compile(rf"(/save)?@{re.escape(username)}(?!\w)", re.IGNORECASE)


PATTERNS: Final[dict[str, re.Pattern[str]]] = {
    "ENDING": ENDING,
    "ALBUM": ALBUM,
    "COMMAND": COMMAND,
    "WISH": WISH,
    "naming": naming("some_bot"),
}
"""All of them; a test holds that there are no others in this front."""
