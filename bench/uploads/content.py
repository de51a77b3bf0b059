"""Files to send: made of nothing that repeats, so that a piece in a wrong place is found out."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Final

_PIECE: Final = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """A file on disk."""

    path: Path
    size: int
    md5: str


def make(path: Path, size: int, begins: bytes = b"", ends: bytes = b"") -> Content:
    """Write `size` bytes, other ones each time, but for how they begin and end."""
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("wb") as file:
        for piece in chain((begins,), _pieces(size - len(begins) - len(ends)), (ends,)):
            digest.update(piece)
            file.write(piece)
    return Content(path, size, digest.hexdigest())


def _pieces(size: int) -> Iterator[bytes]:
    block = os.urandom(min(size, _PIECE))
    for start in range(0, size, _PIECE):
        yield (start.to_bytes(8, "big") + block[8:])[: size - start]
