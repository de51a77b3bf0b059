"""Parameters of Bot API calls that are JSON; what they are not is refused in the server's words."""

from __future__ import annotations

import json
from typing import Any, TypeVar

from sandbox.telegram.errors import bad_request
from sandbox.telegram.model import Json

T = TypeVar("T")


def parse_json(raw: str, what: str, kind: type[T], otherwise: str) -> T:
    """The value of a parameter; raises ApiError.

    Args:
        what: its name in the refusal of what is no JSON.
        otherwise: the refusal of a value of another kind.
    """
    try:
        value: Any = json.loads(raw)
    except ValueError:
        raise bad_request(f"Can't parse {what} JSON object") from None
    if not isinstance(value, kind):
        raise bad_request(otherwise)
    return value


def require_fields(value: Json, what: str, *names: str) -> None:
    """Refuse an object that lacks one of these fields."""
    for name in names:
        if name not in value:
            raise bad_request(f"Can't parse {what}: Can't find field \"{name}\"")
