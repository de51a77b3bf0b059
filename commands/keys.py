"""`drivekeeper keys …`: make encryption keys, see which are in use, rotate them."""

from __future__ import annotations

import typer

app = typer.Typer(help="Encryption keys: make, check, rotate.", no_args_is_help=True)
