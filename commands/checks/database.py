"""The database: is it reached, is it the right one, and does it keep what the storage counts on?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from commands.checks.finding import Finding, failed, ok, sentence, skipped, warning
from security.errors import CustodyError
from security.maintenance.incidents import MOST_SKEW_SECONDS

if TYPE_CHECKING:
    from commands.runtime import Database, Installation, Server

NAME: Final = "database"
_HARDLY_SECONDS: Final = 0.1
_LEAST_BYTES: Final = 4 * 1024 * 1024


def check_database(there: Installation) -> list[Finding]:
    """As `check_server`; of one that is empty, that the bot's first start makes its tables."""
    with there.database() as database:
        try:
            if there.are_files_unmoved():
                says = "It holds nothing, and the data folder holds credentials."
                do = (
                    "`drivekeeper tokens move --to sql` brings everything along; to begin anew, "
                    "name another data folder."
                )
                return [failed(NAME, says, do)]
            if not database.is_in_use():
                do = "Nothing, before the bot's first start, which makes them."
                return [warning(NAME, "There are no tables in it yet.", do)]
        except CustodyError as fault:
            return [_unreached(fault)]
        return check_server(database)


def check_server(database: Database) -> list[Finding]:
    """What server it is, how it is reached, its tables, its clock and what the account may."""
    try:
        if not database.is_made():
            return [failed(NAME, "There is no such file yet.", "Run `drivekeeper db upgrade`.")]
        server = database.server()
    except CustodyError as fault:
        return [_unreached(fault)]
    return [
        ok(NAME, f"{server.product} {server.version} answers."),
        _tls(database, server),
        _schema(database),
        _clock(server),
        _isolation(server),
        _durability(server),
        *_statements(server),
        *_account(server),
    ]


def _unreached(fault: CustodyError) -> Finding:
    if fault.code == "moved_away":
        return failed(NAME, sentence(fault), "As it says.")
    do = "Look at DATABASE_URL, at the server and at the network between."
    return failed(NAME, sentence(fault), do)


def _tls(database: Database, server: Server) -> Finding:
    name = "database tls"
    if database.is_within_machine:
        return ok(name, "It is asked within this machine, without TLS.")
    # The engine connects in no other way; some servers do not say which version it is.
    return ok(name, f"{server.tls or 'TLS'}; the server's certificate and its name are verified.")


def _schema(database: Database) -> Finding:
    name = "database tables"
    try:
        database.check_schema()
    except CustodyError as fault:
        return failed(name, sentence(fault), "As it says.")
    return ok(name, "They are those of this version.")


def _clock(server: Server) -> Finding:
    name = "database clock"
    if server.skew_seconds is None:
        return ok(name, "It is this machine's.")
    seconds = abs(server.skew_seconds)
    side = "ahead of" if server.skew_seconds > 0 else "behind"
    says = f"The server's clock is {seconds:.1f} seconds {side} this machine's."
    if seconds < _HARDLY_SECONDS:
        says = "The server's clock and this machine's agree."
    if seconds > MOST_SKEW_SECONDS:
        do = "Have both set by NTP (timedatectl): leases and tokens' ends go by the server's."
        return warning(name, says, do)
    return ok(name, says)


def _isolation(server: Server) -> Finding:
    name = "database isolation"
    if server.isolation in ("READ COMMITTED", "SERIALIZABLE"):
        return ok(name, f"Transactions are {server.isolation}.")
    return failed(
        name,
        f"Transactions are {server.isolation}, though READ COMMITTED was asked for.",
        "See that nothing between here and the server (a proxy) changes sessions.",
    )


def _durability(server: Server) -> Finding:
    name = "database durability"
    if server.is_durable:
        return ok(name, "What is committed is on its disk.")
    return warning(
        name,
        "A crash of the server may lose the last second of what it has confirmed.",
        "Set innodb_flush_log_at_trx_commit=1: a refresh token that Google has replaced is gone "
        "for good with the save that is lost.",
    )


def _statements(server: Server) -> Iterator[Finding]:
    name = "database statements"
    if server.most_bytes is not None and server.most_bytes < _LEAST_BYTES:
        says = f"Statements may have {server.most_bytes // 1024} KiB at most."
        yield failed(name, says, "Set max_allowed_packet=16M at the server.")


def _account(server: Server) -> Iterator[Finding]:
    name, may = "database account", server.privileges
    if may is None:
        return
    if may.has_roles:
        yield skipped(name, "It has privileges by a role, which are not looked into.")
        return
    if missing := may.missing_to_work:
        yield failed(
            name,
            f"It may not {_listed(missing)}.",
            "Grant that on the database: docs/scaling.md has the statement.",
        )
    elif may.too_many:
        yield warning(
            name,
            f"It may do more than it needs: {_listed(may.too_many)}.",
            "Make an account that may work on this database alone: docs/scaling.md has it.",
        )
    elif missing := may.missing_to_upgrade:
        says = f"It may do what processes need, and no upgrade ({_listed(missing)})."
        yield ok(name, says)
    else:
        yield ok(name, "It may do what it needs, on this database alone.")


def _listed(privileges: Iterable[str]) -> str:
    return ", ".join(sorted(privileges))


def check_trials(database: Database) -> list[Finding]:
    """The storage's own work, tried on documents of its own."""
    try:
        if not database.is_made():
            return []
        database.check_schema()
    except CustodyError:
        return [skipped("tried", "Nothing is tried before the tables are those of this version.")]
    return [
        ok(f"tried: {trial.name}", f"{trial.says}.")
        if trial.fault is None
        else failed(f"tried: {trial.name}", f"{trial.fault}.", _DO)
        for trial in database.trials()
    ]


_DO: Final = (
    "Do not keep credentials in this database: report it with the product and version above."
)
