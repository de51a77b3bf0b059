"""What tests of commands share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def folder(run_way: str, tmp_path: Path) -> Path:
    """The data folder, not made yet, or what a database stands for."""
    return tmp_path / "user_data"
