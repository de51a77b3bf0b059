"""The commands about departments, for `cli.py`. None is imported before it is run."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from commands.later import add_later
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.sheets import table as sheets

PANEL: Final = "Departments"


def add_to(app: typer.Typer) -> None:
    """Add them to the program's."""
    desktop = typer.Typer(invoke_without_command=True)
    desktop.callback()(_desktop)
    app.add_typer(desktop, name="desktop", rich_help_panel=PANEL)
    add_later(
        desktop,
        "install",
        "commands.starting.menu:install",
        "Put Drivekeeper into this account's start menu, so that nobody needs a terminal.",
    )
    add_later(
        desktop,
        "uninstall",
        "commands.starting.menu:uninstall",
        "Take it out of the start menu again, and of what starts at sign-in. What it keeps, stays.",
    )
    add_later(
        desktop,
        "stop",
        "commands.starting.menu:end",
        "End the one that runs, such as before an update. What waits goes on at the next start.",
    )
    clients = _group(app, "clients", "Computers of departments: their keys and their use.")
    add_later(
        clients,
        "add",
        "commands.departments.clients:add",
        "Give a department's computer a key: on stdout the key and nothing else, once.",
    )
    add_later(
        clients,
        "list",
        "commands.departments.clients:list_clients",
        "The computers of departments: what they may, when they were used, and what looks wrong.",
    )
    add_later(
        clients,
        "revoke",
        "commands.departments.clients:revoke",
        "End a computer's key for good: it opens nothing any more, anywhere, within a second.",
    )
    add_later(
        clients,
        "unblock",
        "commands.departments.clients:unblock",
        "Let a computer in again whose key was blocked. Alarms about it are over with that.",
    )
    accounts = _group(app, "service-account", "Keys by which spreadsheets are read: encode, check.")
    add_later(
        accounts,
        "encode",
        "commands.service_accounts.encode:encode",
        "Print a service account's key file as one line for the settings, and nothing else on "
        "stdout.",
    )
    add_later(
        accounts,
        "check",
        "commands.service_accounts.check:check",
        "Say of each department whose key is set, whom to share spreadsheets with, and its age.",
    )
    sheets.add_to(app, PANEL)


def _group(app: typer.Typer, name: str, says: str) -> typer.Typer:
    group = typer.Typer(help=says, no_args_is_help=True)
    app.add_typer(group, name=name, rich_help_panel=PANEL)
    return group


def _desktop(
    context: typer.Context,
    port: Annotated[
        int, typer.Option(min=0, max=65535, help="Of the page; the next free one from there on.")
    ] = 8000,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    browser: Annotated[
        bool, typer.Option("--browser/--no-browser", help="Open the page, or not.")
    ] = True,
    from_menu: Annotated[
        bool, typer.Option("--from-menu", hidden=True, help="There is no terminal.")
    ] = False,
) -> None:
    """Serve this computer a page from which PDFs go into a department's Drive.

    It keeps its keys and its queue in ~/.driver_management_system.

    Started again, it opens the page of the one that runs.
    """
    if context.invoked_subcommand is None:
        from commands.starting.desktop import desktop

        desktop(port, env_file, is_shown=browser, has_terminal=not from_menu)
