"""What stands in one person's calendar, out of the versions that count.

Imported only once there is one: whoever has none need not wait for what writes them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from functools import partial
from typing import Final

from config.languages import N_
from departments.names import Departments
from sheets.calendars import PAST, OnRoster, entries, tag_of, written
from sheets.keeping.forms import SheetState
from sheets.keeping.services import SheetServices
from sheets.kinds.contents import Codes, Roster
from sheets.months import is_monthly
from sheets.people.calendars import Calendar
from sheets.people.links import Link
from sheets.shapes.file import Sheet
from sheets.timing import shifts_of, zone_of
from web.site.texts import Texts

_LEAVES: Final = {
    "特休": N_("annual leave"),
    "例假": N_("regular day off"),
    "公假": N_("official leave"),
    "病假": N_("sick leave"),
    "事假": N_("personal leave"),
}


class OwnDuties:
    """Every method blocks."""

    def __init__(self, sheets: SheetServices, departments: Departments) -> None:
        self._sheets = sheets
        self._departments = departments

    def written(self, calendar: Calendar) -> tuple[str, bytes]:
        """Its tag, and the calendar.

        Raises:
            OperatorFault: the storage does not answer.
            CorruptCredential: a month of it cannot be read. An answer without it would have
                programs forget what they know.
        """
        rosters, names, zones, since = list[OnRoster](), list[str](), list[str](), date.max
        for sheet, link in self._places(calendar):
            state = self._sheets.asking.state(sheet.id) or SheetState()
            first = self._sheets.asking.today(sheet, state) - PAST
            since = min(since, first)
            zone = zone_of(sheet.shape, state.zone)
            names += [] if self._title(sheet) in names else [self._title(sheet)]
            zones += [str(zone)] if zone is not None else []
            rosters += self._own(sheet, link, state, first)
        key = calendar.key
        t = Texts(calendar.language) if calendar.language else None
        listed = entries(rosters, since, key, partial(_called, t)) if rosters else []
        tag = tag_of(listed, [*names, *zones[:1]])
        return tag, written(listed, names, zones[0] if zones else "")

    def _places(self, calendar: Calendar) -> Iterator[tuple[Sheet, Link]]:
        for link in calendar.links:
            for sheet in self._sheets.people.rosters.sheets.values():
                if sheet.department == link.department:
                    yield sheet, link

    def _own(self, sheet: Sheet, link: Link, state: SheetState, since: date) -> Iterator[OnRoster]:
        """One for each month: what is another in one is no change of the others."""
        zone = zone_of(sheet.shape, state.zone)
        for period in sorted(state.periods):
            if not state.periods[period].current or not _is_wanted(sheet, period, since):
                continue
            opened = self._sheets.asking.open_at(sheet.id, period)
            if opened is None or not isinstance(opened.contents, Roster):
                continue
            people, number = opened.contents.people, link.number
            if number not in people or not self._sheets.people.names.is_of(link, people):
                continue
            codes = self._sheets.asking.codes_for(sheet, period)
            table = None if codes is None else codes.contents
            shifts = shifts_of(
                opened.contents, number, table if isinstance(table, Codes) else None, zone
            )
            at = opened.version.at
            yield OnRoster(sheet.id, self._title(sheet), sheet.shape, at, [*shifts])

    def _title(self, sheet: Sheet) -> str:
        department = self._departments.find(sheet.department)
        name = sheet.department if department is None else department.name
        return f"{name} {sheet.title}"


def _called(t: Texts | None, leave: str) -> str:
    """A leave as its reader calls it, where the settings call it by its usual name."""
    return leave if t is None or leave not in _LEAVES else str(t.tr(_LEAVES[leave]))


def _is_wanted(sheet: Sheet, period: str, since: date) -> bool:
    """What is of no month is of a time when the settings had no tab for each."""
    if not period:
        return not is_monthly(sheet.shape.tab or "")
    return period >= str(since)[:7]
