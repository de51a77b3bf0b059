"""`drivekeeper desktop install` and `uninstall`: the start menu's entry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import typer

from commands.output import AsJson, Exit, show_json, stop
from processes.desktop import menu
from security.logging_utils import redact_logs
from security.storage.disk_faults import reason_of


def install(as_json: AsJson = False) -> None:
    """Put Drivekeeper into this account's start menu, so that nobody needs a terminal.

    The entry starts this installation; written again, it is as new. It stays good over updates.
    """
    redact_logs()
    with _said():
        added = menu.add()
    if as_json:
        show_json({"entry": str(added.entry), "was_there": added.was_there})
    elif added.was_there:
        typer.echo(f"Drivekeeper was in the start menu; it is there as new: {added.entry}")
    else:
        typer.echo(f"Drivekeeper is in the start menu now: {added.entry}")


def uninstall(as_json: AsJson = False) -> None:
    """Take it out of the start menu again. What it keeps, stays."""
    redact_logs()
    with _said():
        removed = menu.remove()
    if as_json:
        show_json({"entry": str(removed) if removed else None})
    elif removed:
        typer.echo(f"Drivekeeper is out of the start menu. {_STAYS}")
    else:
        typer.echo(f"Drivekeeper was not in the start menu. {_STAYS}")


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
