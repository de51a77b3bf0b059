"""The database: is it reached, is it the right one, and does it keep what the storage counts on?"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from commands.checks.finding import Finding, State, failed, ok, sentence, skipped, warning
from commands.checks.folder import check_above, check_file_system, check_space, nearest
from security.errors import CustodyError
from security.maintenance.incidents import MOST_SKEW_SECONDS
from security.storage.disk_faults import reason_of

if TYPE_CHECKING:
    from commands.runtime import Database, Extra, Installation, Server, Trial

NAME: Final = "database"
_HARDLY_SECONDS: Final = 0.1
_LEAST_BYTES: Final = 4 * 1024 * 1024


def check_database(there: Installation) -> list[Finding]:
    """As `check_server`; and whether files hold credentials that were not brought along."""
    with there.database() as database:
        try:
            there.refuse_emptied()
            if there.are_files_unmoved():
                says = "It holds nothing, and the data folder holds credentials."
                do = (
                    "`drivekeeper tokens move --to sql` brings everything along; to begin anew, "
                    "name another data folder."
                )
                return [failed(NAME, says, do)]
        except CustodyError as fault:
            if fault.code == "moved_away":
                return [_unreached(fault)]
            found = check_server(database)  # which sees more of what is wrong
            is_told = any(one.state is State.FAILED for one in found)
            return found if is_told else [_unreached(fault), *found]
        return [*check_server(database), *_beside(there)]


def _beside(there: Installation) -> list[Finding]:
    try:
        if not there.is_in_use() or not there.are_credentials_in_files():
            return []
    except CustodyError:
        return []  # of the database it is said already, and the folder is nothing to it
    return [
        warning(
            "data folder",
            "It holds credentials as well, and nobody uses or refreshes them while DATABASE_URL is "
            "set.",
            "If the database has the right ones, put the data folder away as a backup; if the "
            "folder has, name an empty database and run `drivekeeper tokens move --to sql`.",
        )
    ]


def check_server(database: Database) -> list[Finding]:
    """What server it is, how it is reached, its tables, its clock and what the account may."""
    try:
        if not database.is_made():
            return _file(database)
        server = database.server()
    except CustodyError as fault:
        return [_unreached(fault), *_file(database)]
    return [
        ok(NAME, f"{server.product} {server.version} answers."),
        _tls(database, server),
        *_schema(database),
        _clock(server),
        _isolation(server),
        _durability(server),
        *_statements(server),
        *_account(server),
        *_file(database),
    ]


def _unreached(fault: CustodyError) -> Finding:
    return failed(NAME, sentence(fault), _WHERE.get(fault.code, "As it says."))


_WHERE: Final = {
    "database_unreachable": "Look at host and port in DATABASE_URL, at the server and at the "
    "network between; docs/runbook.md goes through it.",
    "database_untrusted": "Look at DATABASE_CA, at the host in DATABASE_URL and at the server's "
    "certificate; docs/runbook.md goes through it.",
    "database_refused": "Compare DATABASE_URL with the account at the server: docs/scaling.md has "
    "the statements that make one.",
}


def _tls(database: Database, server: Server) -> Finding:
    name = "database tls"
    if database.is_within_machine:
        return ok(name, "It is asked within this machine, without TLS.")
    # The engine connects in no other way; some servers do not say which version it is.
    return ok(name, f"{server.tls or 'TLS'}; the server's certificate and its name are verified.")


def _schema(database: Database) -> list[Finding]:
    name = "database tables"
    try:
        if database.is_empty():
            do = (
                "Nothing, before the bot's first start, which makes them. To have everything tried "
                "before it: `drivekeeper db upgrade`, then `drivekeeper db check`."
            )
            return [warning(name, "There are none in it yet.", do)]
        database.check_schema()
    except CustodyError as fault:
        return [failed(name, sentence(fault), "As it says.")]
    return [ok(name, "They are those of this version."), _writable(database)]


def _writable(database: Database) -> Finding:
    name = "database writable"
    try:
        database.check_writable()
    except CustodyError as fault:
        do = _WHERE.get(fault.code, "As it says: until then no refreshed token can be saved.")
        return failed(name, sentence(fault), do)
    return ok(name, "What is put there is kept.")


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
        yield from map(_too_many, may.too_many)
    elif missing := may.missing_to_upgrade:
        says = f"It may do what processes need, and no upgrade ({_listed(missing)})."
        yield ok(name, says)
    else:
        yield ok(name, "It may do what it needs, on this database alone.")


def _too_many(extra: Extra) -> Finding:
    name, what = "database account", _listed(extra.privileges)
    if extra.is_everybodys:
        return warning(
            name,
            f"Everybody on the server may, and so does it, on {extra.where}: {what}.",
            "At the server: REVOKE ALL PRIVILEGES on that FROM PUBLIC; or mariadb-secure-"
            "installation, which also removes accounts without a name.",
        )
    return warning(
        name,
        f"It may do more than it needs, on {extra.where}: {what}.",
        "REVOKE that, or make an account that may work on this database alone: docs/scaling.md "
        "has it.",
    )


def _listed(privileges: Iterable[str]) -> str:
    return ", ".join(sorted(privileges))


def _file(database: Database) -> list[Finding]:
    """SQLite's: whether it can be made, is this user's alone, and on what it is kept."""
    file = database.file
    if file is None:
        return []
    folder, name, what = file.parent, "database file", "the folder of the database's file"
    try:
        about = [_private(folder)] if database.is_made() else [_not_made(folder)]
    except CustodyError:
        return []  # which is said of the database itself
    except OSError as error:
        return [failed(name, f"Its folder cannot be looked at ({reason_of(error)}).", _OURS)]
    above = check_above(folder, name, what)
    return [
        *about,
        *above,
        *check_file_system(folder, "The database's file"),
        *check_space(folder),
    ]


_OURS: Final = "Name a file in a folder that belongs to the user the bot runs as in DATABASE_URL."


def _not_made(folder: Path) -> Finding:
    is_there = folder.is_dir()
    if any(above.is_file() for above in (folder, *folder.parents)):
        says = "There is no such file, and it cannot be made: a file stands where its folder would."
        return failed(NAME, says, "Correct the path in DATABASE_URL.")
    if not os.access(nearest(folder), os.W_OK | os.X_OK):
        why = "write into its folder" if is_there else "make its folder"
        says = f"There is no such file, and it cannot be made: this user may not {why}."
        do = "Make the folder (mode 0700) for the user the bot runs as, or correct DATABASE_URL."
        return failed(NAME, says, do)
    says = "There is no such file." if is_there else "There is no such file, nor its folder."
    do = (
        "Correct the path in DATABASE_URL, or mount its disk; for a new installation: `drivekeeper "
        "db upgrade`, which makes it, then `drivekeeper db check`."
    )
    return failed(NAME, says, do)


def _private(folder: Path) -> Finding:
    """Whoever may write into its folder can put another file in its place."""
    name, status, me = "database file", folder.stat(), os.geteuid()
    if status.st_uid not in (me, 0):
        says = "Its folder belongs to another user, who can put another file in its place."
        return (warning if me == 0 else failed)(name, says, _OURS)
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        says = "Others on this machine may write into its folder, and put another file there."
        return failed(name, says, "chmod go-w the folder; best is one of its own, mode 0700.")
    return ok(name, "Nobody else may write into its folder.")


def check_trials(database: Database) -> list[Finding]:
    """The storage's own work, tried on documents of its own."""
    name = "tried"
    try:
        if not database.is_made() or database.is_empty():
            says = "Nothing can be tried before there are tables: `drivekeeper db upgrade` first."
            return [skipped(name, says)]
        database.check_schema()
    except CustodyError:
        return [skipped(name, "Nothing can be tried before that is mended.")]
    return [_tried(trial) for trial in database.trials()]


def _tried(trial: Trial) -> Finding:
    name = f"tried: {trial.name}"
    if trial.fault is None:
        return ok(name, f"{trial.says}.")
    do = _DO if trial.is_unkept else "That kept it from being tried: mend it, and run this again."
    says = f"{trial.fault[:1].upper()}{trial.fault[1:]}."
    return failed(name, says, do)


_DO: Final = (
    "Do not keep credentials in this database: report it with the product and version above."
)
