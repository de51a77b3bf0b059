"""Reads what is kept of departments' sheets for their pages. Every method blocks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from departments.names import Departments
from departments.service_accounts.service_keys import ServiceKeys
from security.errors import CorruptCredential
from sheets.keeping.forms import Period, SheetState
from sheets.keeping.services import SheetServices
from sheets.keeping.versions import Version
from sheets.kinds.contents import Codes, Contents, Roster
from sheets.shapes.file import Sheet
from web.site.sheets.assembling import Found, Kept, Wishes, names_of
from web.site.sheets.lines import line_of, month_shown
from web.site.sheets.rosters import months_of
from web.site.sheets.views import SheetLine

LISTED: Final = 12
"""Versions in the list at once."""


@dataclass(frozen=True, slots=True)
class Gathering:
    """What is kept, read for pages."""

    sheets: SheetServices
    departments: Departments
    service_keys: ServiceKeys

    def lines(self) -> dict[str, tuple[SheetLine, ...]]:
        """Every sheet, by its department's slug."""
        every = list(self.sheets.sheets.values())
        states = self._states(every)
        days = {sheet.id: self.sheets.asking.today(sheet, states.get(sheet.id)) for sheet in every}
        current = {
            sheet.id: version
            for sheet in every
            if (version := _current(sheet, states.get(sheet.id), days[sheet.id])) is not None
        }
        records = dict(self.sheets.versions.records([*current.values()]))
        found: dict[str, list[SheetLine]] = {}
        for sheet in every:
            version = current.get(sheet.id)
            record = records.get(version) if version is not None else None
            line = line_of(sheet, states.get(sheet.id), days[sheet.id], record)
            found.setdefault(sheet.department, []).append(line)
        return {slug: tuple(lines) for slug, lines in found.items()}

    def found(self, sheet: Sheet, wishes: Wishes) -> Found:
        """What the page of one sheet needs."""
        state = self._states([sheet]).get(sheet.id)
        today = self.sheets.asking.today(sheet, state)
        department = self.departments.find(sheet.department)
        found = Found(
            sheet,
            state,
            today,
            sheet.department if department is None else department.name,
            "" if department is None else self.service_keys.of(department).address,
        )
        if state is None:
            return found
        period, month = _period_of(state, today, wishes.month)
        found = replace(found, period=period, month=month)
        return self._with_versions(found, state, wishes)

    def _with_versions(self, found: Found, state: SheetState, wishes: Wishes) -> Found:
        sheet, period = found.sheet, found.period
        every = self.sheets.versions.of(sheet.id, period)
        ids = [one.id for one in every]
        first = ids.index(wishes.older) if wishes.older in ids else 0
        listed = every[first : first + LISTED]
        one = state.periods.get(period, Period())
        shown = wishes.until if wishes.until in ids else one.current or one.held
        wanted = {shown, one.current, one.held, wishes.since if wishes.since in ids else ""}
        others = [
            version for version in every if version.id in wanted - {each.id for each in listed}
        ]
        records = dict(self.sheets.versions.records([*listed, *others]))
        found = replace(
            found,
            listed=tuple(Kept(each.id, records[each]) for each in listed if each in records),
            others=tuple(Kept(each.id, records[each]) for each in others if each in records),
            older=ids[first + LISTED] if len(ids) > first + LISTED else "",
            no_version=not {wishes.since, wishes.until} <= {"", *ids},
        )
        wishes = replace(wishes, since=wishes.since if wishes.since in ids else "")
        if one.held and one.gone is not None:
            contents = self._contents(Version(sheet.id, period, one.current))
            found = replace(found, gone=names_of(contents, one.gone.who))
        return self._with_contents(found, shown, wishes, one)

    def _with_contents(self, found: Found, shown: str, wishes: Wishes, one: Period) -> Found:
        sheet, period = found.sheet, found.period
        kept = next((each for each in (*found.listed, *found.others) if each.id == shown), None)
        if kept is None:
            return found
        contents = self._contents(Version(sheet.id, period, shown))
        found = replace(found, shown=replace(kept, contents=contents), is_damaged=contents is None)
        if isinstance(contents, Roster):
            found = replace(found, codes=self._codes(sheet, period))
            if not found.month:
                there = months_of(contents)
                this = f"{found.today:%Y-%m}"
                near = max((each for each in there if each <= this), default=min(there, default=""))
                found = replace(found, month=wishes.month if wishes.month in there else near)
        before = wishes.since
        if not before or before == shown:
            before = one.current if shown == one.held else kept.record.before
        old = Version(sheet.id, period, before)
        record = self.sheets.versions.record(old) if before else None
        if record is None:
            return found
        was = self._contents(old)
        return replace(found, before=Kept(before, record, was), cannot_compare=was is None)

    def _contents(self, version: Version) -> Contents | None:
        """None: there is no such version, or it cannot be read."""
        try:
            opened = self.sheets.versions.open(version) if version.id else None
        except CorruptCredential:
            return None
        return None if opened is None else opened.contents

    def _codes(self, sheet: Sheet, period: str) -> Codes | None:
        """The table that its codes are in; None: none is named, or none was read yet."""
        try:
            opened = self.sheets.asking.codes_for(sheet, period)
        except CorruptCredential:
            return None
        contents = None if opened is None else opened.contents
        return contents if isinstance(contents, Codes) else None

    def _states(self, sheets: Sequence[Sheet]) -> Mapping[str, SheetState]:
        return self.sheets.mirror.looking.states(sheets)


def _current(sheet: Sheet, state: SheetState | None, today: date) -> Version | None:
    if state is None:
        return None
    period, _ = _period_of(state, today, "")
    current = state.periods.get(period, Period()).current
    return Version(sheet.id, period, current) if current else None


def _period_of(state: SheetState, today: date, asked: str) -> tuple[str, str]:
    """By which versions are known, and which month of them is shown."""
    if "" in state.periods and asked not in state.periods:
        return "", ""
    month = month_shown(state, today, asked)
    return month, month
