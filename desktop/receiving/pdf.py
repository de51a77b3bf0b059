"""Whether what was dropped is a PDF, by its bytes; and how large one may be.

A PDF says what it is in its first kilobyte and ends by `%%EOF` in its last (ISO 32000-1, 7.5.2 and
7.5.5, and what readers accept beyond that): where the end is missing, the copy is not whole.
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

LARGEST: Final = 200 * 1024 * 1024
_EDGE: Final = 1024
Fault = Literal["empty", "too_big", "no_pdf", "damaged", "disk"]


class Examined:
    """The bytes of one file, as they go by."""

    def __init__(self) -> None:
        self.size = 0
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._begins = b""
        self._ends = b""

    def take(self, piece: bytes) -> None:
        """What comes next in it."""
        self.size += len(piece)
        self._md5.update(piece)
        if len(self._begins) < _EDGE:
            self._begins = (self._begins + piece)[:_EDGE]
        self._ends = (self._ends + piece[-_EDGE:])[-_EDGE:]

    @property
    def md5(self) -> str:
        """In hexadecimal."""
        return self._md5.hexdigest()

    @property
    def is_too_big(self) -> bool:
        """Whether no more of it need be looked at."""
        return self.size > LARGEST

    def fault(self) -> Fault | None:
        """What is wrong with it, once it has all gone by; None: nothing."""
        if self.size == 0:
            return "empty"
        if self.is_too_big:
            return "too_big"
        if b"%PDF-" not in self._begins:
            return "no_pdf"
        return None if b"%%EOF" in self._ends else "damaged"
