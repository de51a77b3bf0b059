"""The settings of a bot against the sandbox, as a file of lines NAME=value."""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_FIRST_LINE: Final = "# Written by `drivekeeper sandbox`. Nothing in it opens a door anywhere else."


class EnvFileRefused(Exception):
    """The file was not written; if there was one, it is as it was."""


def env_text(settings: Mapping[str, str]) -> str:
    """The file's content."""
    lines = (f"{name}={value}" for name, value in settings.items())
    return "\n".join([_FIRST_LINE, *lines]) + "\n"


def write_env_file(path: Path, settings: Mapping[str, str]) -> None:
    """Write the file, with mode 0600, or renew one that a sandbox has written.

    Raises:
        EnvFileRefused: something else is there, or the system does not let it be written.
    """
    flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        with os.fdopen(
            os.open(path, flags, 0o600), "r+", encoding="utf-8", errors="replace"
        ) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise EnvFileRefused("it is no file")
            if file.read(len(_FIRST_LINE)) not in ("", _FIRST_LINE):
                raise EnvFileRefused("it holds something else, and is left as it is")
            os.fchmod(file.fileno(), 0o600)
            file.seek(0)
            file.truncate()
            file.write(env_text(settings))
    except OSError as error:
        raise EnvFileRefused(f"it cannot be written ({error.strerror})") from error
