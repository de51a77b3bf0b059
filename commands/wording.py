"""How commands count in words: one of a thing is one."""

from __future__ import annotations


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 file`, `2 files`, `0 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {plural or noun + 's'}"


def of_kind(number: int, kind: str) -> str:
    """So many documents of a kind, which has the name of several: `1 upload`, `2 uploads`."""
    return count(number, kind.removesuffix("s"), kind)
