"""docs/api.md is what the program says of itself."""

from __future__ import annotations

import json
import re
from pathlib import Path

from tests.api_docs import PAGE, description, page
from web.api.reading import fields, operations


async def test_the_api_page_is_up_to_date(tmp_path: Path) -> None:
    """If not: `make api-docs`."""
    assert page(await description(tmp_path)) == PAGE.read_text("utf-8")


async def test_every_limit_of_what_is_sent_stands_there(tmp_path: Path) -> None:
    """A program is not to find them by being refused."""
    document = await description(tmp_path)
    written = page(document)
    for limit in (
        "`name` | What it shall be called in Drive.",
        "1 to 255 characters. |",
        "In bytes. An empty file cannot be uploaded. 1 to 5497558138880. |",
        "ASCII without blanks. 1 to 128 characters; of the form `^[!-~]{1,128}$`. Required. |",
        "Of the form `^[0-9A-Fa-f]{32}$`. |",
        "whoever may not (401, 403) hears nothing",
        "A computer is told of its own department alone",
    ):
        assert limit in written, limit
    said = [one.says for one in fields(document)]
    said += [parameter.says for one in operations(document) for parameter in one.parameters]
    for pattern in re.findall(r'"pattern": "([^"]+)"', json.dumps(document)):
        assert any(f"f the form `{pattern}`" in one for one in said), pattern
