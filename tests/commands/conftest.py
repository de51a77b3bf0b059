"""What tests of commands share."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import Result


@pytest.fixture
def folder(run_way: str, tmp_path: Path) -> Path:
    """The data folder, not made yet, or what a database stands for."""
    return tmp_path / "user_data"


def in_json(result: Result) -> dict[str, Any]:
    """The one object on stdout."""
    document: dict[str, Any] = json.loads(result.stdout)
    return document
