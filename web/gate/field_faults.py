"""What is wrong with a request, field by field: by names and bounds of ours, and never with a value
or a name that was sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from config.languages import N_
from web.site.texts import Texts

Where = Literal["body", "query", "header", "path"]
_MOST: Final = 10
_TEXTS: Final = {
    "missing": N_("It is missing."),
    "json_invalid": N_("It is no JSON."),
    "extra_forbidden": N_("There is a field in it that is not known here."),
    "string_pattern_mismatch": N_("It has not the form that is asked for: {pattern}"),
    "string_type": N_("It must be text."),
    "literal_error": N_("It must be one of: {expected}."),
    "greater_than_equal": N_("It must be {ge} at least."),
    "less_than_equal": N_("It may be {le} at most."),
    **dict.fromkeys(
        ("string_too_short", "too_short"), N_("It is too short: it needs {min_length}.")
    ),
    **dict.fromkeys(
        ("string_too_long", "too_long"), N_("It is too long: {max_length} is the most.")
    ),
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_from_float", "int_parsing_size"),
        N_("It must be a whole number."),
    ),
    "moment": N_("It must be a moment such as 2026-11-30T12:00:00Z, with “+” written as %2B."),
    "list_type": N_("It must be a list."),
    **dict.fromkeys(
        ("model_attributes_type", "model_type", "dict_type"), N_("It must be a JSON object.")
    ),
}
"""By pydantic's type of an error: https://docs.pydantic.dev/latest/errors/validation_errors/"""
_OTHERWISE: Final = N_("It has a value that it cannot have.")


class FieldFault(BaseModel):
    """What is wrong with one field."""

    where: Where = Field(description="In which part of the request.", examples=["body"])
    field: str = Field(
        description='Its name; "" where it is the whole of that part.', examples=["size"]
    )
    detail: str = Field(examples=["It must be 1 at least."])


@dataclass(frozen=True, slots=True)
class Fault:
    """The same, in no language yet."""

    where: Where
    field: str
    text: str
    values: Mapping[str, object]

    def said(self, texts: Texts) -> dict[str, str]:
        """As `FieldFault` has it."""
        detail = texts.label(self.text, **self.values)
        return {"where": self.where, "field": self.field, "detail": detail}


def faults_of(errors: Sequence[Mapping[str, Any]]) -> tuple[Fault, ...]:
    """The first of pydantic's errors."""
    return tuple(_faults(errors[:_MOST]))


def _faults(errors: Sequence[Mapping[str, Any]]) -> Iterator[Fault]:
    for error in errors:
        kind, (where, *path) = error["type"], error["loc"]
        if kind in ("extra_forbidden", "json_invalid"):
            path = path[:-1]  # the name that was sent; or at which character
        text = _TEXTS.get(kind, _OTHERWISE)
        bounds = {
            name: said for name, said in error.get("ctx", {}).items() if f"{{{name}}}" in text
        }
        if "expected" in bounds:
            bounds["expected"] = bounds["expected"].replace(" or ", ", ")
        yield Fault(where, ".".join(map(str, path)), text, bounds)
