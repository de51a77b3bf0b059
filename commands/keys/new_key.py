"""`drivekeeper keys generate`: a new key. It reads no settings, and needs little to begin with."""

from __future__ import annotations

import sys

import typer
from cryptography.fernet import Fernet


def generate() -> None:
    """Print a new key: on stdout the key and nothing else."""
    typer.echo(Fernet.generate_key().decode("ascii"))
    sys.stdout.flush()
    typer.echo(
        "A new key, for TOKEN_ENCRYPTION_KEY (in front: <new>,<old>) or TOKEN_BACKUP_KEY. Keep a "
        "copy apart from the data. The bot reads it when it is started.",
        err=True,
    )
