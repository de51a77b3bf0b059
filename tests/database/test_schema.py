"""The schema: made, upgraded and looked at, whoever is killed and however many do it at once."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, delete, insert, inspect, select, text, update

from security.errors import OperatorFault
from security.storage.sql import schema
from security.storage.sql.schema import HISTORY, REVISIONS, State
from security.storage.sql.tables import metadata
from tests.database.conftest import Place
from tests.running import in_rest
from tests.test_config import KEY

pytestmark = pytest.mark.one_way("off")

ROOT = Path(__file__).parents[2]


def upgrades(place: Place, *how: str) -> Any:
    """What `upgrades.py` prints."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.database.upgrades", *how],
        cwd=ROOT,
        env={**os.environ, **place.variables, "TOKEN_ENCRYPTION_KEY": KEY},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def differences(engine: Engine) -> list[Any]:
    """What Alembic finds between the database and `tables.py`."""
    with engine.connect() as connection:
        options = {
            "version_table": HISTORY.name,
            "compare_type": True,
            "compare_server_default": True,
        }
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))


def columns(engine: Engine) -> list[Any]:
    """Every column as the server has it, with collation and all."""
    if engine.dialect.name == "sqlite":
        query = "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' ORDER BY 1"
    else:
        query = (
            "SELECT table_name, column_name, column_type, character_set_name, collation_name, "
            "is_nullable, column_default, column_key, extra FROM information_schema.columns "
            "WHERE table_schema = DATABASE() "
            "ORDER BY table_name, column_name"
        )
    with engine.connect() as connection:
        found = [tuple(row) for row in connection.execute(text(query))]
    return [row for row in found if row[0] != HISTORY.name]


def test_the_history_is_one_line_and_the_one_that_starts_know() -> None:
    """A look at the database goes by a list, and need not import Alembic."""
    history = ScriptDirectory(str(ROOT / "security/storage/sql/migrations"))
    line = [script.revision for script in history.walk_revisions()]
    assert tuple(reversed(line)) == REVISIONS
    assert history.get_heads() == [REVISIONS[-1]]


def test_migrations_come_to_the_tables_of_today(engine: Engine, another: Engine) -> None:
    """By Alembic's comparison, and column by column: it passes over collations."""
    schema.upgrade(engine)
    assert differences(engine) == []
    metadata.create_all(another)
    assert columns(engine) == columns(another)


def test_an_upgrade_is_made_once(engine: Engine) -> None:
    """Of what is up to date nothing is changed."""
    assert schema.state_of(engine) is State.EMPTY
    assert schema.upgrade(engine) == REVISIONS
    assert schema.state_of(engine) is State.CURRENT
    assert schema.upgrade(engine) == ()
    schema.check(engine)


def test_a_start_makes_the_schema_of_an_empty_database(engine: Engine) -> None:
    """And of no other."""
    with pytest.raises(OperatorFault, match="is empty") as caught:
        schema.check(engine)
    assert caught.value.code == "schema_behind"
    assert not schema.is_in_use(engine)
    schema.make_or_check(engine)
    schema.make_or_check(engine)
    assert schema.is_in_use(engine)


def test_four_upgrades_at_once_are_one(place: Place, engine: Engine) -> None:
    """One does it, the others find it done, and all of them go on."""
    made = upgrades(place, "together")
    assert sorted(made) == [[], [], [], [*REVISIONS]]
    assert differences(engine) == []


@pytest.mark.parametrize("every", [7, *in_rest(1)])
def test_an_upgrade_that_is_killed_at_any_statement_is_finished_by_the_next(
    place: Place, engine: Engine, every: int
) -> None:
    """Before it went out and after it was done: nothing is left half made, and no lock."""
    ends = upgrades(place, "killed", str(every))
    assert {*ends[:-1]} == {9}
    assert len(ends) > (30 if every == 1 else 4)
    assert differences(engine) == []
    schema.check(engine)


def test_an_earlier_schema_is_refused_with_what_to_type(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A start changes nothing that is in use: other processes may be of the earlier version."""
    schema.upgrade(engine)
    monkeypatch.setattr(schema, "REVISIONS", (*REVISIONS, "9999"))
    for refused in (schema.check, schema.make_or_check):
        with pytest.raises(OperatorFault, match="drivekeeper db upgrade") as caught:
            refused(engine)
        assert caught.value.code == "schema_behind"


@pytest.mark.parametrize("does", [schema.check, schema.make_or_check, schema.upgrade])
def test_a_newer_schema_is_refused(engine: Engine, does: Any) -> None:
    """This version would damage what it does not know."""
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(update(HISTORY).values(version_num="9999"))
    with pytest.raises(OperatorFault, match="newer") as caught:
        does(engine)
    assert caught.value.code == "schema_ahead"


@pytest.mark.parametrize(
    "does", [schema.check, schema.make_or_check, schema.upgrade, schema.is_in_use]
)
def test_another_programs_database_is_refused_and_left_alone(engine: Engine, does: Any) -> None:
    """Whatever is in it."""
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE wp_posts (id INTEGER PRIMARY KEY)"))
    with pytest.raises(OperatorFault, match="another program") as caught:
        does(engine)
    assert caught.value.code == "another_database"
    assert inspect(engine).get_table_names() == ["wp_posts"]


@pytest.mark.parametrize("does", [schema.check, schema.make_or_check, schema.upgrade])
def test_a_table_that_was_taken_away_is_no_new_one(engine: Engine, does: Any) -> None:
    """An empty one in its place would hide that everything in it is gone."""
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("DROP TABLE documents"))
    with pytest.raises(OperatorFault, match="lacks a table that it had") as caught:
        does(engine)
    assert caught.value.code == "store_failed"
    assert "documents" not in inspect(engine).get_table_names()


@pytest.mark.parametrize("does", [schema.check, schema.make_or_check, schema.upgrade])
def test_a_version_that_there_has_never_been_is_not_called_newer(engine: Engine, does: Any) -> None:
    """No newer Drivekeeper could be started for it."""
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(update(HISTORY).values(version_num="0000"))
    with pytest.raises(OperatorFault, match="never been") as caught:
        does(engine)
    assert caught.value.code == "store_failed"


def test_tables_that_hold_something_are_not_called_empty(engine: Engine) -> None:
    """Where the word of their version is gone: an upgrade puts it back, and nothing is lost."""
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(insert(metadata.tables["leases"]).values(name="bot", held_until=1))
        connection.execute(delete(HISTORY))
    assert schema.is_in_use(engine)
    for does in (schema.check, schema.make_or_check):
        with pytest.raises(OperatorFault, match="db upgrade") as caught:
            does(engine)
        assert "empty" not in str(caught.value)
        assert caught.value.code == "schema_behind"
    schema.upgrade(engine)
    schema.check(engine)
    assert differences(engine) == []
    with engine.connect() as connection:
        assert connection.scalar(select(metadata.tables["leases"].c.name)) == "bot"


def test_a_first_schema_that_was_cut_short_is_no_other_programs(engine: Engine) -> None:
    """The first table of all says whose database it is."""
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(delete(HISTORY))
        connection.execute(text("DROP TABLE leases"))
    assert schema.state_of(engine) is State.EMPTY
    schema.make_or_check(engine)
    assert differences(engine) == []
