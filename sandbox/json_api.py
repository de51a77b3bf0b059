"""What the sandbox's own HTTP APIs share: JSON objects in, and 400 with the reason."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from types import UnionType
from typing import Any, ParamSpec

from aiohttp import web

P = ParamSpec("P")
Handler = Callable[P, Awaitable[web.StreamResponse]]
Kinds = Mapping[str, type | tuple[type, ...] | UnionType]


class InvalidRequest(ValueError):
    """Something that cannot be done as asked; the message says why."""


async def read_object(request: web.Request) -> dict[str, Any]:
    """The JSON object of a request; an empty body is an empty object."""
    try:
        body = json.loads(await request.read() or b"{}")
    except ValueError as error:
        raise InvalidRequest("the body is no JSON") from error
    if not isinstance(body, dict):
        raise InvalidRequest("the body is no JSON object")
    return body


def check_kinds(body: Mapping[str, Any], kinds: Kinds, *needed: str) -> None:
    """Refuse a name that is unknown, a value of another kind, and what lacks or is empty.

    Args:
        kinds: of the values, by name; a Boolean is no number.
        needed: the names that have to be there.
    """
    for name in needed:
        if body.get(name) in (None, ""):
            raise InvalidRequest(f"{name}: needed")
    for name, value in body.items():
        if name not in kinds:
            raise InvalidRequest(f"{name}: unknown")
        if not isinstance(value, kinds[name]) or (
            isinstance(value, bool) and kinds[name] is not bool
        ):
            raise InvalidRequest(f"{name}: wrong type")


def explaining(handler: Handler[P], *also: type[Exception]) -> Handler[P]:
    """Answer what cannot be done (InvalidRequest, `also`) with 400 and the reason."""

    refused: tuple[type[Exception], ...] = (InvalidRequest, *also)

    @wraps(handler)
    async def run(*args: P.args, **options: P.kwargs) -> web.StreamResponse:
        try:
            return await handler(*args, **options)
        except refused as error:
            return web.json_response({"error": str(error)}, status=400)

    return run
