"""Sizes of pictures, and stand-ins where Telegram would scale a picture down."""

from __future__ import annotations

from functools import lru_cache
from io import BytesIO
from pathlib import Path


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a picture; None for anything else."""
    from PIL import Image  # where a picture comes, not at every start

    try:
        with Image.open(path) as picture:
            return picture.size
    except (OSError, ValueError, Image.DecompressionBombError):
        return None


def scaled(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """The size with its longer side brought down to `longest`."""
    factor = min(1.0, longest / max(*size, 1))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


@lru_cache(maxsize=64)
def plain_png(width: int, height: int, colour: tuple[int, int, int] = (168, 199, 228)) -> bytes:
    """A PNG of one colour: a stand-in for a scaled-down picture."""
    from PIL import Image

    written = BytesIO()
    Image.new("RGB", (width, height), colour).save(written, "PNG")
    return written.getvalue()
