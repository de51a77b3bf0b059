"""The list of what is not held against databases holds nothing that is no more."""

from __future__ import annotations

from pathlib import Path

from tests.exceptions import OF_DATABASES

TESTS = Path(__file__).parent


def test_every_exception_is_of_a_test_that_is_there() -> None:
    """One that was renamed would run over databases, and its line would say nothing."""
    sources = [path.read_text("utf-8") for path in TESTS.rglob("test_*.py")]
    names = [name for name in OF_DATABASES if not any(f"def {name}(" in text for text in sources)]
    assert names == []
