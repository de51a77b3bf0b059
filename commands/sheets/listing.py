"""`drivekeeper sheets list`: how every sheet stands."""

from __future__ import annotations

import typer

from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, show_json
from commands.runtime import open_custody
from commands.sheets.file import configured_sheets
from commands.sheets.states import entry, is_any_stopped, show
from departments.documents import Shelf
from sheets.keeping.forms import SheetState
from sheets.keeping.kinds import SHEETS


def list_sheets(env_file: EnvFile = DEFAULT_ENV_FILE, as_json: AsJson = False) -> None:
    """Every sheet: when it was read, when it changed, and what keeps it from being taken.

    Exit code 1: a sheet is not taken over as it stands. Changes nothing.
    """
    with open_custody(env_file) as custody:
        sheets = [*configured_sheets(custody.settings).values()]
        shelf = Shelf(custody.storage, SHEETS, SheetState)
        states = {one.name: one.content for one in shelf.some([each.id for each in sheets])}
        if as_json:
            show_json({"sheets": [entry(custody.storage, s, states.get(s.id)) for s in sheets]})
        else:
            show(sheets, states)
    raise typer.Exit(Exit.FINDINGS if is_any_stopped(states) else Exit.OK)
