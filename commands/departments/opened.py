"""What commands about departments work on: the storage, and what recognises links and keys."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commands.output import Exit, stop
from commands.runtime import Custody, open_custody
from departments.secret import AccessSecret


@contextmanager
def opened(env_file: Path) -> Iterator[tuple[Custody, AccessSecret]]:
    """Both, as the settings say; faults end the command with one sentence.

    Nothing is sealed where everything else is in plaintext: a bot that has no key would not start.
    """
    with open_custody(env_file, changes=True) as custody:
        if not custody.settings.encryption_keys:
            stop(
                "TOKEN_ENCRYPTION_KEY is not set: what departments have is never kept in "
                "plaintext. `drivekeeper keys generate` makes a key.",
                Exit.USAGE,
            )
        storage = custody.storage
        storage.prepare()
        storage.check_keys()
        yield custody, AccessSecret.of(storage)
