"""The `drivekeeper` command. Each process's parts are wired together in its own module."""

from __future__ import annotations

import asyncio
import gc
import os
import secrets
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from typer.main import get_command

from commands import audit, doctor, keys, maintenance, quarantine, tokens
from commands.backup import backup, restore
from commands.checks.folder import check_above
from commands.output import Exit, stop
from commands.runtime import DEFAULT_ENV_FILE, EnvFile
from commands.version import program_version
from config import (
    SettingsError,
    child_environment,
    is_configured,
    load_settings,
    settings_warnings,
)
from security.logging_utils import OwnerMask, configure_logging

app = typer.Typer(
    help="Drivekeeper: a Telegram bot that puts files into people's own Google Drive.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # it would print local variables, secrets among them
)
app.add_typer(keys.app, name="keys")
app.add_typer(tokens.app, name="tokens")
app.command()(backup)
app.command()(restore)
app.add_typer(quarantine.app, name="quarantine")
app.add_typer(maintenance.app, name="maintenance")
app.command()(audit.audit)
app.command()(audit.whois)
app.command()(doctor.doctor)


class Flow(StrEnum):
    """GOOGLE_OAUTH_FLOW."""

    device = "device"
    callback = "callback"
    paste = "paste"


@app.command()
def bot(env_file: EnvFile = DEFAULT_ENV_FILE) -> None:
    """Run the bot against Telegram and Google, as the settings say."""
    try:
        settings = load_settings(env_file=env_file)
        exposed = [finding.says for finding in check_above(settings.user_data_dir)]
        for warning in (*(f"{line}." for line in settings_warnings(env_file)), *exposed):
            typer.echo(f"Warning: {warning}", err=True)
    except SettingsError as error:
        faults = "\n".join(f"  • {fault}" for fault in error.faults)
        stop(
            f"Drivekeeper cannot start: these settings are missing or wrong.\n{faults}\n"
            "Set them in the environment or in a file named .env (see .env.example).",
            Exit.USAGE,
        )
    # Imported here: it takes a second of CPU, which no other command needs to wait for. What it
    # makes stays, and the collector need not look for what could go meanwhile.
    gc.disable()
    from processes.bot import StartupError, run_to_the_end

    gc.freeze()
    gc.enable()
    try:
        run_to_the_end(settings)
    except StartupError as error:
        stop(f"Drivekeeper cannot start: {error}", Exit.FAULT)


@app.command()
def sandbox(
    port: Annotated[int, typer.Option(help="Port of the sandbox; 0: any free one.")] = 8765,
    flow: Annotated[Flow, typer.Option(help="How people connect.")] = Flow.device,
    folder: Annotated[Path, typer.Option(help="Emptied at every start.")] = Path(".sandbox"),
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A name it answers to besides this machine's, e.g. a tunnel's."),
    ] = None,
    with_bot: Annotated[
        bool, typer.Option("--bot/--no-bot", help="Run the bot against it as well.")
    ] = True,
) -> None:
    """Play Telegram and Google on this machine alone, and run the same bot against them."""
    from sandbox.run import FolderTaken, run_sandbox

    # The very command an operator runs; no .env, which would mix real settings in.
    command = [sys.executable, "-m", "cli", "bot", "--env-file", os.devnull]
    try:
        code = asyncio.run(
            run_sandbox(
                port=port,
                flow=flow.value,
                folder=folder,
                allow_hosts=allow_host or (),
                command=command if with_bot else (),
                environment=child_environment,
            )
        )
    except FolderTaken as error:
        stop(f"--folder: {error}", Exit.USAGE)
    except OSError as error:
        says = f"The sandbox cannot listen on port {port} ({error.strerror}); try --port 0."
        stop(says, Exit.FAULT)
    raise typer.Exit(code)


@app.command(hidden=True)
def run() -> None:
    """What `make run` does: the bot where anything is configured, else the sandbox."""
    if is_configured():
        bot()
    else:
        sandbox()


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(f"drivekeeper {program_version()}")


def main() -> None:
    """The entry point. What breaks before a command has set up its own logs is redacted, too."""
    configure_logging(OwnerMask(secrets.token_bytes(32)), level="WARNING", style=None)
    get_command(app)()  # `app()` would bring back an excepthook that prints exceptions' texts


if __name__ == "__main__":
    main()
