"""The `drivekeeper` command. Each process's parts are wired together in its own module.

Nothing is imported here that `--help` and the version do without: a command's module is imported
when the command is run (`commands/later.py`), and what the two below need, inside them.
"""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from types import TracebackType
from typing import Annotated, Final

import typer
from typer.main import get_command

from commands.departments import table as departments
from commands.later import add_later, leave_out_missing, not_installed
from commands.version import program_version

RUNNING: Final = "Running it"
CREDENTIALS: Final = "Looking at credentials"
KEYS: Final = "Keys and backups"
DEPARTMENTS: Final = "Departments"
TRYING: Final = "Trying it out"

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # it would print local variables, secrets among them
    context_settings={"help_option_names": ["-h", "--help"]},
)


class Flow(StrEnum):
    """GOOGLE_OAUTH_FLOW."""

    device = "device"
    callback = "callback"
    paste = "paste"


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        version()
        raise typer.Exit


@app.callback()
def drivekeeper(
    is_asked: Annotated[
        bool,
        typer.Option("--version", callback=_tell_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Drivekeeper: a Telegram bot that puts files into people's own Google Drive."""


def _group(name: str, says: str, panel: str) -> typer.Typer:
    group = typer.Typer(help=says, no_args_is_help=True)
    app.add_typer(group, name=name, rich_help_panel=panel)
    return group


maintenance = _group("maintenance", "Sweeps: see and do what the bot does by itself.", RUNNING)
tokens = _group("tokens", "Stored credentials: look at them, convert them.", CREDENTIALS)
quarantine = _group("quarantine", "Credentials set aside: list, restore, purge.", CREDENTIALS)
keys = _group("keys", "Encryption keys: make, check, rotate.", KEYS)
database = _group("db", "The database, where DATABASE_URL names one: check, upgrade.", RUNNING)


@maintenance.callback()
def _maintenance() -> None:
    """Makes `run` a command of its own: typer would fold a single one into the group."""


add_later(
    app,
    "bot",
    "commands.starting.process:bot",
    "Run the bot against Telegram and Google, as the settings say.",
    RUNNING,
)
add_later(
    app,
    "web",
    "commands.starting.process:web",
    "Serve departments' pages and routes, without a bot, as the settings say.",
    RUNNING,
)
add_later(
    app,
    "doctor",
    "commands.doctor:doctor",
    "Check settings, disk, keys, clock, Telegram and Google. Exit code 1: something failed.",
    RUNNING,
)
add_later(
    maintenance,
    "run",
    "commands.maintenance:run",
    "Read every credential, refresh what is due, and set aside what cannot be used.",
)
add_later(
    database,
    "upgrade",
    "commands.database.upgrading:upgrade",
    "Make the database's tables, or bring them up to date.",
)
add_later(
    database,
    "check",
    "commands.database.checking:check",
    "Try whether the database keeps what is counted on. Exit code 1: something failed.",
)
add_later(
    app,
    "console-link",
    "commands.departments.console_link:console_link",
    "Print a link that signs an operator in to the web pages, once, within five minutes.",
    DEPARTMENTS,
)
add_later(
    app,
    "audit",
    "commands.audit:audit",
    "The audit trail, newest first.",
    CREDENTIALS,
)
add_later(
    app,
    "whois",
    "commands.audit:whois",
    "Print the Telegram id, or the department, behind a mask. Exit code 1: it is nobody's here.",
    CREDENTIALS,
)
add_later(
    tokens,
    "list",
    "commands.tokens.reports:list_tokens",
    "Everybody with a stored credential: its state, expiry, key, and what wants attention.",
)
add_later(
    tokens,
    "show",
    "commands.tokens.reports:show_token",
    "One owner's credential, and the owner's copies in quarantine.",
)
add_later(
    tokens,
    "verify",
    "commands.tokens.reports:verify_tokens",
    "Open every stored credential in full, and count what is wrong.",
)
add_later(
    tokens,
    "encrypt",
    "commands.tokens.encryption:encrypt",
    "Believe what is stored in plaintext, and encrypt it: credentials and all beside them.",
)
add_later(
    tokens,
    "decrypt",
    "commands.tokens.encryption:decrypt",
    "Store everything in plaintext again. The bot must be stopped: it encrypts what it saves.",
)
add_later(
    tokens,
    "disconnect",
    "commands.tokens.disconnecting:disconnect",
    "Do for an owner what /disconnect does: revoke at Google, delete the credential and copies.",
)
add_later(
    quarantine,
    "list",
    "commands.quarantine:list_copies",
    "Every copy, oldest first: whose it is, why and when it was set aside, whether they know.",
)
add_later(
    quarantine,
    "restore",
    "commands.quarantine:restore",
    "Put a copy back into its owner's place, if it is whole and nothing usable is there.",
)
add_later(
    quarantine,
    "purge",
    "commands.quarantine:purge",
    "Delete a copy, or all of an owner's, for good.",
)
add_later(
    app,
    "backup",
    "commands.backup:backup",
    "Write an encrypted archive of credentials, tombstones and quarantine; the bot may run.",
    KEYS,
)
add_later(
    app,
    "restore",
    "commands.backup:restore",
    "Put an archive back: only what is missing or older here, unless it is a rollback.",
    KEYS,
)
add_later(
    tokens,
    "move",
    "commands.tokens.moving:move",
    "Move everything into the database, or back into files, and empty where it was.",
)
add_later(
    keys,
    "generate",
    "commands.keys.new_key:generate",
    "Print a new key: on stdout the key and nothing else.",
)
add_later(
    keys,
    "check",
    "commands.keys.in_use:check",
    "Count the documents that need each key, and say which keys may be dropped.",
)
add_later(
    keys,
    "rotate",
    "commands.keys.in_use:rotate",
    "Encrypt everything that is stored under the newest key.",
)
departments.add_to(app)


@app.command(rich_help_panel=TRYING)
def sandbox(
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Port of the sandbox; 0: any free one.")
    ] = 8765,
    flow: Annotated[Flow, typer.Option(help="How people connect.")] = Flow.device,
    folder: Annotated[Path, typer.Option(help="Emptied at every start.")] = Path(".sandbox"),
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A name it answers to besides this machine's, e.g. a tunnel's."),
    ] = None,
    with_bot: Annotated[
        bool,
        typer.Option("--bot/--no-bot", help="Run the bot as well, or print the settings of yours."),
    ] = True,
    with_departments: Annotated[
        bool,
        typer.Option("--departments/--no-departments", help="Serve departments as well, or not."),
    ] = True,
    write_env: Annotated[
        Path | None,
        typer.Option(
            help="Run no bot, and write the settings of yours into this file; those of "
            "`drivekeeper web` into one beside it that ends in .web."
        ),
    ] = None,
) -> None:
    """Play Telegram and Google on this machine alone, and run the same bot against them.

    Departments are served beside it, by the same `drivekeeper web`.
    """
    import asyncio
    from functools import partial

    from commands.output import Exit, stop
    from config import child_environment
    from sandbox.departments.commands import Product
    from sandbox.env_file import EnvFileRefused
    from sandbox.run import FolderTaken, run_sandbox
    from security.logging_utils import redact_logs
    from security.storage.disk_faults import reason_of

    redact_logs()
    # The very commands an operator runs.
    product = Product(
        [sys.executable, "-m", "cli"], child_environment, partial(child_environment, is_alone=True)
    )
    try:
        code = asyncio.run(
            run_sandbox(
                port=port,
                flow=flow.value,
                folder=folder,
                allow_hosts=allow_host or (),
                product=product,
                with_bot=with_bot and write_env is None,
                with_departments=with_departments,
                env_file=write_env,
            )
        )
    except FolderTaken as error:
        stop(f"--folder: {error}", Exit.USAGE)
    except EnvFileRefused as error:
        stop(f"--write-env: {error}", Exit.USAGE)
    except OSError as error:
        stop(
            f"The sandbox cannot listen on port {port} ({reason_of(error)}): perhaps one is "
            "running. Beside it: .venv/bin/drivekeeper sandbox --port 0 --folder .sandbox-2.",
            Exit.FAULT,
        )
    raise typer.Exit(code)


@app.command(hidden=True)
def run() -> None:
    """What `make run` does: the bot where anything is configured, else the sandbox."""
    from config import is_configured

    if is_configured():
        from commands.starting.process import bot

        bot()
    else:
        sandbox()


@app.command(rich_help_panel=RUNNING)
def version() -> None:
    """Print the version."""
    typer.echo(f"drivekeeper {program_version()}")


def main() -> None:
    """The entry point. What breaks before a command has set up its own logs is redacted, too."""
    sys.excepthook = _redacted
    if sys.stderr is None:  # without a console, as Windows' menu starts it: pythonw.exe
        sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115, PTH123 - for good
    leave_out_missing(app)
    try:
        get_command(app)()  # `app()` would bring back an excepthook that prints exceptions' texts
    except ModuleNotFoundError as error:
        if (sentence := not_installed(error)) is None:
            raise
        typer.echo(sentence, err=True)
        sys.exit(3)


def _redacted(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    from security.logging_utils import redact_logs

    redact_logs()  # which has an excepthook of its own
    sys.excepthook(kind, error, trace)


if __name__ == "__main__":
    main()
