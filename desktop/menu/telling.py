"""Trouble, told to somebody who has no terminal before them: in a window of the system's own."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from config.languages import DEFAULT_LANGUAGE, known_language
from config.places import language_tag
from desktop.menu.entry import NAME
from desktop.page.texts import Texts

_WINDOWS: Final[tuple[Sequence[str], ...]] = (
    ("zenity", "--error", f"--title={NAME}", "--no-markup", "--text"),
    ("kdialog", "--title", NAME, "--error"),
    ("notify-send", "--urgency=critical", f"--app-name={NAME}", NAME),
    ("xmessage", "-center"),
)
"""Programs that desktops have, of which one is enough; the text is the last argument."""


def tell_trouble(sentence: str) -> None:
    """It was started from the menu, and cannot start."""
    said = _texts().label("Drivekeeper cannot start. Show this to whoever set up this computer:")
    tell(f"{said}\n\n{sentence}")


def tell_where(file: Path) -> None:
    """It was started from the menu, and no browser opened."""
    said = _texts().label("Drivekeeper runs, but no browser opened. Open this file with one:")
    tell(f"{said}\n\n{file}")


def _texts() -> Texts:
    """In the language of this account's programs."""
    return Texts(known_language(language_tag()) or DEFAULT_LANGUAGE)


def tell(text: str) -> bool:
    """Show a text until it is closed; whether that can be done here."""
    if sys.platform == "win32":
        from desktop.menu.windows import Calls

        Calls().say(text)
        return True
    for program, *arguments in _WINDOWS:
        if (path := shutil.which(program)) is not None:
            with suppress(OSError):
                subprocess.run([path, *arguments, text], check=False)  # noqa: S603 - of the system
                return True
    return False
