"""Spreadsheets as Google keeps them: tabs of cells, and with whom they are shared."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Value = str | int | float | bool | None
Place = tuple[int, int]
"""Row and column, both from 0."""

ERRORS = {
    "REF": ("#REF!", "Reference does not exist."),
    "N_A": ("#N/A", "Value not available."),
    "DIVIDE_BY_ZERO": ("#DIV/0!", "Function DIVIDE parameter 2 cannot be zero."),
    "VALUE": ("#VALUE!", "A parameter is of another type than it should be."),
    "NAME": ("#NAME?", "Unknown name."),
    "NUM": ("#NUM!", "The number is out of its range."),
    "ERROR": ("#ERROR!", "Formula parse error."),
    "LOADING": ("Loading...", ""),
}
"""By type of error what the cell shows, and the message."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in a cell; one that has only a format is there as well."""

    value: Value = None  # what a formula comes to, where it is one
    formula: str = ""
    error: str = ""  # the type of the error that a formula comes to
    kind: str = ""  # of its number format: TEXT, NUMBER, DATE, TIME, DATE_TIME, …
    pattern: str = ""

    @property
    def is_empty(self) -> bool:
        """Whether nothing stands in it."""
        return self.value is None and not self.formula and not self.error


@dataclass(frozen=True, slots=True)
class Area:
    """Rows and columns of a tab; the ends are outside."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass
class Tab:
    """One sheet of a spreadsheet. Of cells that are merged only the first has something."""

    gid: int
    title: str
    cells: dict[Place, Cell] = field(default_factory=dict)
    merges: list[Area] = field(default_factory=list)
    rows: int = 1000
    columns: int = 40
    hidden: bool = False

    def write(self, place: Place, cell: Cell) -> None:
        """Let this stand there; the grid grows where it has to."""
        if cell == Cell():
            self.cells.pop(place, None)
            return
        self.cells[place] = cell
        self.rows, self.columns = max(self.rows, place[0] + 1), max(self.columns, place[1] + 1)

    def clear(self) -> None:
        """Take out what stands in the cells, as somebody does by selecting all of it; formats
        stay."""
        for place, cell in list(self.cells.items()):
            self.write(place, Cell(kind=cell.kind, pattern=cell.pattern))


@dataclass
class Spreadsheet:
    """One file of Google Sheets."""

    id: str
    title: str
    zone: str = "Asia/Taipei"
    locale: str = "zh_TW"
    tabs: list[Tab] = field(default_factory=list)
    shared: list[str] = field(default_factory=list)  # addresses that may read it
    is_office_file: bool = False  # an .xlsx that is only opened in Sheets
    reads: int = 0  # answers that had cells

    def tab(self, wanted: str | int) -> Tab | None:
        """The tab of this title or gid."""
        return next((tab for tab in self.tabs if wanted in (tab.title, tab.gid)), None)

    def as_dict(self) -> dict[str, Any]:
        """All of it, as JSON can hold it."""
        return {
            **{name: value for name, value in vars(self).items() if name != "tabs"},
            "tabs": [
                {
                    **vars(tab),
                    "cells": [[*place, *_parts(cell)] for place, cell in tab.cells.items()],
                    "merges": [[one.top, one.left, one.bottom, one.right] for one in tab.merges],
                }
                for tab in self.tabs
            ],
        }

    @classmethod
    def from_dict(cls, kept: dict[str, Any]) -> Spreadsheet:
        """What `as_dict` gave."""
        tabs = [
            Tab(
                **{
                    **tab,
                    "cells": {(row, column): Cell(*parts) for row, column, *parts in tab["cells"]},
                    "merges": [Area(*sides) for sides in tab["merges"]],
                }
            )
            for tab in kept["tabs"]
        ]
        return cls(**{**kept, "tabs": tabs})


def _parts(cell: Cell) -> list[Value]:
    return [cell.value, cell.formula, cell.error, cell.kind, cell.pattern]
