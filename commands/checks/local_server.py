"""The folder that is shared with a local Bot API server."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path
from typing import Final

from commands.checks.finding import Finding, failed, ok, warning
from config import Settings
from config.sizes import size

NAME: Final = "local server"
_LARGEST_BYTES: Final = 4000 * 1024 * 1024
_SHARE: Final = (
    "Let TELEGRAM_FILES_DIR be the local Bot API server's --dir, under the same path for both, "
    "and run both as the same user."
)


def check_local_server(settings: Settings) -> list[Finding]:
    """It is there, the server keeps this bot's files in it, and they can be read and deleted."""
    folder, token = settings.telegram_files_dir, settings.telegram_bot_token
    if folder is None or token is None:
        return []  # which the settings' own line says
    try:
        return [
            _fault(
                folder,
                follow_links=True,
                mode=os.X_OK,
                missing=failed(NAME, "There is no folder where TELEGRAM_FILES_DIR says.", _SHARE),
                other="TELEGRAM_FILES_DIR is not a folder.",
                closed="TELEGRAM_FILES_DIR may not be entered by this user.",
            )
            or _fault(
                folder / token.get_secret_value(),
                follow_links=False,
                mode=os.R_OK | os.W_OK | os.X_OK,
                missing=warning(
                    NAME,
                    "The local Bot API server has kept nothing for this bot in TELEGRAM_FILES_DIR "
                    "yet.",
                    f"Nothing, before its first file. Else: {_SHARE}",
                ),
                other="What stands for this bot in TELEGRAM_FILES_DIR is no folder; links are not "
                "followed.",
                closed="What the local Bot API server keeps for this bot may not be read and "
                "deleted.",
            )
            or _room(folder)
        ]
    except OSError as error:  # its text may have the token
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        return [failed(NAME, f"TELEGRAM_FILES_DIR cannot be looked at ({reason}).", _SHARE)]


def _fault(
    folder: Path, *, follow_links: bool, mode: int, missing: Finding, other: str, closed: str
) -> Finding | None:
    """What is wrong with a folder: `missing`, something `other`, or `closed` to this `mode`."""
    try:
        is_folder = stat.S_ISDIR(folder.stat(follow_symlinks=follow_links).st_mode)
    except FileNotFoundError:
        return missing
    if not is_folder:
        return failed(NAME, other, _SHARE)
    return None if os.access(folder, mode) else failed(NAME, closed, _SHARE)


def _room(folder: Path) -> Finding:
    free = shutil.disk_usage(folder).free
    if free < _LARGEST_BYTES:
        says = f"Only {size(free)} free where the local Bot API server keeps files."
        do = f"Make room: a file may have {size(_LARGEST_BYTES)}, and is fetched whole."
        return warning(NAME, says, do)
    return ok(NAME, "Its folder is there, and this bot's files in it can be read and deleted.")
