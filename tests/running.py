"""Which values of a test's parameters a run has, and how many it makes up."""

from __future__ import annotations

from typing import Any, Final

import pytest

FEW_DAMAGED: Final = 250
"""Files that the tests of damaged ones have, unless `--fuzz` says otherwise."""


def in_rest(*values: Any) -> list[Any]:
    """Values that repeat what another one tries: `make test-rest` has them (see conftest.py)."""
    return [pytest.param(value, marks=pytest.mark.one_way) for value in values]
