"""How a sheet stands, and what is known of its versions, as the answers have it."""

from __future__ import annotations

from collections.abc import Container, Iterable
from dataclasses import replace
from typing import Any

from sheets.faults import Finding
from sheets.keeping.asking import standing_of
from sheets.keeping.forms import Period, SheetState, VersionRecord
from sheets.keeping.services import SheetServices
from sheets.keeping.versions import Version
from sheets.shapes.file import Sheet
from web.api.sheets.said import in_utc, named, when

Said = dict[str, Any]


def standing(sheet: Sheet, state: SheetState | None, *, in_full: bool) -> Said:
    """How it stands.

    Args:
        in_full: what administrators are told as well: what is to be seen to.
    """
    found: Said = {**named(sheet), "state": standing_of(state)}
    if state is None:
        return found
    for name, moment in (("looked_at", state.looked_at), ("changed_at", state.changed_at)):
        if moment is not None:
            found[name] = when(moment)
    if in_full:
        if state.trouble:
            found |= {"trouble": state.trouble, "because": state.because}
        found["faults"] = [*_findings(state.faults)]
        found["held"] = [_held(period, one) for period, one in sorted(state.held.items())]
    return found


def brief(sheets: SheetServices, department: str) -> list[Said]:
    """How each of a department's stands, in a line. Blocks.

    Args:
        department: its slug.
    """
    found = []
    for sheet in sheets.sheets.values():
        if sheet.department == department:
            state = sheets.asking.state(sheet.id)
            said = standing(sheet, state, in_full=False)
            del said["department"]
            found.append({**said, "held": [] if state is None else sorted(state.held)})
    return found


def version(
    one: Version,
    record: VersionRecord,
    state: SheetState | None,
    counted: Container[Version] | None,
) -> Said:
    """One version.

    Args:
        counted: of which versions it is said how much is in them; None: of all, and who had one
            count, as well.
    """
    found: Said = {"version": one.id}
    if one.period:
        found["period"] = one.period
    found |= {**{"read_at": in_utc(one.at), "state": _state(one, state), "tab": record.tab}}
    if counted is None or one in counted:
        found |= {"people_or_rows": record.size[0], "cells": record.size[1]}
    numbers = record.counts
    both = (one, replace(one, id=record.before))
    if numbers is not None and (counted is None or all(each in counted for each in both)):
        found["difference"] = {
            **{"changed": numbers.changed, "came": numbers.came, "went": numbers.went}
        }
    if record.accepted_at is not None:
        found["accepted_at"] = when(record.accepted_at)
        if counted is None:
            found["accepted_by"] = record.accepted_by
    return found


def cursor(one: Version) -> str:
    """Its place among a sheet's versions; a later one's is greater."""
    return f"{one.id}-{one.period or 'all'}"


def is_held(state: SheetState | None, one: Version) -> bool:
    """Whether it does not count yet."""
    return _state(one, state) == "held"


def _state(one: Version, state: SheetState | None) -> str:
    mine = None if state is None else state.periods.get(one.period)
    if mine is not None and one.id == mine.held:
        return "held"
    return "current" if mine is not None and one.id == mine.current else "earlier"


def _findings(findings: Iterable[Finding]) -> Iterable[Said]:
    for one in findings:
        yield {"code": one.code, "count": one.count, "places": [*one.places]}


def _held(period: str, one: Period) -> Said:
    found: Said = {"version": one.held}
    if period:
        found["period"] = period
    if one.held_at is not None:
        found["read_at"] = when(one.held_at)
    if one.gone is not None:
        gone = one.gone
        found |= {
            **{"people_or_rows_gone": gone.people, "of_people_or_rows": gone.of_people},
            **{"cells_gone": gone.cells, "of_cells": gone.of_cells},
        }
    return found
