"""`drivekeeper service-account encode`: a key file as the line that settings want.

Of the settings it reads one alone, GOOGLE_TOKEN_URI, for the others may be what it is to mend; and
it writes nothing.
"""

from __future__ import annotations

import base64
import os
import re
import stat
import sys
from pathlib import Path
from typing import Annotated, Final

import typer

from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import Exit, stop
from config import SettingsError, token_uri_of
from config.service_accounts import ServiceAccountKey
from config.settings import service_account_variable
from config.sources import trimmed
from security.storage.disk_faults import reason_of

_SLUG: Final = re.compile(r"[a-z][a-z0-9]{0,30}")
_MOST_BYTES: Final = 64 * 1024
"""Google's files have less than 3 KiB."""


def _checked(slug: str) -> str:
    if not _SLUG.fullmatch(slug):
        stop("--department: a slug of DEPARTMENTS, such as tanhae: a-z and 0-9.", Exit.USAGE)
    return slug


def encode(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="As Google's console gave it, in JSON.")
    ],
    department: Annotated[
        str,
        typer.Option(metavar="SLUG", help="Whose it is: a slug of DEPARTMENTS.", callback=_checked),
    ],
    env_file: EnvFile = DEFAULT_ENV_FILE,
) -> None:
    """Print a service account's key file as one line for the settings, and nothing else on stdout.

    The file is looked at as at a start with these settings. It stays where it is; nothing is
    written.
    """
    data = _read(file)
    text = trimmed(data.decode("utf-8", "replace"))
    if not text.startswith("{"):
        stop("The file is no JSON: it should be the one that Google's console gave.", Exit.USAGE)
    try:
        token_uri = token_uri_of(env_file)
        key = ServiceAccountKey.parse(text, token_uri)
    except SettingsError as error:
        stop(f"The settings cannot be read: {'; '.join(error.faults)}.", Exit.USAGE)
    except ValueError as fault:
        stop(f"The file cannot be used: {fault}.", Exit.USAGE)
    name = service_account_variable(department).upper()
    typer.echo(f"{name}={base64.b64encode(data).decode('ascii')}")
    sys.stdout.flush()
    typer.echo(
        f"Put that line into the settings file (.env, mode 600) and restart. Then delete the key "
        f"file: whoever has a copy of it can read what is shared with {key.address}.",
        err=True,
    )


def _read(file: Path) -> bytes:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as opened:
            status = os.fstat(opened.fileno())
            if not stat.S_ISREG(status.st_mode):
                stop("That is no file.", Exit.USAGE)
            if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
                stop(
                    "Others on this machine may read this file, and a key in it is theirs as well. "
                    "If anybody else uses this machine, delete the key in Google's console and "
                    "make another. Else `chmod 600` the file, and run this again.",
                    Exit.FINDINGS,
                )
            data = opened.read(_MOST_BYTES + 1)
    except OSError as error:
        stop(f"The file cannot be read: {reason_of(error)}.", Exit.USAGE)
    if len(data) > _MOST_BYTES:
        stop("The file is too large for a service account's key.", Exit.USAGE)
    return data
