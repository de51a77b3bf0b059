"""The same answers as rows, for a spreadsheet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sheets.kinds.contents import Codes, Contents, Roster, Rows

Row = Sequence[str]
_SHIFT: Final = (
    *("number", "name", "day", "kind", "text", "code", "start", "end", "minutes", "overtime"),
    *("rest", "leave", "route"),
)
_CODE: Final = ("code", "start", "end", "minutes", "route")
_CREW: Final = ("day", "code", "people", "start", "end", "route")


def of_contents(found: Contents, said: dict[str, Any]) -> Iterator[Row]:
    """A version: a roster as a month is written, a person in each row.

    Args:
        said: what is answered in JSON.
    """
    match found:
        case Roster() if "days" in said:
            yield from of_crews(said["days"])
        case Roster(people=people, duties=duties):
            days = sorted({day for _, day in duties})
            yield ("number", "name", *map(str, days))
            for number, name in people.items():
                cells = (duties.get((number, day), ()) for day in days)
                yield (number, name, *(" ".join(duty.text for duty in cell) for cell in cells))
        case Codes():
            yield from _listed(_CODE, said["codes"])
        case Rows(columns=columns, rows=rows):
            yield columns
            yield from rows.values()


def of_shifts(said: dict[str, Any]) -> Iterator[Row]:
    """Shifts, or how many people have which."""
    if "days" in said:
        return of_crews(said["days"])
    return _listed(_SHIFT, said["shifts"])


def of_crews(days: list[dict[str, Any]]) -> Iterator[Row]:
    """A row for each day and shift; how many are off, or have anything else, stands in such a row
    as well."""
    yield _CREW
    for day in days:
        rows = [{"day": day["day"], **crew} for crew in day["crews"]]
        for kind in ("off", "other"):
            if day[kind]:
                rows.append({"day": day["day"], "code": f"({kind})", "people": day[kind]})
        yield from (_row(_CREW, row) for row in rows)


def _listed(columns: Row, found: list[dict[str, Any]]) -> Iterator[Row]:
    yield columns
    yield from (_row(columns, one) for one in found)


def _row(columns: Row, one: dict[str, Any]) -> Row:
    return [str(one.get(column, "")) for column in columns]
