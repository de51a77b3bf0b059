"""A sheet in a list: how it stands, in a line."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Final

from sheets.keeping.asking import standing_of
from sheets.keeping.forms import SheetState, VersionRecord
from sheets.months import Month
from sheets.shapes.file import Sheet
from sheets.shapes.models import CodeTable as CodeShape
from sheets.shapes.models import Shape
from sheets.shapes.models import Table as TableShape
from sheets.wanted import wanted
from web.site.sheets.views import HeldLine, SheetLine, What

_WHATS: Final[dict[type[Shape], What]] = {CodeShape: "codes", TableShape: "rows"}


def what_of(shape: Shape) -> What:
    """What such a sheet consists of."""
    return _WHATS.get(type(shape), "people")


def month_shown(state: SheetState | None, today: date, asked: str = "") -> str:
    """Which of the months that are kept is shown: the one that was asked for, this one, the one
    before it. "" where it is of no month, or nothing is kept."""
    there = sorted(months_kept(state)) if state is not None else []
    if asked in there or not there:
        return asked if asked in there else ""
    this = str(Month.of(today))
    return max((month for month in there if month <= this), default=there[0])


def months_kept(state: SheetState) -> set[str]:
    """Of whatever is known of them."""
    seen = {one.period or asked for asked, one in state.seen.items()}
    return {month for month in (*state.periods, *seen) if month}


def line_of(
    sheet: Sheet, state: SheetState | None, today: date, record: VersionRecord | None
) -> SheetLine:
    """A sheet in a list.

    Args:
        record: of the version that counts in the month that is shown.
    """
    line = SheetLine(
        sheet.department, sheet.name, sheet.title, standing_of(state), what_of(sheet.shape)
    )
    if state is None:
        return line
    faults = state.faults
    return replace(
        line,
        number=None if record is None else record.size[0],
        month=month_shown(state, today),
        looked_at=state.looked_at,
        changed_at=state.changed_at,
        held=tuple(
            HeldLine(month, one.gone.people if one.gone else 0, one.gone.cells if one.gone else 0)
            for month, one in state.held.items()
        ),
        fault=faults[0] if faults else None,
        faults=len(faults),
        trouble=state.trouble,
        is_lasting=state.is_lasting,
        waits_for=tuple(
            one.title
            for one in wanted(sheet, today)
            if one.title and not one.needed and state.raw and one.period not in state.seen
        ),
    )
