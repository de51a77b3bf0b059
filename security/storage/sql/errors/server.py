"""What the errors of MariaDB, MySQL, TiDB and of the way to them mean.

https://mariadb.com/kb/en/mariadb-error-code-reference/,
https://dev.mysql.com/doc/mysql-errors/8.4/en/, https://docs.pingcap.com/tidb/stable/error-codes
"""

from __future__ import annotations

import socket
import ssl
from typing import Final

import pymysql

from security.storage.disk_faults import reason_of
from security.storage.sql.errors.meaning import (
    Meaning,
    meaning,
    named,
    not_taken,
    number_of,
    numbered,
)

_AGAIN: Final = frozenset({1062, 1205, 1213, 8002, 8005, 8022, 8028, 9007})
"""Undone by the server, and worth trying again: somebody was faster to insert what was not there, a
lock was waited for in vain, a deadlock; TiDB's conflicts of transactions and of the schema."""
_SCHEMA_CHANGED: Final = "Information schema is changed"
"""TiDB's text for 8028, which some of its versions send under another number."""
_LOST: Final = frozenset(
    {
        *(0, 1053, 1077, 1079, 1152, 1158, 1159, 1160, 1161, 1184, 1927),
        *(2006, 2013, 2014, 2045, 2055, 3169, 4031),
    }
)
"""The connection is gone, or the server is going. 0: PyMySQL's, of a closed one."""
_NO_WAY: Final = frozenset({2002, 2003, 2005})
"""Nobody answers: PyMySQL's, with the system's own error inside."""
_NOT_IN: Final = {
    **dict.fromkeys(
        (1040, 1041), "it has no room for another connection: a process wants six (max_connections)"
    ),
    1129: "it shuts this machine out after many attempts that failed: FLUSH HOSTS at the server "
    "lets it in again",
    **dict.fromkeys(
        (1203, 1226),
        "the account may have no more connections, or has used up what it may in an hour: a "
        "process wants six, and no limit by the hour (MAX_USER_CONNECTIONS and its like)",
    ),
    **dict.fromkeys(
        (1047, 8027, 9001, 9002, 9003, 9004, 9005),
        "the server does not reach the others of its cluster: look there",
    ),
}
"""Nobody more is let in just now; or a server is cut off: 1047 of Galera's, the rest of TiDB's."""
_REFUSED: Final = {
    **dict.fromkeys(
        (1045, 1130, 1251, 1524, 1698, 1820, 2059, 3118, 4151),
        "it does not let the account in: user or password is wrong, or it may not come from this "
        "machine, or not without TLS",
    ),
    1044: "there is no database of that name, or the account may not use it: docs/scaling.md has "
    "what it is granted",
    **dict.fromkeys(
        (1142, 1143, 1227, 1370),
        "the account may not what it must: `drivekeeper db check` says what it lacks, and "
        "docs/scaling.md has what it is granted",
    ),
    1049: "there is no database of that name: make it, or correct DATABASE_URL",
}
_NO_TLS: Final = 2026
"""PyMySQL's: the server offers none, or somebody on the way takes its offer away."""
_WANTS_TLS: Final = 3159
_READ_ONLY: Final = frozenset({1290, 1792, 1836})
"""After another server has become the first, which a new connection leads to."""
_MAKE_WRITABLE: Final = (
    "it is read-only: make it writable (read_only at the server), or name the server that is"
)
_SAYS: Final = {
    **dict.fromkeys((1021, 1114, 1206), "its disk is full: make room there"),
    **dict.fromkeys(
        (1317, 1969, 3024),
        "it ended a statement before its time: somebody did (KILL QUERY), or a limit of the "
        "server's own (max_statement_time)",
    ),
    1054: "a table lacks a column that it had: put a dump from before back (docs/backup.md)",
    1146: "a table is missing: `drivekeeper db check` says what to do about it",
}

_AUTHORITY: Final = (
    "is of no authority that is believed: see that DATABASE_CA names the one that has signed it"
)
_CERTIFICATE: Final = {
    9: "is not valid yet: look at this machine's clock",
    10: "has expired: renew it at the server",
    18: "is signed by nobody else, and not named itself: see that DATABASE_CA names it",
    **dict.fromkeys((19, 20, 21), _AUTHORITY),
    62: "is for another host than the one named there: name one that it has",
    64: "is for another address than the one named there: name a host that it has",
}
"""By OpenSSL's number (x509_vfy.h)."""
_AWAY: Final = "database_unreachable"


def of_server(error: BaseException | None, *, is_gone: bool) -> Meaning:
    """What it means, without its text.

    Args:
        is_gone: whether the connection is known to be.
    """
    if (tls := _of_tls(error)) is not None:
        return meaning(tls, "database_untrusted")
    number = number_of(error)
    if number in _AGAIN or _SCHEMA_CHANGED in str(error):
        says = f"a conflict with others that goes on ({named(error)}): try again"
        return meaning(says, "locked", again=True)
    if number in _READ_ONLY:
        return meaning(numbered(_MAKE_WRITABLE, error), again=True)
    if is_lost(error) or is_gone:
        slow = isinstance(getattr(error, "__context__", None), TimeoutError)
        says = "did not answer in time" if slow else "the connection was lost"
        return meaning(f"{says} ({named(error)})", "database_unreachable", again=not slow)
    if number in _NO_WAY:
        return meaning(f"it cannot be reached: {numbered(_why(error), error)}", _AWAY)
    if number in _NOT_IN:
        return meaning(numbered(_NOT_IN[number], error), _AWAY)
    if number == _WANTS_TLS:
        return meaning("it wants TLS: take tls=off away", "database_refused")
    if number in _REFUSED:
        return meaning(numbered(_REFUSED[number], error), "database_refused")
    known = _SAYS.get(number or 0)
    return meaning(numbered(known, error)) if known else not_taken(named(error))


def is_lost(error: BaseException | None) -> bool:
    """Whether its connection is gone."""
    number = number_of(error)
    # Without a number: packets out of their order.
    return number in _LOST if number is not None else isinstance(error, pymysql.InternalError)


def is_of_no_more_use(error: BaseException | None) -> bool:
    """Whether another connection may fare better: this one is gone, or leads to a server that has
    become read-only."""
    return is_lost(error) or number_of(error) in _READ_ONLY


def is_undone(error: BaseException | None) -> bool:
    """Whether a COMMIT that failed so has certainly changed nothing."""
    return number_of(error) in _AGAIN or _SCHEMA_CHANGED in str(error)


def _why(error: BaseException | None) -> str:
    """Why no connection came of it, by the system's own number: its texts name the address."""
    inner = _inner(error)
    if isinstance(inner, socket.gaierror):
        if inner.errno == socket.EAI_AGAIN:
            return "no name server says where its host is: look at the network"
        return "its host's name is not known: see that it is written right"
    if isinstance(inner, TimeoutError):
        return "nobody answers there: see that the address is right, and no firewall between"
    why = reason_of(inner) if isinstance(inner, OSError) else "nobody answers there"
    return f"{why}: see that the server runs and listens there, and a way leads to it"


def _inner(error: BaseException | None) -> BaseException | None:
    inner: BaseException | None = getattr(error, "original_exception", None)
    return inner or error


def _of_tls(error: BaseException | None) -> str | None:
    inner = _inner(error)
    if isinstance(inner, ssl.SSLCertVerificationError):
        return f"its certificate {_CERTIFICATE.get(inner.verify_code, 'is not believed')}"
    if isinstance(inner, ssl.SSLError) and not isinstance(inner, ssl.SSLEOFError):
        return "TLS with it fails: it must offer TLS 1.2 or newer"
    if number_of(error) == _NO_TLS:
        return "it offers no TLS, without which nothing is sent to it: turn it on at the server"
    return None
