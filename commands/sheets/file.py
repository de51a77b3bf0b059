"""SHEETS_FILE, for commands: the sheets it names, or every fault and its line."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from commands.output import Exit, stop
from config import Settings

if TYPE_CHECKING:  # whoever has no sheets need not wait for what reads the file
    from sheets.shapes.file import Sheet


def refuse_faulty_sheets(settings: Settings) -> Mapping[str, Sheet]:
    """The sheets, by their ids; faults of the file end the command, all of them listed."""
    if settings.sheets_file is None:
        return {}
    from sheets.keeping.configured import sheets_in
    from sheets.shapes.file import ShapeFaults

    slugs = [entry.partition("=")[0] for entry in settings.departments]
    try:
        return sheets_in(settings.sheets_file, slugs)
    except ShapeFaults as error:
        faults = "\n".join(f"  • {fault}" for fault in error.faults)
        stop(f"The file of SHEETS_FILE has faults.\n{faults}", Exit.USAGE)


def configured_sheets(settings: Settings) -> Mapping[str, Sheet]:
    """The same; that there is no file ends the command, too."""
    if settings.sheets_file is None:
        stop(
            "SHEETS_FILE is not set. `drivekeeper sheets guess ADDRESS` writes a first one.",
            Exit.USAGE,
        )
    return refuse_faulty_sheets(settings)


def chosen(sheets: Mapping[str, Sheet], which: str | None) -> list[Sheet]:
    """The sheet that is meant; None: all of them."""
    if which is None:
        return [*sheets.values()]
    if which not in sheets:
        stop(f"There is no such sheet. SHEETS_FILE has: {', '.join(sheets)}.", Exit.USAGE)
    return [sheets[which]]
