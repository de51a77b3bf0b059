"""Where an account's own things lie, by the environment and by what has always been.

https://specifications.freedesktop.org/basedir-spec/latest/
"""

from __future__ import annotations

import os
import sys
from pathlib import Path


def data_home() -> Path:
    """Menus, icons and the like."""
    return _named("XDG_DATA_HOME") or Path.home() / ".local" / "share"


def config_home() -> Path:
    """What the account has chosen."""
    return _named("XDG_CONFIG_HOME") or Path.home() / ".config"


def has_screen() -> bool:
    """Whether a window can be shown; without one a browser of the terminal would take it over."""
    if sys.platform in ("win32", "darwin"):
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY"))


def language_tag() -> str:
    """The language that this account's programs speak, such as zh_TW; "": nobody has said."""
    if sys.platform == "win32":
        import ctypes
        import locale

        return locale.windows_locale.get(ctypes.windll.kernel32.GetUserDefaultUILanguage(), "")
    names = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return next(filter(None, names), "").partition(".")[0]


def _named(name: str) -> Path | None:
    path = Path(os.environ.get(name, ""))
    return path if path.is_absolute() else None  # the specification: others are to be ignored
