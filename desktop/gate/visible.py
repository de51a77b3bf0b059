"""A place for the file that leads to the page where every browser can read it.

Browsers that come as snaps read nothing in hidden folders of the account's own, and see another
/tmp and /run; those of Flatpak and Firejail, little but downloads. All can read downloads.
https://snapcraft.io/docs/home-interface
"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from config.places import config_home

NAME: Final = "open-drivekeeper.html"
_DOWNLOADS: Final = re.compile(r'(?m)^XDG_DOWNLOAD_DIR="\$HOME/([^"]*)"')


def visible_places(home: Path) -> Iterator[Path]:
    """Where the file may lie, the best place first; none where the hidden one serves everybody."""
    if sys.platform in ("win32", "darwin"):
        return
    for folder in (home / _downloads(), home):
        if _is_ours_alone(folder):
            yield folder / NAME


def _downloads() -> str:
    """The folder's name, in the account's language."""
    try:
        found = _DOWNLOADS.search((config_home() / "user-dirs.dirs").read_text("utf-8"))
    except (OSError, ValueError):
        found = None
    return found[1] if found and found[1].strip("/") else "Downloads"


def _is_ours_alone(folder: Path) -> bool:
    """Whether nobody else can put another file in the place of one that is there."""
    try:
        status = folder.lstat()
    except OSError:
        return False
    others = status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not others
