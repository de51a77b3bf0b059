"""How sheets stand, in a table and as JSON: for `list` and `sync`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from commands.output import at, say, show_table
from commands.sheets.wording import entries, finding_says, in_iso, kind_of, moment
from security.storage.protocol import Storage
from sheets.keeping.asking import standing_of
from sheets.keeping.forms import Period, SheetState
from sheets.keeping.versions import Version, Versions
from sheets.shapes.file import Sheet

States = Mapping[str, SheetState]


def is_any_stopped(states: States) -> bool:
    """Whether somebody has to see to one of them."""
    return any(state.is_stopped for state in states.values())


def show(sheets: Sequence[Sheet], states: States) -> None:
    """For people."""
    show_table(
        f"{len(sheets)} of departments' sheets",
        ("sheet", "state", "last look", "last change", "months", "held"),
        [_row(sheet, states.get(sheet.id)) for sheet in sheets],
    )
    for sheet in sheets:
        state = states.get(sheet.id)
        if state is None:
            continue
        if state.trouble:
            say(f"! {sheet.id} could not be read ({state.trouble}): {state.because}.")
        for finding in state.faults:
            say(f"! {sheet.id} stays as it was: {finding_says(finding)}")
        for period, one in state.held.items():
            say(f"! {sheet.id}{f' {period}' if period else ''} is held: {_gone(one)}.")
            say(f"    drivekeeper sheets diff {sheet.id}; drivekeeper sheets accept {sheet.id}")


def entry(storage: Storage, sheet: Sheet, state: SheetState | None) -> dict[str, Any]:
    """For programs."""
    found: dict[str, Any] = {
        "sheet": sheet.id,
        "department": sheet.department,
        "title": sheet.title,
        "kind": kind_of(sheet),
        "state": standing_of(state),
    }
    if state is None:
        return found
    warnings = [one for seen in state.seen.values() for one in seen.findings if not one.is_fault]
    return {
        **found,
        "looked_at": in_iso(state.looked_at),
        "changed_at": in_iso(state.changed_at),
        "trouble": state.trouble or None,
        "faults": entries(state.faults),
        "warnings": entries(warnings),
        "periods": [
            _period(storage, Version(sheet.id, period, one.current), one)
            for period, one in state.periods.items()
        ],
    }


def _row(sheet: Sheet, state: SheetState | None) -> tuple[object, ...]:
    if state is None:
        return sheet.id, standing_of(state), "never", "never", 0, 0
    looked, changed = moment(state.looked_at), moment(state.changed_at)
    return (
        *(sheet.id, standing_of(state)),
        "never" if looked is None else at(looked),
        "never" if changed is None else at(changed),
        *(len(state.periods), len(state.held)),
    )


def _gone(one: Period) -> str:
    if one.gone is None:
        return "over half of it has gone"
    gone = one.gone
    return (
        f"{gone.people} of {gone.of_people} people or rows and {gone.cells} of {gone.of_cells} "
        "cells have gone"
    )


def _period(storage: Storage, version: Version, one: Period) -> dict[str, Any]:
    record = Versions(storage).record(version) if version.id else None
    gone = one.gone
    return {
        "period": version.period or None,
        "version": version.id or None,
        "people_or_rows": None if record is None else record.size[0],
        "cells": None if record is None else record.size[1],
        "held": one.held or None,
        "held_at": in_iso(one.held_at),
        "gone": None
        if gone is None
        else {
            "people_or_rows": gone.people,
            "of_people_or_rows": gone.of_people,
            "cells": gone.cells,
            "of_cells": gone.of_cells,
        },
    }
