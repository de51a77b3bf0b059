"""The API's description, read for people: what a page and docs/api.md say of each operation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

_METHODS: Final = ("get", "post", "delete")
_WORDS: Final = {"integer": 0, "number": 0.0, "boolean": True, "array": [], "object": {}}
"""JSON type → an example where the schema gives none."""

_BOUNDS: Final = {
    "": ("minimum", "maximum"),
    " characters": ("minLength", "maxLength"),
    " of them": ("minItems", "maxItems"),
}
"""What is counted → JSON Schema's words for the least and the most."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One of an operation's."""

    name: str
    where: str
    """query, path or header."""
    is_required: bool
    says: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What an operation may answer."""

    status: str
    says: str
    example: str
    """JSON, indented; "" where there is none."""
    of: str
    """What it is an example of, as `fields` calls it."""


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path."""

    method: str
    path: str
    says: str
    who: tuple[str, ...]
    """The security schemes of which any serves; none: anybody."""
    parameters: tuple[Parameter, ...]
    body: str
    """An example, JSON, indented; "" where nothing is sent."""
    body_of: str
    """What it is an example of, as `fields` calls it."""
    answers: tuple[Answer, ...]

    @property
    def anchor(self) -> str:
        """For links to it."""
        return f"{self.method} {self.path}".lower().translate(str.maketrans(" /{}", "----"))


@dataclass(frozen=True, slots=True)
class FieldOf:
    """A field of a body whose name does not say it all."""

    of: str
    """The body."""
    name: str
    says: str


def fields(document: Mapping[str, Any]) -> Iterator[FieldOf]:
    """Every one of an OpenAPI document."""
    for name, schema in sorted(document["components"]["schemas"].items()):
        for field, said in schema.get("properties", {}).items():
            if says := _with_limits(said.get("description", ""), said):
                yield FieldOf(name, field, says)


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """Every operation of an OpenAPI document, in its order."""
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                yield _operation(document, path, method, item[method])


def _operation(
    document: Mapping[str, Any], path: str, method: str, said: Mapping[str, Any]
) -> Operation:
    body = said.get("requestBody", {}).get("content", {}).get("application/json")
    return Operation(
        method=method.upper(),
        path=path,
        says=said.get("description", said.get("summary", "")),
        who=tuple(name for scheme in said.get("security", []) for name in scheme),
        parameters=tuple(
            Parameter(
                one["name"],
                one["in"],
                one.get("required", False),
                _with_limits(
                    one.get("description", one["schema"].get("description", "")), one["schema"]
                ),
            )
            for one in said.get("parameters", [])
        ),
        body=_written(document, body["schema"]) if body else "",
        body_of=_name(body["schema"]) if body else "",
        answers=tuple(_answer(document, *one) for one in said["responses"].items()),
    )


def _with_limits(says: str, schema: Mapping[str, Any]) -> str:
    """What is said of a value, and what it has to keep to."""
    limits = [said for one in [schema, *schema.get("anyOf", [])] for said in _limits(one)]
    if not limits:
        return says
    said = "; ".join(limits)
    return f"{says} {said[:1].upper()}{said[1:]}.".strip()


def _whole(number: float | None) -> int | None:
    return None if number is None else int(number)  # the framework writes 1.0


def _limits(schema: Mapping[str, Any]) -> Iterator[str]:
    for what, (least, most) in _BOUNDS.items():
        match _whole(schema.get(least)), _whole(schema.get(most)):
            case None, None:
                pass
            case low, None:
                yield f"{low}{what} at least"
            case None, high:
                yield f"{high}{what} at most"
            case low, high:
                yield f"{low} to {high}{what}"
    if form := schema.get("pattern"):
        yield f"of the form `{form}`"


def _answer(document: Mapping[str, Any], status: str, said: Mapping[str, Any]) -> Answer:
    [content] = list(said.get("content", {}).values())[:1] or [None]
    is_good = status.startswith("2") and content is not None
    schema = content["schema"] if is_good and content else {}
    example = _written(document, schema) if schema else ""
    return Answer(status, said["description"], example, _name(schema))


def _name(schema: Mapping[str, Any]) -> str:
    """Of the schema that it leads to; "": it leads to none."""
    leads_to = [schema, *schema.get("anyOf", [])]
    return next((str(one["$ref"]).rpartition("/")[2] for one in leads_to if "$ref" in one), "")


def _written(document: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    return json.dumps(_example(document, schema), ensure_ascii=False, indent=2)


def _example(document: Mapping[str, Any], schema: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return _example(document, document["components"]["schemas"][name])
    if schema.get("examples"):
        return schema["examples"][0]
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return schema["enum"][0]
    if "anyOf" in schema:
        return _example(document, schema["anyOf"][0])
    if "properties" in schema:
        return {name: _example(document, one) for name, one in schema["properties"].items()}
    if schema.get("type") == "array":
        return [_example(document, schema["items"])]
    if schema.get("format") == "date-time":
        return "2026-11-29T12:10:00Z"
    return schema.get("default", _WORDS.get(str(schema.get("type")), "…"))
