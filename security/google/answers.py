"""JSON that somebody else has written, read without believing it.

A field that lacks, is null, or is of another type than it should be is one that was not told: the
reader gets nothing ("" or None), and decides what follows. Nothing here raises, whatever is in an
answer: depth that the parser cannot hold, numbers of thousands of digits, NaN, halves of
characters.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any, Final

_MOST_WHOLE: Final = 2**63 - 1
"""The largest int64, which JSON carries as a string:
https://protobuf.dev/programming-guides/json/"""
_DIGITS: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_decoder: Final = json.JSONDecoder(parse_constant=lambda _: None)
_SURROGATES: Final = re.compile("[\ud800-\udfff]")


def json_object(content: bytes | str) -> dict[str, Any] | None:
    """The JSON object that `content` is; None: it is none."""
    try:
        if isinstance(content, bytes):
            content = content.decode(json.detect_encoding(content), "surrogatepass")
        found = _decoder.decode(content)
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        return None
    return found if isinstance(found, dict) else None


def text(answer: dict[str, Any], name: str) -> str:
    """A field that is a string, as something that can be written down; "": it is not told."""
    value = answer.get(name)
    # A half of a character is valid in JSON, and in no file, message or request.
    return _SURROGATES.sub("\ufffd", value) if isinstance(value, str) else ""


def whole(answer: dict[str, Any], name: str) -> int | None:
    """A field that is a number from 0 to the largest int64, or a string of one."""
    value = answer.get(name)
    if isinstance(value, str) and _DIGITS.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():  # 3.0, as some proxies write it
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST_WHOLE else None


def moment(answer: dict[str, Any], name: str) -> datetime | None:
    """A field that is a time of RFC 3339, aware."""
    try:
        found = datetime.fromisoformat(text(answer, name))
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def part(answer: dict[str, Any], name: str) -> dict[str, Any]:
    """A field that is an object; empty: it is not told."""
    value = answer.get(name)
    return value if isinstance(value, dict) else {}


def parts(answer: dict[str, Any], name: str) -> list[dict[str, Any]] | None:
    """The objects in a field that is a list; None: there is no list."""
    value = answer.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else None
