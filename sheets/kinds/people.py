"""Whose each row is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sheets.cells.grid import ERRORS, Grid
from sheets.cells.text import plain
from sheets.faults import Finding, finding
from sheets.shapes.models import Long, MonthGrid
from sheets.shapes.patterns import compiled

_NOBODY: Final = frozenset(
    map(
        plain,
        (
            *("合計", "總計", "小計", "共計", "總和", "人數", "備註", "備考", "附註", "說明", "註"),
            *("註:", "備註:", "說明:", "以下空白", "total", "sum", "note", "notes"),
        ),
    )
)
"""What stands below the people, in their column."""


class People:
    """The rows of a sheet, each somebody's or nobody's. One row after another, downwards."""

    def __init__(self, grid: Grid, shape: MonthGrid | Long, columns: Mapping[str, int]) -> None:
        self._grid = grid
        self._number, self._name = columns["person"], columns.get("person_name")
        self._form: Any = compiled(shape.person_form) if shape.person_form else None
        self._titles = {*map(plain, shape.person)}
        self._is_once = isinstance(shape, MonthGrid)
        self._origin_of: dict[str, int] = {}
        self._places: dict[str, dict[int | str, str]] = {}
        self._first = True
        self.names: dict[str, str] = {}
        """By number, in the sheet's order."""
        self.errors: list[str] = []
        """Places where a number should be."""
        self.columns = {self._number} | ({self._name} if self._name is not None else set())

    def at(self, row: int) -> str | None:
        """Whose the row is; None: nobody's. Rows with one merged number are one person's."""
        origin, _ = self._grid.origin(row, self._number)
        text = self._grid.shown(row, self._number)
        if text in ERRORS:
            self.errors.append(self._grid.place(row, self._number))
        if not text or text in ERRORS or plain(text) in _NOBODY or not self._fits(text):
            return text if plain(text) in self._titles else None
        if plain(text) in self._titles:
            return text
        name = "" if self._name is None else self._grid.shown(row, self._name)
        self._first = self._origin_of.get(text) != origin
        self._origin_of[text] = origin
        # In a list of days a number has many rows, and is still of one name.
        mark = origin if self._is_once else "" if name in ERRORS else plain(name)
        if mark != "":
            place = self._grid.place(row, self._number)
            self._places.setdefault(text, {}).setdefault(mark, place)
        if name or text not in self.names:
            self.names[text] = self.names.get(text) or name
        return text

    def is_unnumbered(self, row: int) -> bool:
        """Whether there is a name and no number: somebody, perhaps, who is overlooked so."""
        if self._name is None or self._grid.shown(row, self._number):
            return False
        name = plain(self._grid.at(row, self._name))
        return bool(name) and name not in _NOBODY

    def named(self, first: int) -> set[str]:
        """The numbers that have a name beside them. What is merged over both is no name.

        Args:
            first: the row below the titles.
        """
        found, name = set[str](), self._name
        if name is None:
            return found
        for row in range(first, self._grid.height):
            where = self._grid.origin(row, self._number)
            if where != self._grid.origin(row, name) and self._grid.shown(row, name):
                found.add(self._grid.at(*where))
        return {text for text in found if plain(text) not in _NOBODY | self._titles}

    def is_title(self, row: int) -> bool:
        """Whether the titles are said again there, as on a second page."""
        return plain(self._grid.shown(row, self._number)) in self._titles

    def is_first(self, row: int) -> bool:
        """Whether the row that was asked for last begins its person."""
        return self._first

    def cells_in(self, row: int) -> int:
        """How many of the cells that say whose it is have something in them."""
        return sum(1 for column in self.columns if self._grid.at(row, column))

    def _fits(self, text: str) -> bool:
        return self._form is None or self._form.fullmatch(text) is not None

    def findings(self) -> list[Finding]:
        """Which numbers are two people's: they have more rows than one, or more names."""
        twice = {text: each.values() for text, each in self._places.items() if len(each) > 1}
        if not twice:
            return []
        places = [place for each in twice.values() for place in each]
        return [finding("duplicate_people", places, of=len(self._places), texts=tuple(twice))]
