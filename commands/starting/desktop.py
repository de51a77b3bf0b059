"""`drivekeeper desktop`: the page on this computer, until it is stopped."""

from __future__ import annotations

import asyncio
import sys
from typing import Annotated

import typer

from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import Exit, stop
from config import SettingsError, load_settings
from security.logging_utils import redact_logs
from security.storage.disk_faults import reason_of


def desktop(
    port: Annotated[int, typer.Option(help="Of the page; the next free one from there on.")] = 8000,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page, or not.")
    ] = True,
) -> None:
    """Serve this computer a page from which PDFs go into a department's Drive.

    It keeps its keys and its queue in ~/.driver_management_system. Started again, it opens the page
    of the one that runs.
    """
    redact_logs()
    try:
        settings = load_settings(for_bot=False, env_file=env_file)
    except SettingsError as error:
        faults = "\n".join(f"  • {fault}" for fault in error.faults)
        stop(f"Drivekeeper cannot start: these settings are wrong.\n{faults}", Exit.USAGE)
    from processes.desktop.running import NotOurs, RunningAlready, Started, home, run, show

    def started(what: Started) -> None:
        if what.port != port:
            typer.echo(f"Port {port} is taken by another program: using {what.port}.", err=True)
        typer.echo(f"The page is at http://localhost:{what.port}; stop it with Ctrl+C.", err=True)
        if browser and not show(what.entering.path):
            typer.echo(f"Open it with a browser: {what.entering.path}", err=True)
        if sys.stderr.isatty():
            typer.echo(f"If no browser opens: {what.entering.address}", err=True)

    try:
        asyncio.run(run(settings, home(), port, started))
    except RunningAlready as other:
        typer.echo("It runs already; its page is opened again.", err=True)
        if browser and other.path.exists():
            show(other.path)
    except NotOurs:
        stop(
            f"Drivekeeper cannot start: {home()} is a link, or another account's. Move it away.",
            Exit.FAULT,
        )
    except OSError as error:
        stop(f"Drivekeeper cannot start ({reason_of(error)}).", Exit.FAULT)
