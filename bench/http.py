"""As much of HTTP/1.1 as the benchmarks' own ends of it need, and no more."""

from __future__ import annotations

import re
from typing import Final

_LENGTH: Final = re.compile(rb"\r\ncontent-length: *([0-9]+)", re.IGNORECASE)


def is_whole(message: bytes | bytearray) -> bool:
    """Whether a request or an answer has come to the end of its body."""
    end = message.find(b"\r\n\r\n")
    if end < 0:
        return False
    length = _LENGTH.search(message, 0, end)
    return len(message) >= end + 4 + (int(length[1]) if length else 0)
