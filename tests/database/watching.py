"""Every statement that the product sends in a test, held against the census; a pytest plugin.

It is the innermost code of the repository that says whose statement it is: what a test itself says
to a database, to look or to plant something, is its own affair. Processes that tests start are not
watched; `make crash-sql` looks at what goes over the wire.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

import pytest

_ROOT: Final = Path(__file__).parents[2]
_OTHERS: Final = tuple(f"{_ROOT}/{name}/" for name in ("tests", "bench", ".venv"))
_MIGRATING: Final = (
    f"{_ROOT}/security/storage/sql/schema.py",
    f"{_ROOT}/security/storage/sql/migrations/",
)
_guard: Final = threading.Lock()
_found: list[str] = []
_is_watching = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """By now whatever the test's module imports is there; without SQLAlchemy nothing is sent."""
    if "sqlalchemy" in sys.modules:
        watch()
    return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """Whoever said what is not on the list has failed, whatever else came of it."""
    yield
    if found := take():
        pytest.fail("statements that are not on the list:\n" + "\n".join(found), pytrace=False)


def watch() -> None:
    """Hold every statement against the census from now on."""
    global _is_watching
    if _is_watching:
        return
    from sqlalchemy import Engine, event

    event.listen(Engine, "before_cursor_execute", _look)
    _is_watching = True


def take() -> list[str]:
    """What was found since this was last asked, a line each."""
    with _guard:
        found = list(dict.fromkeys(_found))
        _found.clear()
    return found


def _look(
    connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool
) -> None:
    from tests.database.census import complaints

    whose = _whose(sys._getframe(1))
    if whose is None:
        return
    migrating = _is_migrating(whose)
    said = [*complaints(statement, connection.dialect.name, in_migrations=migrating)]
    dbapi = connection.connection.dbapi_connection
    if "FOR UPDATE" in statement and getattr(dbapi, "get_autocommit", bool)():
        said.append("FOR UPDATE without a transaction, where it locks nothing")
    with _guard:
        _found.extend(f"{one}\n    in: {statement[:400]}" for one in said)


def _whose(frame: FrameType | None) -> FrameType | None:
    """The innermost code of the repository, if that is the product's."""
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith(_OTHERS) and not name.startswith(_OTHERS[-1]):
            return None
        if name.startswith(f"{_ROOT}/") and not name.startswith(_OTHERS):
            return frame
        frame = frame.f_back
    return None


def _is_migrating(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename.startswith(_MIGRATING):
            return True
        frame = frame.f_back
    return False
