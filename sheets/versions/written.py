"""A version as a JSON object, and back: what a roster repeats is written once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any, Final

from sheets.kinds.contents import Codes, CodeTimes, Contents, Duties, Duty, Key, Roster, Rows

FORM: Final = 1
_MONTHS: Final = 100
"""Days for which a place for each is less than the places themselves."""
_FIELDS: Final = ("kind", "text", "code", "overtime", "rest", "leave", "start", "end", "route")


class Unreadable(ValueError):
    """It was written by another program, or a newer one; nothing of it is in the message."""

    def __init__(self) -> None:
        super().__init__("is no version of a sheet in the form of this program")


def write(contents: Contents) -> dict[str, Any]:
    """Plain objects only: texts, numbers, lists."""
    match contents:
        case Roster():
            return {"form": FORM, "kind": "roster", **_written_roster(contents)}
        case Codes(codes=codes):
            rows = [[k, c.start, c.end, c.minutes, c.route] for k, c in codes.items()]
            return {"form": FORM, "kind": "codes", "codes": rows}
        case Rows(columns=columns, rows=found):
            listed = [[key, [*row]] for key, row in found.items()]
            return {"form": FORM, "kind": "rows", "columns": [*columns], "rows": listed}


def read(written: Any) -> Contents:
    """The version again.

    Raises:
        Unreadable: this is none.
    """
    try:
        if written["form"] == FORM:
            match written["kind"]:
                case "roster":
                    return _read_roster(written)
                case "codes":
                    return Codes({key: CodeTimes(*rest) for key, *rest in written["codes"]})
                case "rows":
                    rows = {key: tuple(row) for key, row in written["rows"]}
                    return Rows(tuple(written["columns"]), rows)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        pass
    raise Unreadable


def _written_roster(roster: Roster) -> dict[str, Any]:
    """Of each person a list of days, each the number of what there is on it; -1: nothing. Over more
    than a few months, only of the days on which there is something, each with its place."""
    first = min((day for _, day in roster.duties), default=date(2000, 1, 1))
    last = max((day for _, day in roster.duties), default=first)
    known: dict[Duties, int] = {}
    rows: dict[str, list[Any]] = {person: [] for person in roster.people}
    is_dense = (last - first).days < _MONTHS
    for (person, day), duties in roster.duties.items():
        row, place = rows[person], (day - first).days
        number = known.setdefault(duties, len(known))
        if is_dense:
            row.extend([-1] * (place + 1 - len(row)))
            row[place] = number
        else:
            row.append([place, number])
    return {
        "first": first.isoformat(),
        "duties": [[[*_values(duty)] for duty in duties] for duties in known],
        "people": [[person, roster.people[person], row] for person, row in rows.items()],
    }


def _values(duty: Duty) -> Iterator[Any]:
    """The fields, as far as they say anything."""
    values = [getattr(duty, name) for name in _FIELDS]
    while values and not values[-1] and values[-1] != 0:
        values.pop()
    return iter(values)


def _read_roster(written: Any) -> Roster:
    first = date.fromisoformat(written["first"])
    known = [tuple(Duty(*values) for values in duties) for duties in written["duties"]]
    people: dict[str, str] = {}
    duties: dict[Key, Duties] = {}
    days: list[date] = []
    for person, name, row in written["people"]:
        people[person] = name
        while len(days) < min(len(row), _MONTHS):
            days.append(first + timedelta(days=len(days)))
        for place, number in enumerate(row):
            if isinstance(number, list):
                place, number = number  # noqa: PLW2901 - they say it themselves
                duties[person, first + timedelta(days=place)] = known[number]
            elif number >= 0:
                duties[person, days[place]] = known[number]
    return Roster(people, duties)
