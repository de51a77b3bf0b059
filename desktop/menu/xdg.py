"""The menu of GNOME, KDE and the like: a file of the account's own for each entry.

https://specifications.freedesktop.org/desktop-entry-spec/latest/
https://specifications.freedesktop.org/autostart-spec/latest/
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from config.languages import N_
from desktop.keeping import files
from desktop.keeping.system import System
from desktop.menu.entry import NAME, Added, Launch
from desktop.page.texts import Texts
from looks.static import COMMON

SAYS: Final = N_("Upload PDFs to Drive")
_LOCALES: Final = {"zh_TW": "zh_Hant", "zh_HK": "zh_Hant", "zh_CN": "zh_Hans", "zh_SG": "zh_Hans"}
_UNPRINTABLE: Final = re.compile(r"[\x00-\x1f\x7f]")
_SHELL: Final = ("/bin/sh", "-c", 'exec "$0" "$@"')
"""Starts a program whose own path may not stand first: with % in it, or =."""


class XdgMenu:
    """As `Menu` says."""

    def __init__(self, folder: Path, icons: Path, system: System, *, has_icon: bool = True) -> None:
        """
        Args:
            folder: of entries.
            has_icon: it comes and goes with this entry; another may have it as well.
        """
        self._entry = folder / "drivekeeper.desktop"
        self._icon = icons / "hicolor" / "scalable" / "apps" / "drivekeeper.svg"
        self._has_icon = has_icon
        self._system = system

    def add(self, launch: Launch) -> Added:
        """Raises OSError; ValueError: its path cannot be written there."""
        entry = entry_of(launch, self._icon)
        was_there = self._entry.exists()
        written = {self._entry: entry.encode()}
        if self._has_icon:
            written[self._icon] = (COMMON / "icon.svg").read_bytes()
        for path, content in written.items():
            for folder in (*reversed(path.parent.parents), path.parent):
                if not folder.exists():
                    folder.mkdir(0o700)
            files.write(self._system, path, content)
        return Added(self._entry, was_there)

    def found(self) -> Path | None:
        """As `Menu.found`."""
        return self._entry if self._entry.exists() else None

    def remove(self) -> Path | None:
        """The icon goes as well."""
        if self._has_icon:
            self._icon.unlink(missing_ok=True)
        try:
            self._entry.unlink()
        except FileNotFoundError:
            return None
        return self._entry


def entry_of(launch: Launch, icon: Path) -> str:
    """
    Raises:
        ValueError: there is an end of a line or the like in a path.
    """
    words = [str(launch.program), *launch.arguments]
    if any(map(_UNPRINTABLE.search, (*words, str(icon)))):
        raise ValueError("a path cannot be written in an entry")
    if set("%=") & set(words[0]):
        words = [*_SHELL, *words]
    comments = [
        f"Comment[{locale}]={Texts(language).label(SAYS)}" for locale, language in _LOCALES.items()
    ]
    lines = [
        "[Desktop Entry]",
        "Type=Application",
        f"Name={NAME}",
        f"Comment={SAYS}",
        *comments,
        f"Exec={_value(' '.join(map(_quoted, words)))}",
        f"Icon={_value(str(icon))}",
        "Terminal=false",
        "StartupNotify=false",
        "Categories=Network;FileTransfer;",
        "",
    ]
    return "\n".join(lines)


def _quoted(word: str) -> str:
    """As Exec has arguments: https://specifications.freedesktop.org/desktop-entry-spec/latest/exec-variables.html"""
    escaped = re.sub(r'(["`$\\])', r"\\\1", word).replace("%", "%%")
    return escaped if re.fullmatch(r"[\w/.+-]+", word, re.ASCII) else f'"{escaped}"'


def _value(text: str) -> str:
    return text.replace("\\", "\\\\")
