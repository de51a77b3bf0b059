"""`drivekeeper desktop install`, `uninstall` and `stop`: for people who use no terminal else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from commands.output import AsJson, Exit, show_json, stop
from processes.desktop import menu
from processes.desktop.ending import NotOurs, StillRuns, home, stop_running
from security.logging_utils import redact_logs
from security.storage.disk_faults import reason_of


def install(
    at_sign_in: Annotated[
        bool,
        typer.Option("--at-sign-in", help="Also start it when the account signs in, unseen."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Put Drivekeeper into this account's start menu, so that nobody needs a terminal.

    The entry starts this installation; written again, it is as new. It stays good over updates.

    Files that wait go on while it runs: with --at-sign-in nobody has to open it for that.
    """
    redact_logs()
    with _said():
        added, started = menu.add(at_sign_in=at_sign_in)
    if as_json:
        at = {"at_sign_in": str(started) if started else None}
        show_json({"entry": str(added.entry), "was_there": added.was_there, **at})
        return
    if added.was_there:
        typer.echo(f"Drivekeeper was in the start menu; it is there as new: {added.entry}")
    else:
        typer.echo(f"Drivekeeper is in the start menu now: {added.entry}")
    if started and at_sign_in:
        typer.echo(f"It starts by itself when you sign in: {started}")
    elif started:
        typer.echo(f"It still starts by itself when you sign in: {started}")
        typer.echo("`drivekeeper desktop uninstall` takes out both.")


def uninstall(as_json: AsJson = False) -> None:
    """Take it out of the start menu again, and of what starts at sign-in. What it keeps, stays."""
    redact_logs()
    with _said():
        removed = menu.remove()
    if as_json:
        show_json({"entries": [str(entry) for entry in removed]})
    elif removed:
        typer.echo(f"Drivekeeper is out of the start menu. {_STAYS}")
    else:
        typer.echo(f"Drivekeeper was not in the start menu. {_STAYS}")


def end(as_json: AsJson = False) -> None:
    """End the one that runs, such as before an update. What waits goes on at the next start."""
    redact_logs()
    try:
        had_run = stop_running(home())
    except NotOurs:
        stop(f"{home()} is a link, or another account's. Move it away.", Exit.FAULT)
    except OSError as error:
        stop(f"It cannot be told to end ({reason_of(error)}).", Exit.FAULT)
    except StillRuns:
        stop("It does not end. Sign out and in again, or restart the computer.", Exit.FAULT)
    if as_json:
        show_json({"had_run": had_run})
    elif had_run:
        typer.echo("Drivekeeper has ended. What waits goes on at the next start.")
    else:
        typer.echo("Drivekeeper does not run.")


_STAYS = "Its keys and its queue are where they were: ~/.driver_management_system."


@contextmanager
def _said() -> Iterator[None]:
    """What keeps the menu from being changed, in a sentence."""
    try:
        yield
    except menu.NoMenu:
        stop(
            "No start menu is known for this system. Start it by `drivekeeper desktop`.", Exit.FAULT
        )
    except ValueError:
        stop(
            "The start menu was not changed: a folder's name has a line end or the like in it. "
            "Install Drivekeeper in another.",
            Exit.FAULT,
        )
    except OSError as error:
        reason = reason_of(error) if error.errno else str(error)
        where = f": {error.filename}" if error.filename else ""
        stop(f"The start menu was not changed ({reason}{where}).", Exit.FAULT)
