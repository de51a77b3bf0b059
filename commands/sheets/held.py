"""Which month of which sheet a command is about."""

from __future__ import annotations

from collections.abc import Mapping

from commands.output import Exit, stop
from departments.documents import Shelf
from security.storage.protocol import Storage
from sheets.keeping.forms import Period, SheetState
from sheets.keeping.kinds import SHEETS
from sheets.shapes.file import Sheet


def state_of(storage: Storage, sheet: Sheet) -> SheetState:
    """How it stands; that it was never read ends the command."""
    held = Shelf(storage, SHEETS, SheetState).find(sheet.id)
    if held is None or not held.content.periods:
        stop(
            f"Nothing is kept of it yet: `drivekeeper sheets sync {sheet.id}` reads it.", Exit.USAGE
        )
    return held.content


def period_of(state: SheetState, period: str | None, *, of: Mapping[str, Period]) -> str:
    """The month that is meant: the only one, where none was said."""
    if period is not None:
        if period not in state.periods:
            known = ", ".join(one for one in state.periods if one) or "no months"
            stop(f"--period: nothing is kept of that month. There are: {known}.", Exit.USAGE)
        return period
    if len(of) > 1:
        stop(f"--period is needed: one of {', '.join(sorted(of))}.", Exit.USAGE)
    return next(iter(of))
