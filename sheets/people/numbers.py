"""Staff numbers as people write them: `Ａ１００１`, `a1001`, `A 1001` are one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sheets.cells.text import normal, plain

LONGEST: Final = 40
"""Characters of one."""


def number_in(text: str) -> str | None:
    """The number that somebody has written; None: that is none."""
    if len(text) > 4 * LONGEST:
        return None
    found = normal(text)
    return found if 0 < len(found) <= LONGEST else None


def is_same(one: str, other: str) -> bool:
    """Whether two spell the same number."""
    return plain(one) == plain(other)


def found_in(numbers: Iterable[str], text: str) -> str | None:
    """Which of these is meant, as it stands there; None: none of them, or more than one."""
    every = [*numbers]
    exact = normal(text)
    if exact in every:
        return exact
    alike = [number for number in every if is_same(number, text)]
    return alike[0] if len(alike) == 1 else None
