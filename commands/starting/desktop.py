"""`drivekeeper desktop`: the page on this computer, until it is stopped."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from threading import Thread
from typing import NoReturn

import typer

from commands.output import Exit, stop
from config import SettingsError, load_settings
from processes.desktop.menu import tell_trouble, tell_where
from processes.desktop.running import (
    NoPort,
    NotOurs,
    RunningAlready,
    Started,
    address_in,
    home,
    log_to,
    run,
    show,
    visible_places,
    way_in,
)
from security.logging_utils import redact_logs
from security.storage.disk_faults import reason_of


def desktop(port: int, env_file: Path, *, is_shown: bool, has_terminal: bool) -> None:
    """As the command's options say (`commands/departments/table.py`).

    Args:
        is_shown: have the browser open the page.
        has_terminal: somebody reads what is printed. Else trouble is told in a window, and settings
            are not those of whichever folder a menu starts programs in, but beside what is kept.
    """
    redact_logs()

    def end(sentence: str, code: Exit) -> NoReturn:
        if not has_terminal:
            tell_trouble(sentence)
        stop(sentence, code)

    settings_file: Path | None = env_file
    if not has_terminal:
        settings_file = file if (file := home() / ".env").exists() else None
    try:
        settings = load_settings(for_bot=False, env_file=settings_file)
    except SettingsError as error:
        faults = "\n".join(f"  • {fault}" for fault in error.faults)
        end(f"Drivekeeper cannot start: these settings are wrong.\n{faults}", Exit.USAGE)
    if not has_terminal:
        log_to(home(), settings)

    def open_page(path: Path, opened: str = "") -> None:
        """
        Args:
            opened: what is said where the browser does.
        """
        if is_shown and show(path):
            if opened:
                typer.echo(opened, err=True)
            return
        typer.echo(f"Open it with a browser: {path}", err=True)
        if is_shown and not has_terminal:
            tell_where(path)

    def started(what: Started) -> None:
        if port and what.port != port:
            typer.echo(f"Port {port} is taken by another program: using {what.port}.", err=True)
        typer.echo(f"The page is at http://localhost:{what.port}; stop it with Ctrl+C.", err=True)
        if sys.stderr.isatty():
            typer.echo(f"If no browser opens: {what.entering.address}", err=True)
        opening = Thread(target=open_page, args=[what.entering.shown], daemon=True)
        # A browser may take a while to come: the page is served meanwhile.
        opening.start() if is_shown else opening.run()

    visible = tuple(visible_places(Path.home()))
    try:
        asyncio.run(run(settings, home(), port, started, visible=visible))
    except RunningAlready:
        path = way_in(home(), visible)
        if path is None:
            end("It runs already, and does not say where its page is. End it first.", Exit.FAULT)
        typer.echo("It runs already.", err=True)
        if sys.stderr.isatty() and (address := address_in(path)):
            typer.echo(f"If no browser opens: {address}", err=True)
        open_page(path, "Its page is opened again.")
    except NotOurs:
        end(
            f"Drivekeeper cannot start: {home()} is a link, or another account's. Move it away.",
            Exit.FAULT,
        )
    except NoPort as error:
        first, last = error.tried[0], error.tried[-1]
        end(
            f"Drivekeeper cannot start: it gets no port from {first} to {last} "
            f"({reason_of(error)}). Start it with --port and another one; 0: any free one.",
            Exit.FAULT,
        )
    except OSError as error:
        end(f"Drivekeeper cannot start ({reason_of(error)}).", Exit.FAULT)
