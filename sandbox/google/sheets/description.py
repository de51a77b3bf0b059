"""What Google's description of Sheets knows: anything else in a request is refused.

The description is the one packaged with Google's client.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Any

from aiohttp import web
from googleapiclient.discovery_cache import get_static_doc

from sandbox.google.selection import InvalidSelection, Tree, parse
from sandbox.google.sheets.refusals import SheetsRefusal, bad_request


def check_query(request: web.Request, *method: str) -> None:
    """Refuse a parameter that the method does not have.

    Args:
        method: its name, below `spreadsheets`: ("get",) or ("values", "get").
    """
    known = _parameters(method)
    for name in request.query:
        if name not in known:
            text = f'Invalid JSON payload received. Unknown name "{name}": Cannot bind query '
            raise bad_request(
                f"{text}parameter. Field '{name}' could not be found in request message."
            )


@lru_cache(maxsize=64)
def selector(fields: str, schema: str) -> Tree:
    """A field mask against the resource it is for; its parts may be joined by dots or slashes."""
    try:
        return parse(fields.replace(".", "/"), {"$ref": schema}, _resolved)
    except InvalidSelection as error:
        raise unknown_field(str(error)) from None


def unknown_field(name: str) -> SheetsRefusal:
    """Build the 400 for a field mask that cannot be."""
    return bad_request(
        "Request contains an invalid argument.",
        field=name,
        description=f"Error expanding 'fields' parameter. Cannot find matching fields for path "
        f"'{name}'.",
    )


@cache
def _document() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(get_static_doc("sheets", "v4"))
    return found


@cache
def _parameters(method: tuple[str, ...]) -> frozenset[str]:
    document = _document()
    resource = document["resources"]["spreadsheets"]
    for name in method[:-1]:
        resource = resource["resources"][name]
    described: dict[str, Any] = resource["methods"][method[-1]]["parameters"]
    return frozenset({*described, *document["parameters"]})


def _resolved(described: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = _document()["schemas"].get(described.get("$ref"), described)
    return found
