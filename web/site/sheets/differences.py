"""Two versions of a sheet, line by line: what changed, came, and went."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final, Literal

from sheets.kinds.contents import Codes, CodeTimes, Contents, Duties, Roster, Rows
from sheets.shapes.models import Shape
from sheets.timing import in_full
from sheets.versions.difference import (
    CodesDifference,
    Difference,
    RosterDifference,
    RowsDifference,
    counts,
    difference,
)
from web.site.sheets.parts import Change, Counts, Differences, VersionLine
from web.site.sheets.rosters import LONGEST_TEXT, clock, days_of, name_of, said, shortened
from web.site.sheets.tables import by_title

MOST: Final = 200
"""Lines that are shown at once."""
Kind = Literal["changed", "came", "went"]


def differences_of(
    before: tuple[VersionLine, Contents], after: tuple[VersionLine, Contents], shape: Shape
) -> Differences | None:
    """What is different; None: they are of two kinds, and cannot be compared."""
    (older, old), (newer, new) = before, after
    if type(old) is not type(new):
        return None
    change = difference(old, new)
    lines = _lines(change, old, new, shape)
    shown = tuple(islice(lines, MOST))
    columns = change.columns if isinstance(change, RowsDifference) else None
    return Differences(
        older,
        newer,
        Counts(*_three(change)),
        shown,
        sum(1 for _ in lines),
        None if columns is None else (_listed(columns[0]), _listed(columns[1])),
    )


def _three(change: Difference) -> tuple[int, int, int]:
    found = counts(change)
    return found.changed, found.came, found.went


def _listed(titles: tuple[str, ...]) -> str:
    return shortened(" · ".join(titles), LONGEST_TEXT)


def _lines(change: Difference, old: Contents, new: Contents, shape: Shape) -> Iterator[Change]:
    match change, old, new:
        case RosterDifference(), Roster(), Roster():
            yield from _of_rosters(change, old, new, shape)
        case CodesDifference(codes=codes), Codes(), Codes():
            for code, (was, now) in codes.items():
                kind: Kind = "came" if was is None else "went" if now is None else "changed"
                name = shortened(code, LONGEST_TEXT)
                yield Change(kind, name, old=_times(was), new=_times(now))
        case RowsDifference(rows=rows), Rows(), Rows():
            for key in rows:
                yield from _of_rows(key, old, new)


def _of_rosters(
    change: RosterDifference, old: Roster, new: Roster, shape: Shape
) -> Iterator[Change]:
    whole = {*change.came, *change.went}
    for person, (was, now) in change.people.items():
        if person not in whole:
            yield Change("changed", person, old=was or "", new=now or "")
    places = {person: place for place, person in enumerate((*new.people, *old.people))}
    days = sorted(
        (places.get(person, 0), day, person) for person, day in change.duties if person not in whole
    )
    for _, day, person in days:
        was_, now_ = change.duties[person, day]
        before, after = _in_full(was_, shape), _in_full(now_, shape)
        if before == after:  # the row's own times
            before, after = (said(each or (), with_times=True) for each in (was_, now_))
        yield Change("changed", name_of(new, person), day, old=before, new=after)
    theirs: dict[str, list[Duties]] = {}
    for (person, _), (was_, now_) in change.duties.items():
        if person in whole:
            theirs.setdefault(person, []).append(now_ or was_ or ())
    for person in change.came:
        yield Change("came", name_of(new, person), whole=days_of(theirs.get(person, [])))
    for person in change.went:
        yield Change("went", name_of(old, person), whole=days_of(theirs.get(person, [])))


def _in_full(duties: Duties | None, shape: Shape) -> str:
    return shortened(" ".join(in_full(duty, shape) for duty in duties or ()), LONGEST_TEXT)


def _of_rows(key: str, old: Rows, new: Rows) -> Iterator[Change]:
    name = shortened(key, LONGEST_TEXT)
    if key not in old.rows or key not in new.rows:
        row = [text for text in (old.rows.get(key) or new.rows.get(key) or ()) if text]
        text = shortened(" · ".join(row), LONGEST_TEXT)
        if key in new.rows:
            yield Change("came", name, new=text)
        else:
            yield Change("went", name, old=text)
        return
    before, after = by_title(old, key), by_title(new, key)
    for title in dict.fromkeys((*new.columns, *old.columns)):
        was, now = before.get(title, ""), after.get(title, "")
        if was != now:
            said_ = (shortened(each, LONGEST_TEXT) for each in (was, now))
            was, now = said_
            yield Change("changed", name, column=shortened(title, 60), old=was, new=now)


def _times(found: CodeTimes | None) -> str:
    if found is None:
        return ""
    times = [
        clock(each) + "⁺¹" * (each >= 1440) for each in (found.start, found.end) if each is not None
    ]
    minutes = "" if found.minutes is None else f"({found.minutes})"
    return " ".join(filter(None, ("–".join(times), minutes, shortened(found.route, 60))))
