"""Versions and what is in them, as the answers have it: plain objects, for there may be thousands.

What computers are told has no people in it: sheets/nobodys.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from sheets.keeping.versions import Opened, Version
from sheets.kinds.contents import Codes, CodeTimes, Contents, Duties, Duty, Roster, Rows
from sheets.nobodys import Crew, CrewDay, crew_days
from sheets.shapes.file import Sheet
from sheets.timing import in_full, shift_of
from sheets.versions.difference import (
    CodesDifference,
    Difference,
    RosterDifference,
    RowsDifference,
    counts,
)

Said = dict[str, Any]


def when(seconds: float | None) -> str | None:
    """Unix seconds, in UTC."""
    return None if seconds is None else in_utc(datetime.fromtimestamp(seconds, UTC))


def in_utc(moment: datetime) -> str:
    """Aware, in UTC."""
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def clock(minutes: int | None) -> str | None:
    """Minutes after a midnight."""
    return None if minutes is None else f"{minutes // 60:02}:{minutes % 60:02}"


def named(sheet: Sheet) -> Said:
    """Which one."""
    return {"department": sheet.department, "sheet": sheet.name, "title": sheet.title}


def head(sheet: Sheet, opened: Opened) -> Said:
    """Which version of which month."""
    return {**named(sheet), **_period(opened.version), **side(opened)}


def side(opened: Opened) -> Said:
    """One version."""
    return {"version": opened.version.id, "read_at": in_utc(opened.version.at)}


def _period(version: Version) -> Said:
    return {"period": version.period} if version.period else {}


class _Spelt:
    """Duties by one sheet's words. A roster says few things many times: each is written once."""

    def __init__(self, sheet: Sheet) -> None:
        self._shape = sheet.shape
        self._known: dict[Duties, list[Said]] = {}

    def __call__(self, duties: Duties | None) -> list[Said]:
        """Those of a day."""
        if not duties:
            return []
        found = self._known.get(duties)
        if found is None:
            found = self._known[duties] = [self._one(duty) for duty in duties]
        return found

    def _one(self, duty: Duty) -> Said:
        said = {
            "kind": duty.kind,
            "text": duty.text,
            "code": duty.code or None,
            "overtime": duty.overtime or None,
            "rest": duty.rest or None,
            "leave": in_full(duty, self._shape) if duty.leave else None,
            "start": clock(duty.start),
            "end": clock(duty.end),
            "route": duty.route or None,
        }
        return _without_nothing(said)


def contents(sheet: Sheet, found: Contents, *, with_people: bool) -> Said:
    """What is in a version."""
    match found:
        case Roster() if with_people:
            return {"kind": "roster", "people": _people(sheet, found)}
        case Roster():
            return {
                "kind": "roster",
                "days": [_crew_day(day) for day in crew_days(found, None, None)],
            }
        case Codes(codes=codes):
            return {"kind": "codes", "codes": [_code(*each) for each in codes.items()]}
        case Rows(columns=columns, rows=rows):
            return {"kind": "rows", "columns": columns, "rows": [*rows.values()]}


def shifts(
    sheet: Sheet,
    roster: Roster,
    codes: Codes | None,
    zone: ZoneInfo | None,
    month: str,
    person: str,
) -> list[Said]:
    """Duties with their times.

    Args:
        month: `2026-12`; empty: all there are.
        person: whose; empty: everybody's.
    """
    days: dict[str, list[tuple[date, Duties]]] = {}
    for (number, day), duties in roster.duties.items():
        if person in ("", number) and str(day).startswith(month):
            days.setdefault(number, []).append((day, duties))
    return [
        _without_nothing(
            {
                **{"number": number, "name": name, "day": one.day.isoformat()},
                **{"kind": one.duty.kind, "text": one.duty.text, "code": one.duty.code or None},
                "start": None if one.start is None else one.start.isoformat(),
                "end": None if one.end is None else one.end.isoformat(),
                **{"minutes": one.minutes, "overtime": one.duty.overtime or None},
                "rest": one.duty.rest or None,
                "leave": in_full(one.duty, sheet.shape) if one.duty.leave else None,
                **{"route": one.route or None, "is_known": one.is_known},
            }
        )
        for number, name in roster.people.items()
        for day, duties in sorted(days.get(number, ()), key=lambda each: each[0])
        for one in (shift_of(day, duty, codes, zone) for duty in duties)
    ]


def crews(roster: Roster, codes: Codes | None, zone: ZoneInfo | None, month: str) -> list[Said]:
    """The same without people."""
    return [
        _crew_day(day) for day in crew_days(roster, codes, zone) if str(day.day).startswith(month)
    ]


def changes(
    sheet: Sheet, old: Contents, new: Contents, change: Difference, *, with_people: bool
) -> Said:
    """How two versions differ."""
    numbers = counts(change)
    said: Said = {"changed": numbers.changed, "came": numbers.came, "went": numbers.went}
    match change:
        case RosterDifference() if isinstance(old, Roster) and isinstance(new, Roster):
            return said | (
                _changed_people(sheet, {**old.people, **new.people}, change)
                if with_people
                else {"crews": _changed_crews(old, new)}
            )
        case CodesDifference(codes=found):
            listed = [
                _without_nothing(
                    {
                        "code": code,
                        "old": None if was is None else _code(code, was),
                        "new": None if now is None else _code(code, now),
                    }
                )
                for code, (was, now) in found.items()
            ]
            return said | {"codes": listed}
        case RowsDifference(columns=columns, rows=rows):
            listed = [
                _without_nothing({"key": key, "old": was, "new": now})
                for key, (was, now) in rows.items()
            ]
            return said | ({"columns": columns} if columns else {}) | {"rows": listed}
    raise TypeError("it is of another kind")


def _people(sheet: Sheet, roster: Roster) -> list[Said]:
    said, days = _Spelt(sheet), {number: dict[str, Any]() for number in roster.people}
    for (number, day), duties in sorted(roster.duties.items(), key=lambda each: each[0][1]):
        days[number][day.isoformat()] = said(duties)
    return [
        {"number": number, "name": name, "days": days[number]}
        for number, name in roster.people.items()
    ]


def _crew_day(one: CrewDay) -> Said:
    return {
        "day": one.day.isoformat(),
        "crews": [_crew(crew) for crew in one.crews],
        "off": one.off,
        "other": one.other,
    }


def _crew(crew: Crew) -> Said:
    return _without_nothing(
        {
            **{"code": crew.code, "people": crew.people},
            "start": None if crew.start is None else crew.start.isoformat(),
            "end": None if crew.end is None else crew.end.isoformat(),
            "route": crew.route or None,
        }
    )


def _code(code: str, times: CodeTimes) -> Said:
    said = {
        **{"code": code, "start": clock(times.start), "end": clock(times.end)},
        **{"minutes": times.minutes, "route": times.route or None},
    }
    return _without_nothing(said)


def _changed_people(sheet: Sheet, names: Mapping[str, str], change: RosterDifference) -> Said:
    said = _Spelt(sheet)
    people = [
        _without_nothing({"number": number, "old": was, "new": now})
        for number, (was, now) in change.people.items()
    ]
    days = [
        {
            **{"number": number, "name": names.get(number, ""), "day": day.isoformat()},
            **{"old": said(was), "new": said(now)},
        }
        for (number, day), (was, now) in sorted(change.duties.items(), key=lambda each: each[0])
    ]
    return {"people": people, "days": days}


def _changed_crews(old: Roster, new: Roster) -> list[Said]:
    before, after = ({one.day: one for one in crew_days(each, None, None)} for each in (old, new))
    return [
        _without_nothing(
            {
                "day": day.isoformat(),
                "old": _crew_day(before[day]) if day in before else None,
                "new": _crew_day(after[day]) if day in after else None,
            }
        )
        for day in sorted({*before, *after})
        if before.get(day) != after.get(day)
    ]


def _without_nothing(said: Said) -> Said:
    return {name: value for name, value in said.items() if value is not None}
