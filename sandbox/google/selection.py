"""Partial responses: the ``fields`` parameter, whichever of Google's services it is sent to.

https://developers.google.com/workspace/drive/api/guides/fields-parameter
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Tree = dict[str, "Tree | None"]
Description = Mapping[str, Any]
"""Of a value, out of Google's description of a service."""

_TOKEN = re.compile(r"\s*([A-Za-z0-9_.$-]+|\*|[(),/])")


class InvalidSelection(ValueError):
    """The name that there is not, or the whole selector where it cannot be read."""


def parse(
    fields: str, described: Description, resolved: Callable[[Description], Description]
) -> Tree:
    """Parse and check a selector.

    Args:
        described: what is selected from.
        resolved: gives a description itself, or the one it refers to by name.

    Raises:
        InvalidSelection: it cannot be read, or selects what there is not.
    """
    tokens = _tokens(fields)
    tree, position = _list(tokens, 0, fields)
    if position != len(tokens):
        raise InvalidSelection(fields)
    _check(tree, described, resolved)
    return tree


def pick(value: Any, tree: Tree | None) -> Any:
    """What a selector selects of a value."""
    if tree is None:
        return value
    if isinstance(value, list):
        return [pick(item, tree) for item in value]
    if not isinstance(value, dict):
        return value
    if "*" in tree:
        everything = tree["*"]
        return {key: pick(item, tree.get(key, everything)) for key, item in value.items()}
    return {key: pick(value[key], branch) for key, branch in tree.items() if key in value}


def _tokens(fields: str) -> list[str]:
    found, position = [], 0
    text = fields.rstrip()
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise InvalidSelection(fields)
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
        raise InvalidSelection(text)
    name = tokens[position]
    position += 1
    branch: Tree | None = None
    if position < len(tokens) and tokens[position] == "/":
        branch = {}
        position = _item(tokens, position + 1, branch, text)
    elif position < len(tokens) and tokens[position] == "(":
        branch, position = _list(tokens, position + 1, text)
        if position >= len(tokens) or tokens[position] != ")":
            raise InvalidSelection(text)
        position += 1
    known = tree.get(name)
    if name in tree and (known is None or branch is None):
        tree[name] = None  # the whole is asked for as well as a part
    elif known is not None and branch is not None:
        known.update(branch)
    else:
        tree[name] = branch
    return position


def _check(
    tree: Tree, described: Description, resolved: Callable[[Description], Description]
) -> None:
    described = resolved(described)
    described = resolved(described.get("items", described))
    for name, branch in tree.items():
        known = described.get("properties", {}).get(name, described.get("additionalProperties"))
        if known is None and name != "*":
            raise InvalidSelection(name)
        if branch is not None and known is not None:
            below = resolved(known)
            below = resolved(below.get("items", below))
            if not below.keys() & {"properties", "additionalProperties"}:
                raise InvalidSelection(f"{name}/{next(iter(branch))}")
            _check(branch, below, resolved)
