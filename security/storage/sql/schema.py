"""The schema of the database: made and brought up to date by Alembic, and looked at before a start.

Whoever upgrades is alone in that: on SQLite all of it is one transaction, elsewhere a lock of the
server's is held by the very connection that does it, so that both end together. A process may be
killed at any statement; the next one goes on from there.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    String,
    Table,
    func,
    inspect,
    select,
    text,
)
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import DBAPIError

from security.errors import OperatorFault
from security.storage.sql.faults import database_faults, run
from security.storage.sql.tables import metadata

REVISIONS: Final = ("0001",)
"""The schema's history, oldest first. A test holds it against `migrations/`, whose import takes
longer than a look at the database."""
_MIGRATIONS: Final = Path(__file__).parent / "migrations"
_LOCK_SECONDS: Final = 5  # an ask; less than any connection waits for an answer
_PATIENCE_SECONDS: Final = 300
_COMMAND: Final = "`drivekeeper db upgrade`"

_ascii = mysql.VARCHAR(32, charset="ascii", collation="ascii_bin")
HISTORY: Final = Table(
    "drivekeeper_schema",
    MetaData(),
    Column("version_num", String(32).with_variant(_ascii, "mysql", "mariadb"), primary_key=True),
    mysql_engine="InnoDB",
    mysql_charset="ascii",
    mysql_collate="ascii_bin",
)
"""Alembic's own table, under our name: it says of a database that it is Drivekeeper's."""


class State(StrEnum):
    """What is found in a database."""

    EMPTY = "empty"
    """Nothing, or what was begun of a first schema and has never been used."""
    CURRENT = "current"
    BEHIND = "behind"
    """An earlier version's."""
    AHEAD = "ahead"
    """A later version's."""
    UNMARKED = "unmarked"
    """Of which version its tables are, is not there any more; what is in them is."""
    UNKNOWN = "unknown"
    """What it says of its version is no version's."""
    INCOMPLETE = "incomplete"
    """This version's, but for a table that was taken away since."""
    FOREIGN = "foreign"
    """Another program's tables, and none of ours."""


def state_of(engine: Engine) -> State:
    """What is there; changes nothing.

    Raises:
        OperatorFault: the database cannot be asked.
    """
    return run(engine, _state, writes=False)


def state_of_ours(engine: Engine) -> State:
    """As `state_of`, of what nobody else has made; changes nothing.

    Raises:
        OperatorFault: it is another program's, or cannot be asked.
    """
    found = state_of(engine)
    if found is State.FOREIGN:
        _refuse_all_but(found=found)
    return found


def is_in_use(engine: Engine) -> bool:
    """Whether there is anything of Drivekeeper's, of whatever version. Raises as above."""
    return state_of_ours(engine) is not State.EMPTY


def check(engine: Engine) -> None:
    """See that the schema is the one of this version; changes nothing.

    Raises:
        OperatorFault: it is not, and what to do; or the database cannot be asked.
    """
    _refuse_all_but(State.CURRENT, found=state_of(engine))


def make_or_check(engine: Engine) -> None:
    """For a start: make the schema where the database is empty, else `check`.

    An upgrade of what is in use is an operator's decision: older processes may work with it still.

    Raises:
        OperatorFault: as `check`.
    """
    if state_of(engine) is State.EMPTY:
        upgrade(engine)
    else:
        check(engine)


def upgrade(engine: Engine) -> tuple[str, ...]:
    """Bring the schema up to date, and say by which revisions; none: it was. Others wait meanwhile.

    Raises:
        OperatorFault: the database is another program's or a newer Drivekeeper's, somebody else
            is at it for very long, or it cannot be changed.
    """
    with database_faults(), engine.connect() as connection, _alone(connection):
        found = _state(connection)
        _refuse_all_but(State.EMPTY, State.UNMARKED, State.BEHIND, State.CURRENT, found=found)
        if found is State.CURRENT:
            return ()
        HISTORY.create(connection, checkfirst=True)
        made = _migrate(connection)
        connection.commit()
        return made


def _migrate(connection: Connection) -> tuple[str, ...]:
    # Here, because most starts find the schema as it shall be.
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from alembic.script import ScriptDirectory

    history = ScriptDirectory(str(_MIGRATIONS))
    made: list[str] = []

    def steps(present: Any, _: MigrationContext) -> Any:
        return history._upgrade_revs("head", present)

    def note(*, step: Any, **_: Any) -> None:
        made.append(step.up_revision_id)

    context = MigrationContext.configure(
        connection,
        opts={
            "fn": steps,
            "script": history,
            "version_table": HISTORY.name,
            "on_version_apply": (note,),
        },
    )
    with Operations.context(context):
        context.run_migrations()
    return tuple(made)


def _state(connection: Connection) -> State:
    tables = inspect(connection).get_table_names()
    if HISTORY.name not in tables:
        return State.FOREIGN if tables else State.EMPTY
    found = {*connection.scalars(select(HISTORY.c.version_num))}
    if not found:
        ours = [table for table in metadata.sorted_tables if table.name in tables]
        one = select(text("1")).limit(1)
        holds = any(connection.scalar(one.select_from(table)) for table in ours)
        return State.UNMARKED if holds else State.EMPTY
    if found == {REVISIONS[-1]}:
        return State.CURRENT if metadata.tables.keys() <= {*tables} else State.INCOMPLETE
    if found <= {*REVISIONS}:
        return State.BEHIND
    return State.AHEAD if max(found) > REVISIONS[-1] else State.UNKNOWN


def _refuse_all_but(*wanted: State, found: State) -> None:
    if found in wanted:
        return
    says, code = _REFUSED[found]
    raise OperatorFault(f"the database of DATABASE_URL {says}", code=code)


_REFUSED: Final = {
    State.EMPTY: (
        f"is empty: {_COMMAND} or the bot's first start makes its tables",
        "schema_behind",
    ),
    State.BEHIND: (
        "has the tables of an earlier version: stop every process that works on it, back it up, "
        f"and run {_COMMAND}",
        "schema_behind",
    ),
    State.AHEAD: (
        "has the tables of a newer Drivekeeper, which this one would damage: start the newer one, "
        "or put a dump from before back",
        "schema_ahead",
    ),
    State.UNMARKED: (
        f"does not say any more of which version its tables are: {_COMMAND} sees to it",
        "schema_behind",
    ),
    State.UNKNOWN: (
        "names a version of its tables that there has never been: put a dump from before back",
        "store_failed",
    ),
    State.INCOMPLETE: (
        "lacks a table that it had, and what was in it: put a dump from before back",
        "store_failed",
    ),
    State.FOREIGN: (
        "holds another program's tables, and none of Drivekeeper's: name a database of its own",
        "another_database",
    ),
}


@contextmanager
def _alone(connection: Connection) -> Iterator[None]:
    """Keep every other upgrade of this database away, for as long as the connection lives."""
    if connection.dialect.name == "sqlite":  # a transaction begins by locking the file
        yield
        return
    # A change waits for whoever uses the table: that it waited in vain is an answer as well.
    connection.exec_driver_sql(f"SET SESSION lock_wait_timeout = {_LOCK_SECONDS * 4}")
    database = str(connection.scalar(select(func.database())))
    # Such names are the whole server's, and of 64 characters at most.
    name = "drivekeeper." + hashlib.sha256(database.encode()).hexdigest()[:32]
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while connection.scalar(select(func.get_lock(name, _LOCK_SECONDS))) != 1:
        if time.monotonic() > deadline:
            raise OperatorFault(
                "another upgrade of the database does not end: look for the process that is at it",
                code="locked",
            )
    try:
        yield
    finally:
        with suppress(DBAPIError):  # a connection that is lost holds no lock
            connection.rollback()
            connection.scalar(select(func.release_lock(name)))
