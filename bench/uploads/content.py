"""Files to send: made of nothing that repeats, so that a piece in a wrong place is found out."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """A file on disk."""

    path: Path
    size: int
    md5: str


def make(path: Path, size: int) -> Content:
    """Write `size` bytes, other ones each time."""
    block = os.urandom(min(size, _PIECE))
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("wb") as file:
        for start in range(0, size, _PIECE):
            piece = (start.to_bytes(8, "big") + block[8:])[: size - start]
            digest.update(piece)
            file.write(piece)
    return Content(path, size, digest.hexdigest())
