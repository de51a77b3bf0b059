"""A few points of the crash matrix over a database; `make crash-sql` tries them all."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.installed import needs

ROOT = Path(__file__).parents[3]


@needs("mariadbd")
@pytest.mark.one_way
def test_a_few_points_lose_nothing() -> None:
    """The command itself: a sample of a save, whose connections are cut."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "tests.database.crash", "save"),
            *("--every", "9", "--workers", "1"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.fullmatch(r"crash-sql: \d\d+ points, 0 losses", done.stdout.splitlines()[-1])
