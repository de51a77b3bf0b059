"""`drivekeeper sheets check`: what is understood of each sheet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, say, show_json
from commands.runtime import read_settings
from commands.sheets.file import configured_sheets
from commands.sheets.reading import readers_of
from commands.sheets.wording import entries, finding_says, kind_of, size_says
from config import Settings
from security.errors import CustodyError
from sheets.answer import Reading, open_answer
from sheets.keeping.sources import Source, days_of, sources_of, tabs_of, today_of
from sheets.keeping.versions import size_of
from sheets.parsing import Looked, look, missing
from sheets.shapes.file import Sheet
from sheets.wanted import tab_of, wanted


@dataclass(frozen=True)
class _Checked:
    """One sheet, or one month of it."""

    sheet: Sheet
    period: str
    found: Looked | None
    """None: it was not read."""
    fault: CustodyError | None = None


def check_sheets(
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
    offline: Annotated[
        bool, typer.Option("--offline", help="Look at the file alone; ask Google nothing.")
    ] = False,
) -> None:
    """Check SHEETS_FILE, read each sheet once, and show what is understood. Keeps nothing.

    Exit code 1: a sheet would not be taken over as it stands; 3: one could not be read.
    """
    settings = read_settings(env_file)
    sheets = configured_sheets(settings)
    checked = [] if offline else [*_read(settings, [*sheets.values()])]
    if as_json:
        show_json({"sheets": [*sheets], "read": [_entry(one) for one in checked]})
    else:
        say(f"SHEETS_FILE is in order: {', '.join(sheets) or 'it names no sheet'}.")
        for one in checked:
            _show(one)
    if any(one.fault is not None for one in checked):
        raise typer.Exit(Exit.FAULT)
    if any(_is_fault(one) for one in checked):
        raise typer.Exit(Exit.FINDINGS)


def _read(settings: Settings, sheets: list[Sheet]) -> Iterator[_Checked]:
    now = datetime.now(UTC).timestamp()
    with readers_of(settings) as readers:
        for source in sources_of(sheets):
            days = days_of(source, now)
            try:
                reader = readers.of(source.department)
                reading = open_answer(reader.read(source.spreadsheet, tabs_of(source, days)))
                there = days_of(source, now, reading.zone)
                if there != days:  # its zone was not known: the month may be another there
                    reading = open_answer(reader.read(source.spreadsheet, tabs_of(source, there)))
            except CustodyError as fault:
                yield from (_Checked(sheet, "", None, fault) for sheet in source.sheets)
                continue
            yield from _understood(source, reading, now)


def _understood(source: Source, reading: Reading, now: float) -> Iterator[_Checked]:
    for sheet in source.sheets:
        today = today_of(sheet, now, reading.zone)
        for one in wanted(sheet, today):
            tab = tab_of(reading, one)
            if tab is not None:
                yield _Checked(sheet, one.period, look(sheet, tab, one.period, today))
            elif one.needed:
                yield _Checked(sheet, one.period, missing(one.period))


def _is_fault(one: _Checked) -> bool:
    return one.found is not None and one.found.parsed is not None and bool(one.found.parsed.faults)


def _entry(one: _Checked) -> dict[str, Any]:
    entry: dict[str, Any] = {"sheet": one.sheet.id, "period": one.period or None}
    if one.fault is not None:
        return {**entry, "result": one.fault.code}
    parsed = one.found.parsed if one.found is not None else None
    if one.found is None or parsed is None:
        return entry
    size = (0, 0) if parsed.contents is None else size_of(parsed.contents)
    return {
        **entry,
        "result": "fault" if parsed.faults else "ok",
        "tab": one.found.tab or None,
        "period": parsed.period or one.period or None,
        "header_row": parsed.layout.header,
        "columns": parsed.layout.columns,
        "people_or_rows": size[0],
        "cells": size[1],
        "faults": entries(parsed.faults),
        "warnings": entries(parsed.warnings),
    }


def _show(one: _Checked) -> None:
    month = f" {one.period}" if one.period else ""
    if one.fault is not None:
        say(f"✗ {one.sheet.id}: {one.fault}.")
        return
    parsed = one.found.parsed if one.found is not None else None
    if one.found is None or parsed is None:
        return
    if parsed.contents is None:
        says = "nothing could be taken over"
    else:
        says = size_says(kind_of(one.sheet), size_of(parsed.contents))
    tab = f" (tab {one.found.tab})" if one.found.tab else ""
    say(f"{'✗' if parsed.faults else '✓'} {one.sheet.id}{month}{tab}: {says}")
    if parsed.layout.header is not None:
        columns = ", ".join(f"{key} {letters}" for key, letters in parsed.layout.columns.items())
        say(f"    Titles in row {parsed.layout.header}{': ' if columns else ''}{columns}")
    for finding in parsed.findings:
        say(f"    {'Fault' if finding.is_fault else 'Warning'}: {finding_says(finding)}")
