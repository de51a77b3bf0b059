"""The option that nearly every command has. Light: help and completion import no more."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

DEFAULT_ENV_FILE: Final = Path(".env")

EnvFile = Annotated[
    Path,
    typer.Option(help="Lines of NAME=value, below the environment. One that is named must exist."),
]
