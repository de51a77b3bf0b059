"""`drivekeeper desktop`: the page on this computer, until it is stopped."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from threading import Thread
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
    from processes.desktop.running import (
        NotOurs,
        RunningAlready,
        Started,
        home,
        run,
        show,
        visible_places,
        way_in,
    )

    visible = tuple(visible_places(Path.home()))

    def open_page(path: Path) -> None:
        if not show(path):
            typer.echo(f"Open it with a browser: {path}", err=True)

    def started(what: Started) -> None:
        if port and what.port != port:
            typer.echo(f"Port {port} is taken by another program: using {what.port}.", err=True)
        typer.echo(f"The page is at http://localhost:{what.port}; stop it with Ctrl+C.", err=True)
        if sys.stderr is not None and sys.stderr.isatty():  # None: without a console, on Windows
            typer.echo(f"If no browser opens: {what.entering.address}", err=True)
        if browser:  # which may take a while to come: the page is served meanwhile
            Thread(target=open_page, args=[what.entering.shown], daemon=True).start()

    try:
        asyncio.run(run(settings, home(), port, started, visible=visible))
    except RunningAlready:
        path = way_in(home(), visible)
        if path is None:
            stop("It runs already, and does not say where its page is. End it first.", Exit.FAULT)
        typer.echo("It runs already; its page is opened again.", err=True)
        if browser:
            open_page(path)
    except NotOurs:
        stop(
            f"Drivekeeper cannot start: {home()} is a link, or another account's. Move it away.",
            Exit.FAULT,
        )
    except OSError as error:
        stop(f"Drivekeeper cannot start ({reason_of(error)}).", Exit.FAULT)
