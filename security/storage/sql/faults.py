"""What the database's errors mean; and transactions, which are made again as a whole.

The database's own texts quote what was sent: of an error only its number goes on.
"""

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
from typing import Any, Final, Generic, TypeVar

import pymysql
from sqlalchemy import Connection, Engine
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from security.errors import OperatorFault

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

_AGAIN: Final = frozenset({1062, 1205, 1213, 8002, 8005, 8022, 8028, 9007})
"""Undone by the server, and worth trying again: somebody was faster to insert what was not there, a
lock was waited for in vain, a deadlock; TiDB's conflicts of transactions and of the schema
(https://docs.pingcap.com/tidb/stable/error-codes)."""
_SCHEMA_CHANGED: Final = "Information schema is changed"
"""TiDB's text for 8028, which some of its versions send under another number."""
_LOST: Final = frozenset(
    {
        *(0, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927),
        *(2006, 2013, 2014, 2045, 2055, 3169, 4031),
    }
)
"""The connection is gone, or the server is going. 0: PyMySQL's, of a closed one."""
_NOT_REACHED: Final = frozenset(
    {
        *(1040, 1041, 1129, 1203, 1226, 2002, 2003, 2005),
        *(1047, 8027, 9001, 9002, 9003, 9004, 9005),
    }
)
"""Nobody answers, or nobody more is let in just now; or a server does not reach the others of its
cluster: 1047 of Galera's, the rest of TiDB's (the page above)."""
_REFUSED: Final = {
    **dict.fromkeys(
        (1045, 1130, 1251, 1524, 1698, 1820, 2059, 3118, 4151),
        "it does not let the account in: user or password is wrong, or it may not come from this "
        "machine, or not without TLS",
    ),
    **dict.fromkeys(
        (1044, 1142, 1143, 1227, 1370), "the account may not what it must (see docs/scaling.md)"
    ),
    1049: "there is no database of that name",
}
_NO_TLS: Final = 2026
"""PyMySQL's: the server offers none, or somebody on the way takes its offer away."""
_WANTS_TLS: Final = 3159
_FULL: Final = frozenset({1021, 1114, 1206})
_READ_ONLY: Final = frozenset({1290, 1792, 1836})
"""After another server has become the first, which a new connection leads to."""
_NOT_MADE: Final = frozenset({1146, 1054})
_ENDED: Final = frozenset({1317, 1969, 3024})
"""By KILL QUERY, or a limit of the server's own for how long a statement may take."""

_SQLITE_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})

_CERTIFICATE: Final = {
    9: "is not valid yet: is this machine's clock right?",
    10: "has expired",
    18: "is signed by nobody else; name its own authority in DATABASE_CA",
    19: "is of an authority that is not believed; name it in DATABASE_CA",
    20: "is of an authority that is not believed; name it in DATABASE_CA",
    21: "is of an authority that is not believed; name it in DATABASE_CA",
    62: "is for another host than the one named there",
    64: "is for another address than the one named there",
}
"""By OpenSSL's number (x509_vfy.h)."""


_mine = threading.local()
"""Engines in whose transactions this thread is."""


class CommitUnknown(OperatorFault):
    """COMMIT went out and its answer never came: what was to be changed is there, or is not.

    Nobody makes it again blindly: what is there now says which of the two it is.
    """

    default_code = "database_unreachable"


class StatementRefused(OperatorFault):
    """The database works, and takes not what it was sent: something in it may be of no use."""

    default_code = "store_failed"


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


@dataclass(frozen=True, slots=True)
class _Failed:
    fault: OperatorFault
    again: bool = False
    """Whether the whole transaction is worth making once more."""


def _once(engine: Engine, work: Callable[[Connection], T], writes: bool) -> _Made[T] | _Failed:
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
            return _Failed(CommitUnknown(str(failed.fault), code=failed.fault.code))
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
    error = context.original_exception
    if _is_lost(error) or number_of(error) in _READ_ONLY:
        context.is_disconnect = True


def number_of(error: BaseException | None) -> int | None:
    """The database's own number of an error; None: it has none."""
    if isinstance(error, sqlite3.Error):
        return getattr(error, "sqlite_errorcode", None)
    first: Any = error.args[0] if error is not None and error.args else None
    return first if isinstance(first, int) else None


def _judge(error: Exception) -> _Failed:
    if isinstance(error, PoolTimeout):
        return _failed("all connections are in use", "database_unreachable")
    cause: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause)
    if (tls := _tls_error(cause)) is not None:
        return _failed(tls, "database_untrusted")
    number = number_of(cause)
    if number in _AGAIN or _SCHEMA_CHANGED in str(cause):
        return _failed(
            f"a conflict with others that goes on (error {number})", "locked", again=True
        )
    if number in _READ_ONLY:
        return _failed(f"it is read-only (error {number})", "store_failed", again=True)
    if _is_lost(cause) or getattr(error, "connection_invalidated", False):
        slow = isinstance(getattr(cause, "__context__", None), TimeoutError)
        said = "did not answer in time" if slow else "the connection was lost"
        return _failed(f"{said} (error {number})", "database_unreachable", again=not slow)
    if number in _NOT_REACHED:
        return _failed(f"it cannot be reached (error {number})", "database_unreachable")
    if number == _WANTS_TLS:
        return _failed("it wants TLS: take tls=off away", "database_refused")
    if number in _REFUSED:
        return _failed(f"{_REFUSED[number]} (error {number})", "database_refused")
    what = {
        **dict.fromkeys(_FULL, "its disk is full"),
        **dict.fromkeys(_ENDED, "it ended a statement before its time"),
        **dict.fromkeys(_NOT_MADE, "a table is missing; run drivekeeper db upgrade"),
    }.get(number or 0)
    named = f"error {number}" if number is not None else type(cause).__name__
    return _failed(f"{what} ({named})", "store_failed") if what else _not_taken(named)


def _is_lost(cause: BaseException | None) -> bool:
    number = number_of(cause)
    # Without a number: packets out of their order.
    return number in _LOST if number is not None else isinstance(cause, pymysql.InternalError)


def _failed(says: str, code: str, *, again: bool = False) -> _Failed:
    return _Failed(OperatorFault(f"the database of DATABASE_URL: {says}", code=code), again)


def _not_taken(named: str) -> _Failed:
    return _Failed(
        StatementRefused(f"the database of DATABASE_URL: it refused a statement ({named})")
    )


def _tls_error(cause: BaseException | None) -> str | None:
    inner = getattr(cause, "original_exception", None) or cause
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate {_CERTIFICATE.get(inner.verify_code, 'is not believed')}"
    if isinstance(inner, ssl.SSLError) and not isinstance(inner, ssl.SSLEOFError):
        return "TLS with it fails"
    if number_of(cause) == _NO_TLS:
        return "it offers no TLS, without which nothing is sent to it"
    return None


def _of_sqlite(error: sqlite3.Error) -> _Failed:
    number = number_of(error)
    kind = (number or 0) & 0xFF
    if kind in _SQLITE_BUSY:
        return _failed(f"another process keeps it busy (error {number})", "locked", again=True)
    what = {
        sqlite3.SQLITE_FULL: "its disk is full",
        sqlite3.SQLITE_READONLY: "its file is read-only",
        sqlite3.SQLITE_CANTOPEN: "its file cannot be opened",
        sqlite3.SQLITE_PERM: "its file cannot be opened",
        sqlite3.SQLITE_NOTADB: "its file is no database",
        sqlite3.SQLITE_CORRUPT: "its file is damaged",
        sqlite3.SQLITE_IOERR: "its disk fails",
    }.get(kind)
    named = f"error {number}" if number is not None else type(error).__name__
    return _failed(f"{what} ({named})", "store_failed") if what else _not_taken(named)


def _is_undone(error: Exception) -> bool:
    """Whether a COMMIT that failed so has certainly changed nothing."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    number = number_of(cause)
    if isinstance(cause, sqlite3.Error):
        return (number or 0) & 0xFF in _SQLITE_BUSY | {sqlite3.SQLITE_FULL}
    return number in _AGAIN or _SCHEMA_CHANGED in str(cause)
