"""`drivekeeper sheets guess`: a first sheets.toml."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, show_json, stop
from commands.runtime import read_settings
from commands.sheets.reading import read_all, readers_of
from config import Settings
from sheets.guess import guess
from sheets.keeping.sources import day_at
from sheets.shapes.models import id_in

_ID: Final = re.compile(r"[A-Za-z0-9_-]{20,200}")
Address = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="Of a spreadsheet, or its id alone.")
]


def guess_sheets(
    address: Address,
    department: Annotated[
        str | None,
        typer.Option(metavar="SLUG", help="Whose service account reads it, and whose it is."),
    ] = None,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
) -> None:
    """Print a first sheets.toml for a spreadsheet, by what it looks like.

    It can be used as it is; what was not understood stands there as remarks. Keeps nothing.
    """
    settings = read_settings(env_file)
    spreadsheet = _id_in(address)
    slug = _department(settings, department)
    with readers_of(settings) as readers:
        reading = read_all(readers, slug, spreadsheet)
    now = datetime.now(UTC).timestamp()
    text = guess(reading, slug, day_at(now, reading.zone))
    if as_json:
        show_json({"department": slug, "toml": text})
    else:
        typer.echo(text, nl=False)


def _id_in(address: str) -> str:
    found = id_in(address)
    if not _ID.fullmatch(found):
        stop("ADDRESS: is neither the address of a spreadsheet nor its id.", Exit.USAGE)
    return found


def _department(settings: Settings, slug: str | None) -> str:
    known = [entry.partition("=")[0] for entry in settings.departments]
    if slug is not None:
        if slug not in known:
            stop(f"--department: DEPARTMENTS has {', '.join(known)}.", Exit.USAGE)
        return slug
    with_keys = [each for each in known if each in settings.service_accounts]
    if len(with_keys) != 1:
        why = "several departments have" if with_keys else "no department has"
        stop(f"--department is needed: {why} a service account.", Exit.USAGE)
    return with_keys[0]
