"""What the tests of connections share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from traceback import format_exception
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, text

from config.database import DatabaseAddress
from security.errors import OperatorFault
from security.storage.sql.engine import make_engine
from security.storage.sql.faults import run


@contextmanager
def engine_of(
    url: SecretStr | str, ca: Path | None = None, *, read_seconds: float = 30
) -> Iterator[Engine]:
    """The product's engine for an address."""
    address = DatabaseAddress.parse(url if isinstance(url, SecretStr) else SecretStr(url), ca)
    engine = make_engine(address, read_seconds=read_seconds)
    try:
        yield engine
    finally:
        engine.dispose()


def ask(engine: Engine, statement: str, *, writes: bool = False) -> Any:
    """The first column of a statement's first row, in a transaction of its own."""
    return run(engine, lambda connection: said(connection, statement), writes=writes)


def said(connection: Connection, statement: str) -> Any:
    """The same within one; None: it gives no rows."""
    found = connection.execute(text(statement))
    return found.scalar() if found.returns_rows else None


def refusal(engine: Engine, statement: str = "SELECT 1") -> OperatorFault:
    """Why nothing comes of it; nothing hangs on the fault that could quote what was sent."""
    with pytest.raises(OperatorFault) as caught:
        ask(engine, statement, writes=True)
    assert caught.value.__context__ is caught.value.__cause__ is None
    assert "canary" not in "".join(format_exception(caught.value))
    return caught.value
