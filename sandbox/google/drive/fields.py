"""Partial responses: the ``fields`` parameter.

https://developers.google.com/workspace/drive/api/guides/fields-parameter
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from sandbox.google.drive.discovery import resolved
from sandbox.google.errors import DriveRefusal

Tree = dict[str, "Tree | None"]

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

_TOKEN = re.compile(r"\s*([A-Za-z0-9_.$-]+|\*|[(),/])")


def select(kind: str, resource: dict[str, Any], fields: str | None) -> dict[str, Any]:
    """The part of ``resource`` that ``fields`` asks for; refuses unknown names."""
    tree = parse(kind, fields or DEFAULTS[kind])
    found: dict[str, Any] = _pick(resource, tree)
    return found


@lru_cache(maxsize=512)
def parse(kind: str, fields: str) -> Tree:
    """Parse and check a selector against the resource it is for."""
    tokens = _tokens(fields)
    tree, position = _list(tokens, 0, fields)
    if position != len(tokens):
        raise _refused(fields)
    _check(tree, {"$ref": _SCHEMAS[kind]})
    return tree


def _refused(what: str) -> DriveRefusal:
    return DriveRefusal(
        400, "invalidParameter", f"Invalid field selection {what}", location="fields"
    )


def _tokens(fields: str) -> list[str]:
    found, position = [], 0
    text = fields.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _refused(fields)
        found.append(match.group(1))
        position = match.end()
    return found


def _list(tokens: list[str], position: int, text: str) -> tuple[Tree, int]:
    tree: Tree = {}
    while True:
        position = _item(tokens, position, tree, text)
        if position < len(tokens) and tokens[position] == ",":
            position += 1
            continue
        return tree, position


def _item(tokens: list[str], position: int, tree: Tree, text: str) -> int:
    if position >= len(tokens) or tokens[position] in "(),/":
        raise _refused(text)
    name = tokens[position]
    position += 1
    branch: Tree | None = None
    if position < len(tokens) and tokens[position] == "/":
        branch = {}
        position = _item(tokens, position + 1, branch, text)
    elif position < len(tokens) and tokens[position] == "(":
        branch, position = _list(tokens, position + 1, text)
        if position >= len(tokens) or tokens[position] != ")":
            raise _refused(text)
        position += 1
    known = tree.get(name)
    if name in tree and (known is None or branch is None):
        tree[name] = None  # the whole is asked for as well as a part
    elif known is not None and branch is not None:
        known.update(branch)
    else:
        tree[name] = branch
    return position


def _check(tree: Tree, described: Mapping[str, Any]) -> None:
    described = resolved(described.get("items", described))
    for name, branch in tree.items():
        known = described.get("properties", {}).get(name, described.get("additionalProperties"))
        if known is None and name != "*":
            raise _refused(name)
        if branch is not None and known is not None:
            below = resolved(known.get("items", known))
            if not below.keys() & {"properties", "additionalProperties"}:
                raise _refused(f"{name}/{next(iter(branch))}")
            _check(branch, below)


def _pick(value: Any, tree: Tree | None) -> Any:
    if tree is None:
        return value
    if isinstance(value, list):
        return [_pick(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    if "*" in tree:
        everything = tree["*"]
        return {key: _pick(item, tree.get(key, everything)) for key, item in value.items()}
    return {key: _pick(value[key], branch) for key, branch in tree.items() if key in value}
