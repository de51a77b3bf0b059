"""`drivekeeper sheets sync`: read now."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from commands.at_work import at_work, mirroring_sheets
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, show_json
from commands.runtime import Custody, open_custody
from commands.sheets.file import chosen, configured_sheets
from commands.sheets.states import States, entry, is_any_stopped, show
from commands.waiting import saying
from sheets.shapes.file import Sheet

Which = Annotated[
    str | None,
    typer.Argument(metavar="SHEET", help="Such as tanhae.roster; left out: all of them."),
]


def sync_sheets(
    which: Which = None, env_file: EnvFile = DEFAULT_ENV_FILE, as_json: AsJson = False
) -> None:
    """Read sheets now, and keep what has changed.

    The bot and the web process may run.

    Exit code 1: a sheet is not taken over as it stands; 3: one could not be read.
    """
    with open_custody(env_file, changes=True) as custody:
        sheets = chosen(configured_sheets(custody.settings), which)
        states = asyncio.run(_sync(custody, sheets))
        if as_json:
            show_json({"sheets": [entry(custody.storage, s, states.get(s.id)) for s in sheets]})
        else:
            show(sheets, states)
    if any(state.trouble for state in states.values()):
        raise typer.Exit(Exit.FAULT)
    raise typer.Exit(Exit.FINDINGS if is_any_stopped(states) else Exit.OK)


async def _sync(custody: Custody, sheets: list[Sheet]) -> States:
    async with (
        at_work(custody) as parts,
        mirroring_sheets(custody, parts) as mirror,
        saying("Waiting for Google"),
    ):
        return {} if mirror is None else await mirror.sync([sheet.id for sheet in sheets])
