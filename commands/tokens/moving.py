"""`drivekeeper tokens move`: everything that is kept, from files into a database or back."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Annotated, Final

import typer

from commands.keys.reencrypt import DryRun
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, progress, say, show_json, show_table, stop
from commands.runtime import move_of, read_settings
from commands.wording import count
from security.errors import CustodyError
from security.recovery.moving.report import MoveReport
from security.storage.disk_faults import reason_of

_GO_ON: Final = "Nothing is lost: run the same command again to go on."
_SHOWN: Final = 20
_WHY: Final = {
    "store_failed": "cannot be read",
    "too_big": "too large for the database",
    "plaintext_refused": "is in plaintext, which no database takes (docs/operations.md)",
}
_PLAINTEXT: Final = (
    "the data folder holds plaintext, which no database takes: take DATABASE_URL out of the "
    "settings and leave TOKEN_ENCRYPTION_KEY there, run `drivekeeper tokens encrypt`, set "
    "DATABASE_URL again, and run this again"
)


class To(StrEnum):
    """Where everything goes."""

    sql = "sql"
    files = "files"


Target = Annotated[
    To,
    typer.Option(
        "--to", help="sql: into the database (DATABASE_URL); files: back into USER_DATA_DIR."
    ),
]

_ENDS: Final = {
    To.sql: (
        "Everything is in the database now. Keep DATABASE_URL set, and start the bot. The data "
        "folder is emptied, and serves nobody until everything is moved back."
    ),
    To.files: (
        "Everything is in the data folder now. Take {names} out of the settings, and start the "
        "bot. The database is emptied, and serves nobody until everything is moved back."
    ),
}


def move(
    to: Target,
    dry_run: DryRun = False,
    as_json: AsJson = False,
    env_file: EnvFile = DEFAULT_ENV_FILE,
) -> None:
    """Move everything into the database, or back into files, and empty where it was.

    DATABASE_URL must be set, and every bot, web process and command stopped. Each document is
    compared on the other side before anything is removed. Stopped half way, it goes on when run
    again; until it has ended, at most one of the two sides serves. Exit code 1: something could not
    be carried, and nothing was removed.
    """
    settings = read_settings(env_file)
    database = settings.database
    if database is None:
        stop(
            "DATABASE_URL is not set: it names the database for either direction. After --to files "
            "take it out of the settings.",
            Exit.USAGE,
        )
    try:
        with move_of(settings, database, to.value) as moving:
            report = moving.run(progress, dry_run=dry_run)
    except CustodyError as error:
        is_plaintext = to is To.sql and error.code == "plaintext_refused"
        stop(f"Not done: {_PLAINTEXT if is_plaintext else error}.", Exit.FAULT)
    except OSError as error:
        stop(f"Not done: {reason_of(error)}.", Exit.FAULT)
    except KeyboardInterrupt:
        stop(f"Stopped. {_GO_ON}", Exit.FAULT)
    names = "DATABASE_URL and DATABASE_CA" if settings.database_ca else "DATABASE_URL"
    advice = list(_advice(report, to, _ENDS[to].format(names=names)))
    if as_json:
        document = report.model_dump() | {"complete": report.is_complete, "advice": advice}
        show_json(document)
    else:
        _show(report)
        for line in advice:
            say(line)
    if report.left:
        raise typer.Exit(Exit.FINDINGS)


def _show(report: MoveReport) -> None:
    if report.was_finished:
        return
    rows = [
        [kind, counts.get("moved", 0), counts.get("as it stands", 0), counts.get("left", 0)]
        for kind, counts in report.kinds.items()
    ]
    moved = "would move" if report.dry_run else "moved"
    show_table("Documents", ["kind", moved, "as they stand", "left"], rows)
    events = count(report.events - report.events_left, "entry", "entries")
    say(f"The audit trail: {events}.")
    if report.events_left:
        oldest = count(report.events_left, "entry", "entries")
        say(f"Left out, for which files have no room: the oldest {oldest}.")
    if report.mask_key:
        say("And the key of the logs' masks: owners are called what they were.")
    for left in report.left[:_SHOWN]:
        whose = f" of {left.owner}" if left.owner else ""
        say(f"Cannot be carried: {left.kind}{whose}: {_WHY.get(left.result, left.result)}.")


def _advice(report: MoveReport, to: To, ends: str) -> Iterator[str]:
    if report.was_finished:
        yield f"There was nothing left to do. {ends}"
    elif report.dry_run:
        yield "Nothing was changed: this was a dry run."
    elif report.left:
        yield (
            "Nothing was removed, and everything serves as before. Mend what is named above, or "
            "remove it, and run the command again."
        )
    else:
        yield ends
        if to is To.sql:
            yield (
                "Back up the database from now on as docs/backup.md says; `drivekeeper backup` "
                "works as before. Copies of the data folder made earlier still hold credentials."
            )
