"""What administrators were told of while the database did not take it, over a restart."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from security.errors import OperatorFault
from security.storage.files.private_files import (
    ensure_private_folder,
    read_regular,
    write_atomically,
)

_NAME: Final = ".told.json"


class ToldNote:
    """In the data folder, beside a database. Both methods block, and neither raises: without it no
    more is lost than the message that something is over."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / _NAME

    def keep(self, since: Mapping[str, float]) -> None:
        """The codes, and since when each in Unix seconds; none: there is no note."""
        with suppress(OperatorFault, OSError):
            if since:
                ensure_private_folder(self._path.parent)
                write_atomically(self._path, json.dumps(dict(since)).encode())
            else:
                self._path.unlink(missing_ok=True)

    def take(self) -> dict[str, float]:
        """What was kept, which is read once."""
        with suppress(OperatorFault, OSError, ValueError):
            found = read_regular(self._path)
            self._path.unlink(missing_ok=True)
            kept = json.loads(found[0]) if found else None
            if isinstance(kept, dict):
                return {code: float(at) for code, at in kept.items() if type(at) in (int, float)}
        return {}
