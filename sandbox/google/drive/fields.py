"""Partial responses: the ``fields`` parameter.

https://developers.google.com/workspace/drive/api/guides/fields-parameter
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from sandbox.google.drive.discovery import resolved
from sandbox.google.errors import DriveRefusal
from sandbox.google.selection import InvalidSelection, Tree, pick
from sandbox.google.selection import parse as parse_selector

# What may be selected from, by its name in Google's description of Drive.
_SCHEMAS = {
    "file": "File",
    "list": "FileList",
    "permission": "Permission",
    "permissions": "PermissionList",
    "ids": "GeneratedIds",
    "about": "About",
}
# What Drive answers where no fields are asked for.
DEFAULTS = {
    "file": "kind,id,name,mimeType",
    "list": "kind,nextPageToken,incompleteSearch,files(kind,id,name,mimeType)",
    "permission": "kind,id,type,role",
    "permissions": "kind,nextPageToken,permissions(kind,id,type,role)",
    "ids": "*",
    "about": "*",
}


def select(kind: str, resource: dict[str, Any], fields: str | None) -> dict[str, Any]:
    """The part of ``resource`` that ``fields`` asks for; refuses unknown names."""
    tree = parse(kind, fields or DEFAULTS[kind])
    found: dict[str, Any] = pick(resource, tree)
    return found


@lru_cache(maxsize=512)
def parse(kind: str, fields: str) -> Tree:
    """Parse and check a selector against the resource it is for."""
    try:
        return parse_selector(fields, {"$ref": _SCHEMAS[kind]}, resolved)
    except InvalidSelection as error:
        raise DriveRefusal(
            400, "invalidParameter", f"Invalid field selection {error}", location="fields"
        ) from None
