"""The JSON Schema of sheets.toml, for editors that check while one types.

What only shows when sheets are seen together (references, slugs), and whether a pattern or a zone
is one, is for the program itself to say. `python -m sheets.shapes.schema` writes the file anew.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

from sheets.shapes.file import FILE

PATH: Final = Path(__file__).with_name("sheets.schema.json")


def schema() -> dict[str, Any]:
    """Of the file as `parse_shapes` takes it."""
    found = _plain(FILE.json_schema(mode="validation"))
    for name, model in found["$defs"].items():
        # Where a table of codes is may be said by the sheet that names it.
        if "kind" in model["properties"] and name != "CodeTable":
            model["required"] = [*model["required"], "spreadsheet"]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "sheets.toml of Drivekeeper",
        "description": "Which spreadsheets are mirrored, by department and name, and their shape.",
        **found,
    }


def text() -> str:
    """As it stands in the file."""
    return json.dumps(schema(), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def _plain(found: Any) -> Any:
    """Without what is for programs: OpenAPI's discriminator, titles made of names, and null, which
    TOML does not have."""
    if isinstance(found, list):
        return [_plain(each) for each in found]
    if not isinstance(found, dict):
        return found
    kept = {
        key: _plain(value)
        for key, value in found.items()
        if not (key == "title" and isinstance(value, str))
        and key != "discriminator"
        and not (key == "default" and value is None)
    }
    if "patternProperties" in kept:
        kept["additionalProperties"] = False
    choices = kept.get("anyOf")
    if isinstance(choices, list) and {"type": "null"} in choices:
        left = [each for each in choices if each != {"type": "null"}]
        if len(left) == 1:
            del kept["anyOf"]
            return {**left[0], **kept}
    return kept


if __name__ == "__main__":
    PATH.write_text(text(), "utf-8")
    sys.stdout.write(f"{PATH.name}\n")
