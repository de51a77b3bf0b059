"""On which line of a TOML text each key stands, which `tomllib` does not say."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Final

Path = tuple[str, ...]
DEEPEST: Final = 8
"""Names in a path; no setting is deeper."""

_STRING: Final = (
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'"
)
_SPACE: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*", re.DOTALL)
_PART: Final = re.compile(rf"[ \t]*({_STRING}|[A-Za-z0-9_-]+)[ \t]*", re.DOTALL)
_PIECE: Final = re.compile(rf"{_STRING}|#[^\n]*|[\[\]{{}}]|\n|[^\"'#\[\]{{}}\n]+", re.DOTALL)


def lines_of(text: str) -> dict[Path, int]:
    """By path the line, from 1, of every table and key that stands on a line of its own.

    Args:
        text: what `tomllib` has read without a fault.
    """
    found: dict[Path, int] = {}
    for path, place in _statements(text):
        line = text.count("\n", 0, place) + 1
        # A table that is only named as part of a longer name stands there too.
        for length in range(1, min(len(path), DEEPEST) + 1):
            found.setdefault(path[:length], line)
    return found


def line_of(found: dict[Path, int], path: Path) -> int:
    """The line of the path, or of the nearest thing around it that has one."""
    nearest = (path[:length] for length in range(len(path), 0, -1))
    return next((found[each] for each in nearest if each in found), 1)


def _statements(text: str) -> Iterator[tuple[Path, int]]:
    table: Path = ()
    place = _after_space(text, 0)
    while place < len(text):
        start = place
        if text[place] == "[":
            while text[place] == "[":
                place += 1
            table, place = _key(text, place)
            yield table, start
            place = _after_value(text, place)
        else:
            key, place = _key(text, place)
            yield table + key, start
            place = _after_value(text, place + 1)
        # What is no statement cannot be passed for ever.
        place = _after_space(text, max(place, start + 1))


def _after_space(text: str, place: int) -> int:
    match = _SPACE.match(text, place)
    return match.end() if match else place


def _key(text: str, place: int) -> tuple[Path, int]:
    parts: list[str] = []
    while match := _PART.match(text, place):
        part, place = match[1], match.end()
        is_bare = part[0] not in "\"'"
        parts.append(part if is_bare else str(tomllib.loads(f"x = {part}")["x"]))
        if text[place : place + 1] != ".":
            break
        place += 1
    return tuple(parts), place


def _after_value(text: str, place: int) -> int:
    """Where the line ends on which the value does that begins at `place`."""
    depth = 0
    while match := _PIECE.match(text, place):
        place = match.end()
        part = match[0]
        if part in {"[", "{"}:
            depth += 1
        elif part in {"]", "}"}:
            depth = max(0, depth - 1)
        elif part == "\n" and not depth:
            break
    return place
