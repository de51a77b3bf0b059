"""The self-test is tested: a database that breaks one promise is found by the trial of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest
from sqlalchemy import Engine, event

from security.encryption import TokenEncryption
from security.storage.sealing import Sealer
from security.storage.sql import schema
from security.storage.sql.checks.trials import TRIALS, Trials
from security.storage.sql.storage import SqlStorage
from tests.security.kit import new_key
from tests.storage.backends import MASK

pytestmark = pytest.mark.one_way("off")

KEYRING: Final = TokenEncryption([new_key()])


def outcome(engine: Engine) -> dict[str, str | None]:
    """What each trial came to: by its name its fault, or None."""
    trials = Trials(engine, lambda: SqlStorage(engine, Sealer(KEYRING), MASK, [TRIALS]))
    return {trial.name: trial.fault for trial in trials.run()}


def rewriting(engine: Engine, rewrite: Callable[[str], str]) -> None:
    """The server understands something else than what is sent."""

    def send(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> tuple[str, Any]:
        return rewrite(statement), parameters

    event.listen(engine, "before_cursor_execute", send, retval=True)


def without_locks(statement: str) -> str:
    """As where FOR UPDATE is parsed and passed over."""
    return statement.replace(" FOR UPDATE", "")


def test_locks_that_do_not_lock_are_found(engine: Engine) -> None:
    """TiDB did so with SKIP LOCKED; whoever does so with FOR UPDATE loses tokens."""
    if engine.dialect.name == "sqlite":
        pytest.skip("a transaction locks the whole file")
    schema.upgrade(engine)
    rewriting(engine, without_locks)
    assert "FOR UPDATE locks nothing" in str(outcome(engine)["locks"])


def test_leases_that_everybody_gets_are_found(engine: Engine) -> None:
    """As where an UPDATE's condition counts for nothing."""
    schema.upgrade(engine)

    def without_conditions(statement: str) -> str:
        if not statement.startswith("UPDATE leases"):
            return statement
        return statement.replace("held_until <", "held_until <> 0 OR held_until <")

    rewriting(engine, without_conditions)
    assert outcome(engine)["leases"] is not None


def test_changes_that_are_kept_though_they_were_taken_back_are_found(engine: Engine) -> None:
    """As of a proxy that commits each statement."""
    if engine.dialect.name == "sqlite":
        pytest.skip("nothing stands between the program and the file")
    schema.upgrade(engine)

    @event.listens_for(engine, "after_cursor_execute")
    def commit(connection: Any, _: Any, statement: str, *__: Any) -> None:
        if statement.startswith("DELETE"):
            connection.connection.driver_connection.commit()

    assert outcome(engine)["isolation"] is not None
