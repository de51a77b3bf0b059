"""`drivekeeper tokens …`: stored credentials, looked at and converted."""

from __future__ import annotations

import typer

app = typer.Typer(help="Stored credentials: look at them, convert them.", no_args_is_help=True)
