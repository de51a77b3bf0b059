"""Sizes of pictures, and stand-ins where Telegram would scale a picture down."""

from __future__ import annotations

import struct
import zlib
from functools import lru_cache
from pathlib import Path

_HEAD = 64 * 1024
_JPEG_SIZES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def picture_size(path: Path) -> tuple[int, int] | None:
    """Width and height of a PNG, GIF, JPEG or BMP file; None for anything else."""
    with path.open("rb") as source:
        head = source.read(_HEAD)
    if head.startswith(b"\x89PNG\r\n\x1a\n") and len(head) >= 24:
        width, height = struct.unpack(">II", head[16:24])
    elif head.startswith((b"GIF87a", b"GIF89a")) and len(head) >= 10:
        width, height = struct.unpack("<HH", head[6:10])
    elif head.startswith(b"BM") and len(head) >= 26:
        width, height = struct.unpack("<ii", head[18:26])
    elif head.startswith(b"\xff\xd8"):
        return _jpeg_size(head)
    else:
        return None
    return int(width), abs(int(height))


def _jpeg_size(head: bytes) -> tuple[int, int] | None:
    i = 2
    while i + 9 < len(head) and head[i] == 0xFF:
        if head[i + 1] in _JPEG_SIZES:
            height, width = struct.unpack(">HH", head[i + 5 : i + 9])
            return int(width), int(height)
        i += 2 + int.from_bytes(head[i + 2 : i + 4], "big")
    return None


def scaled(size: tuple[int, int], longest: int) -> tuple[int, int]:
    """The size with its longer side brought down to `longest`."""
    factor = min(1.0, longest / max(*size, 1))
    return max(1, round(size[0] * factor)), max(1, round(size[1] * factor))


def _chunk(kind: bytes, data: bytes) -> bytes:
    body = kind + data
    return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))


@lru_cache(maxsize=64)
def plain_png(width: int, height: int, colour: tuple[int, int, int] = (168, 199, 228)) -> bytes:
    """A PNG of one colour: a stand-in for a scaled-down picture."""
    row = b"\x00" + bytes(colour) * width
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", header)
        + _chunk(b"IDAT", zlib.compress(row * height, 9))
        + _chunk(b"IEND", b"")
    )
