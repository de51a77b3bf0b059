"""A defect of the program, and the code that ties what a person saw to its log line."""

from __future__ import annotations

import secrets
from typing import Final

from security.errors import CustodyError

_ALPHABET: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # no 0/O, 1/I: people read it aloud


class Unexpected(CustodyError):
    """A defect of the program, by the reference under which it is logged."""

    def __init__(self, reference: str) -> None:
        super().__init__("a defect of the program")
        self.reference = reference


def new_reference() -> str:
    """A short code, for a log line and the person who is to tell it."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(6))
