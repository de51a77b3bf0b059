"""Whether what was read becomes the next version: kept out, held, or taken."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, field
from typing import Any

from sheets.cells.grid import ERRORS
from sheets.faults import Finding
from sheets.kinds.contents import ERROR, Codes, Contents, Parsed, Roster, Rows
from sheets.versions.difference import Difference, difference, is_empty


@dataclass(frozen=True, slots=True)
class Gone:
    """So much that an accident is likelier than a plan: a cleared tab."""

    people: int
    """Or codes, or rows."""
    of_people: int
    cells: int
    of_cells: int
    who: tuple[str, ...] = field(default=(), repr=False)
    """The numbers that are no longer there."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What follows from a look."""

    contents: Contents | None
    """What there would be as the next version; None: what was read is not used."""
    change: Difference | None = None
    """Against the last version; None: there was none, or there is a fault."""
    findings: tuple[Finding, ...] = ()
    gone: Gone | None = None
    """Not None: it is held until an administrator accepts it."""

    @property
    def is_fault(self) -> bool:
        """The last good version is kept."""
        return self.contents is None

    @property
    def is_held(self) -> bool:
        """The last good version is kept, and this one beside it."""
        return self.gone is not None

    @property
    def is_same(self) -> bool:
        """Nothing that means anything has changed: a colour, a remark."""
        return self.change is not None and is_empty(self.change)


def judge(parsed: Parsed, last: Contents | None) -> Verdict:
    """What follows from what was read.

    Args:
        last: the last good version; None: there is none yet.
    """
    contents = parsed.contents
    if contents is None or parsed.faults:
        return Verdict(None, findings=parsed.findings)
    if last is None or type(last) is not type(contents):  # the settings have changed its kind
        return Verdict(contents, findings=parsed.findings)
    if isinstance(contents, Roster) and isinstance(last, Roster):
        contents = _with_values_for_errors(contents, last)
    change = difference(last, contents)
    return Verdict(contents, change, parsed.findings, _gone(last, contents))


def _with_values_for_errors(new: Roster, last: Roster) -> Roster:
    """An error of the spreadsheet's says nothing of anybody's day: what was known of it stays."""
    duties = {
        key: last.duties[key]
        for key, found in new.duties.items()
        if any(duty.kind == ERROR for duty in found) and key in last.duties
    }
    names = {
        person: last.people[person]
        for person, name in new.people.items()
        if name in ERRORS and person in last.people
    }
    if not duties and not names:
        return new
    return Roster({**new.people, **names}, {**new.duties, **duties})


def _gone(old: Contents, new: Contents) -> Gone | None:
    (people, cells), (people_now, cells_now) = _parts(old), _parts(new)
    went, empty = people - people_now, len(cells - cells_now)
    if len(went) * 2 > len(people) or empty * 2 > len(cells):
        who = tuple(each for each in people if each in went)
        return Gone(len(went), len(people), empty, len(cells), who)
    return None


def _parts(contents: Contents) -> tuple[Set[str], Set[Any]]:
    """Who or what there is, and which cells of it are not empty."""
    match contents:
        case Roster(people=people, duties=duties):
            return people.keys(), duties.keys()
        case Codes(codes=codes):
            return codes.keys(), codes.keys()
        case Rows(rows=rows):
            return rows.keys(), {(k, n) for k, row in rows.items() for n, t in enumerate(row) if t}
