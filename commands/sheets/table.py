"""The commands about departments' sheets, for `cli.py`. None is imported before it is run."""

from __future__ import annotations

import typer

from commands.later import add_later


def add_to(app: typer.Typer, panel: str) -> None:
    """Add them to the program's."""
    group = typer.Typer(
        help="Departments' rosters and duty tables: describe, read, compare, accept.",
        no_args_is_help=True,
    )
    app.add_typer(group, name="sheets", rich_help_panel=panel)
    for name, module, says in (
        (
            "guess",
            "guess:guess_sheets",
            "Print a first sheets.toml for a spreadsheet, by what it looks like.",
        ),
        (
            "check",
            "check:check_sheets",
            "Check SHEETS_FILE, read each sheet once, and show what is understood. Keeps nothing.",
        ),
        ("sync", "sync:sync_sheets", "Read sheets now, and keep what has changed."),
        (
            "list",
            "listing:list_sheets",
            "Every sheet: when it was read, when it changed, and what keeps it from being taken.",
        ),
        ("diff", "diff:diff_sheet", "How two versions of a sheet differ."),
        (
            "accept",
            "accept:accept_sheet",
            "Take over a version that is held because over half of it had gone; or keep what is.",
        ),
        (
            "links",
            "links:list_links",
            "Who is linked to a roster: owner (as a mask), department, since when, what they are "
            "told.",
        ),
        (
            "unlink",
            "links:unlink",
            "End somebody's link to a roster: /duty shows them nothing more, calendars' addresses "
            "stop.",
        ),
    ):
        add_later(group, name, f"commands.sheets.{module}", says)
