"""docs/api.md is what the program says of itself."""

from __future__ import annotations

from pathlib import Path

from tests.api_docs import PAGE, description, page


async def test_the_api_page_is_up_to_date(tmp_path: Path) -> None:
    """If not: `make api-docs`."""
    assert page(await description(tmp_path)) == PAGE.read_text("utf-8")
