"""What the product says to a database is on the list; and what is not is found."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from tests.database.census import MOST_IN_A_LIST, RULES, complaints
from tests.database.watching import take, watch

ROOT = Path(__file__).parents[2]
A_LOCK = "SELECT leases.name FROM leases WHERE leases.name IN (%(a)s) FOR UPDATE"
REFUSED = {
    "skips what is locked": f"{A_LOCK} SKIP LOCKED",
    "shares a lock": A_LOCK.replace("UPDATE", "SHARE"),
    "does not wait": f"{A_LOCK} NOWAIT",
    "a savepoint": "SAVEPOINT a",
    "no columns named": "SELECT * FROM leases",
    "no columns named of a table": "SELECT leases.name, leases.* FROM leases",
    "a list that is too long": A_LOCK.replace("%(a)s", ", ".join(["%s"] * (MOST_IN_A_LIST + 1))),
    "a lock of the server's": "SELECT GET_LOCK('a', 1)",
    "a table amid the work": "CREATE TABLE leases (name BIGINT)",
    "another program's table": "SELECT leases.name FROM users",
}
REFUSED_IN_MIGRATIONS = {
    "a foreign key": "ALTER TABLE leases ADD COLUMN name BIGINT REFERENCES documents (name)",
    "a check": "CREATE TABLE leases (name BIGINT, CHECK (name > 0))",
    "an enumeration": "CREATE TABLE leases (state ENUM('a', 'b'))",
    "a trigger": "CREATE TRIGGER name BEFORE INSERT ON leases FOR EACH ROW SET name = 1",
    "two changes at once": "ALTER TABLE leases ADD COLUMN name BIGINT, DROP COLUMN token",
    "whatever collation there is": "CREATE TABLE leases (\n\tname VARCHAR(20) NOT NULL\n)",
}


@pytest.mark.parametrize("statement", REFUSED.values(), ids=list(REFUSED))
def test_what_is_not_on_the_list_is_told(statement: str) -> None:
    assert complaints(statement, "mysql")


@pytest.mark.parametrize(
    "statement", REFUSED_IN_MIGRATIONS.values(), ids=list(REFUSED_IN_MIGRATIONS)
)
def test_what_migrations_may_not_say_either_is_told(statement: str) -> None:
    assert complaints(statement, "mysql", in_migrations=True)


def test_what_is_on_the_list_may_be_said() -> None:
    assert not complaints(A_LOCK, "mysql")
    assert complaints("SELECT GET_LOCK('a', 1)", "mysql", in_migrations=True) == ()


def test_a_planted_statement_is_found(tmp_path: Path) -> None:
    """As code of the product's would say it, in whatever test."""
    watch()
    source = "def say(connection, statement):\n    connection.execute(statement)\n"
    planted: dict[str, object] = {}
    exec(compile(source, ROOT / "security/storage/sql/planted.py", "exec"), planted)  # noqa: S102
    say = planted["say"]
    assert callable(say)
    take()
    engine = create_engine(f"sqlite:///{tmp_path}/a.db")
    with engine.connect() as connection:
        with pytest.raises(Exception, match="syntax error"):
            say(connection, text("SELECT 1 FOR UPDATE SKIP LOCKED"))
        connection.execute(text("SELECT sqlite_version()"))  # a test's own
    engine.dispose()
    assert [line.partition("\n")[0] for line in take()] == [
        "SKIP: not on the list",
        "LOCKED: not on the list",
    ]


def test_every_rule_names_what_tidb_says_of_it() -> None:
    assert all(rule.document for rule in RULES)
