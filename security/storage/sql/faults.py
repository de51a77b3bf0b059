"""Transactions, which are made again as a whole; and errors, of which only the meaning goes on."""

from __future__ import annotations

import itertools
import random
import sqlite3
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ContextDecorator, contextmanager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Generic, TypeVar

import pymysql
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from security.errors import OperatorFault
from security.storage.sql.errors import server, sqlite
from security.storage.sql.errors.meaning import Meaning, meaning
from security.storage.sql.errors.server import is_of_no_more_use

T = TypeVar("T")

READS: Final = "drivekeeper_reads"
"""An execution option: the transaction writes nothing."""
TURN: Final = "drivekeeper_turn"
"""An engine's: a lock for who writes. SQLite has one writer, and lets the others look again every
so often; threads of one process wait for each other better than that."""
_ERRORS: Final = (
    *(SQLAlchemyError, pymysql.MySQLError, sqlite3.Error, ssl.SSLError),
    *(UnicodeError, OverflowError),
)
"""The drivers' own as well: what is said to a connection as it begins does not pass SQLAlchemy, nor
does what becomes of a value that cannot be sent, which such an error would quote."""
_RETRIES: Final = 3
_PAUSE_SECONDS: Final = 0.05
"""Before the first repetition, half as much again or less; then twice that, and so on."""

_mine = threading.local()
"""Engines in whose transactions this thread is."""


class CommitUnknown(OperatorFault):
    """COMMIT went out and its answer never came: what was to be changed is there, or is not.

    Nobody makes it again blindly: what is there now says which of the two it is.
    """

    default_code = "database_unreachable"


def run(
    engine: Engine, work: Callable[[Connection], T], *, writes: bool = True, retries: int = _RETRIES
) -> T:
    """One whole transaction; `work` may be called again, from its beginning.

    Blocks, for as long as the engine's time-outs allow.

    Args:
        work: given a connection on which it alone works; it neither commits nor rolls back.
        writes: False: what it does is not kept. Nobody waits for it.

    Raises:
        CommitUnknown: whether it was made is not known.
        OperatorFault: the database cannot be asked, or refuses; nothing was changed.
        RuntimeError: it is asked for within another one, for which it might wait for ever.
    """
    with _the_only_one(engine):
        return _run(engine, work, writes, retries)


@contextmanager
def _the_only_one(engine: Engine) -> Iterator[None]:
    inside: set[Engine] = _mine.__dict__.setdefault("engines", set())
    if engine in inside:
        raise RuntimeError("a transaction within a transaction")
    inside.add(engine)
    try:
        yield
    finally:
        inside.discard(engine)


def _run(engine: Engine, work: Callable[[Connection], T], writes: bool, retries: int) -> T:
    turn = engine.get_execution_options().get(TURN) if writes else None
    for attempt in itertools.count():
        with turn or nullcontext():
            made = _once(engine, work, writes)
        if isinstance(made, _Made):
            return made.result
        if not made.again or attempt == retries:
            raise made.fault  # outside of any handler: no error of the database's hangs on it
        # No two processes that met here meet again.
        time.sleep(_PAUSE_SECONDS * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311
    raise AssertionError


def repeatable(engine: Engine, work: Callable[[Connection], T]) -> T:
    """As `run`, for what may be made twice: where a COMMIT's answer was lost, it is made again.

    Raises:
        CommitUnknown: it is still not known whether it was made.
        OperatorFault: nothing was changed.
    """
    unknown: CommitUnknown | None = None
    for _ in range(_RETRIES + 1):
        try:
            return run(engine, work)
        except CommitUnknown as fault:
            unknown = fault
        except OperatorFault:
            if unknown is None:
                raise
            break  # of the first time nobody knows still
    raise unknown or AssertionError


@dataclass(frozen=True, slots=True)
class _Made(Generic[T]):
    result: T


def _once(engine: Engine, work: Callable[[Connection], T], writes: bool) -> _Made[T] | Meaning:
    committing = False
    try:
        with engine.connect() as connection:
            if not writes:
                connection.execution_options(**{READS: True})
            result = work(connection)
            if writes:
                committing = True
                _commit(connection)
    except _ERRORS as error:
        failed = _judge(error)
        if committing and not _is_undone(error):
            return Meaning(CommitUnknown(str(failed.fault), code=failed.fault.code))
        return failed
    return _Made(result)


def _commit(connection: Connection) -> None:
    try:
        connection.commit()
    except BaseException:
        # Nobody knows what the transaction is in; and SQLAlchemy takes it for over.
        connection.invalidate()
        raise


class database_faults(ContextDecorator):  # noqa: N801 - used like a function
    """Turn the database's errors into an operator fault that quotes nothing of them."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if isinstance(error, _ERRORS):
            raise fault_of(error) from None


def fault_of(error: Exception) -> OperatorFault:
    """What an error of the database means, without its text."""
    return _judge(error).fault


def mark_lost(context: ExceptionContext) -> None:
    """A listener for `handle_error`: whose connection is gone does not go back into the pool."""
    if is_of_no_more_use(context.original_exception):
        context.is_disconnect = True


def _judge(error: Exception) -> Meaning:
    if isinstance(error, PoolTimeout):
        return meaning("all connections are in use: try again", "database_unreachable")
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return sqlite.of_sqlite(cause)
    return server.of_server(cause, is_gone=getattr(error, "connection_invalidated", False))


def _is_undone(error: Exception) -> bool:
    """Whether a COMMIT that failed so has certainly changed nothing."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return sqlite.is_undone(cause)
    return server.is_undone(cause)
