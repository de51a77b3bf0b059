"""One tab as a rectangle of texts, whatever of it the answer has left out.

Cells that are empty come as `{}`, or not at all where nothing follows them in their row; a merged
cell has its value at its top left, and nothing elsewhere.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from sheets.answer import Tab
from sheets.cells.places import place
from sheets.cells.text import LONGEST, normal

MOST_ROWS: Final = 10_000
MOST_COLUMNS: Final = 500
MOST_CELLS: Final = 200_000
"""That are not empty."""
ERRORS: Final = frozenset(
    {"#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#ERROR!", "#LOADING"}
)
"""What a cell with an error says, whatever its language."""

_OF_TYPE: Final = {
    "REF": "#REF!",
    "N_A": "#N/A",
    "VALUE": "#VALUE!",
    "NAME": "#NAME?",
    "DIVIDE_BY_ZERO": "#DIV/0!",
    "NUM": "#NUM!",
    "NULL_VALUE": "#NULL!",
    "LOADING": "#LOADING",
}
_LIKE_ERRORS: Final = ("#", "Loading")
"""How what an error's cell shows begins, in every language: its value has to be looked at."""
_TIMELY: Final = frozenset({"DATE", "TIME", "DATE_TIME"})

Place = tuple[int, int]
"""Row and column, from 0."""


class GridTooLarge(Exception):
    """There is more in the tab than one look may take."""


@dataclass(frozen=True, repr=False)
class Grid:
    """A rectangle of normalised texts; an empty cell is an empty text."""

    title: str
    rows: list[list[str]]
    serials: dict[Place, tuple[float, str]] = field(default_factory=dict)
    """Of cells that are formatted as days or times: the number, and DATE, TIME or DATE_TIME."""
    merges: tuple[tuple[int, int, int, int], ...] = ()
    """First row, row after the last, first column, column after the last."""
    cut: tuple[Place, ...] = ()
    """Cells with more text than is kept of one."""

    def __repr__(self) -> str:
        return f"Grid({self.height} × {self.width})"

    @classmethod
    def of(cls, tab: Tab) -> Grid:
        """The cells of a tab.

        Raises:
            GridTooLarge: more than `MOST_ROWS`, `MOST_COLUMNS` or `MOST_CELLS` of them.
        """
        builder = _Builder()
        for part in tab.data:
            if isinstance(part, dict):
                builder.add(part)
        return cls(
            tab.title,
            builder.rectangle(),
            builder.serials,
            tuple(_merges(tab.merges)),
            tuple(builder.cut),
        )

    @property
    def height(self) -> int:
        """Rows."""
        return len(self.rows)

    @property
    def width(self) -> int:
        """Columns."""
        return len(self.rows[0]) if self.rows else 0

    @cached_property
    def filled(self) -> int:
        """How many cells are not empty."""
        return sum(len(row) - row.count("") for row in self.rows)

    @cached_property
    def digest(self) -> str:
        """Another, as soon as anything of it is."""
        found = hashlib.sha256()
        found.update("\x1e".join(map("\x1f".join, self.rows)).encode())
        found.update(repr((sorted(self.serials.items()), self.merges)).encode())
        return found.hexdigest()

    @cached_property
    def _origins(self) -> dict[Place, Place]:
        found: dict[Place, Place] = {}
        for top, bottom, left, right in self.merges:
            for row in range(top, min(bottom, self.height)):
                for column in range(left, min(right, self.width)):
                    found[row, column] = (top, left)
                    if len(found) >= MOST_CELLS:
                        return found
        return found

    def origin(self, row: int, column: int) -> Place:
        """The cell whose value it shows: its own place, or the top left of what is merged."""
        return self._origins.get((row, column), (row, column))

    def shown(self, row: int, column: int) -> str:
        """What one sees there; nothing, outside."""
        row, column = self.origin(row, column)
        return self.at(row, column)

    def at(self, row: int, column: int) -> str:
        """What is written in that cell; nothing, outside."""
        inside = 0 <= row < self.height and 0 <= column < self.width
        return self.rows[row][column] if inside else ""

    def serial(self, row: int, column: int, *kinds: str) -> float | None:
        """The number of a day's or a time's cell; None: it is none of these."""
        found = self.serials.get((row, column))
        return found[0] if found is not None and found[1] in kinds else None

    def place(self, row: int, column: int) -> str:
        """As people say it."""
        return place(self.title, row, column)

    def errors(self) -> list[Place]:
        """The cells that say an error."""
        return [
            (r, c)
            for r, row in enumerate(self.rows)
            if not ERRORS.isdisjoint(row)
            for c, text in enumerate(row)
            if text in ERRORS
        ]


class _Builder:
    def __init__(self) -> None:
        self._rows: dict[int, list[str]] = {}
        self._known: dict[str, str] = {}
        """Rosters say few things, each many times."""
        self._cells = 0
        self.serials: dict[Place, tuple[float, str]] = {}
        self.cut: list[Place] = []

    def add(self, part: dict[str, Any]) -> None:
        """One GridData."""
        top, left = _index(part.get("startRow")), _index(part.get("startColumn"))
        rows = part.get("rowData")
        for offset, row in enumerate(rows if isinstance(rows, list) else ()):
            values = row.get("values") if isinstance(row, dict) else None
            if isinstance(values, list) and values:
                self._add_row(top + offset, left, values)

    def _add_row(self, number: int, left: int, values: list[Any]) -> None:
        known = self._known.get
        texts: list[Any]
        try:
            # Almost all are empty, or a text that was there before: told without a call of ours,
            # and what has no format without a look at its value, which is half of the time.
            texts = [
                (
                    known(cell["formattedValue"])
                    if len(cell) == 2 or "stringValue" in cell["effectiveValue"]
                    else None
                )
                if cell
                else ""
                for cell in values
            ]
        except (KeyError, TypeError, IndexError):
            texts = [None] * len(values)
        place = -1
        for _ in range(texts.count(None)):
            place = texts.index(None, place + 1)
            texts[place] = self._text((number, left + place), values[place])
        while texts and not texts[-1]:
            texts.pop()
        if not texts:
            return
        self._cells += len(texts) - texts.count("")
        if number >= MOST_ROWS or left + len(texts) > MOST_COLUMNS or self._cells > MOST_CELLS:
            raise GridTooLarge
        row = self._rows.setdefault(number, texts if left == 0 else [])
        if row is not texts:
            row.extend([""] * (left + len(texts) - len(row)))
            row[left : left + len(texts)] = texts

    def _text(self, where: Place, cell: object) -> str:
        if not isinstance(cell, dict) or not cell:
            return ""
        shown, value = cell.get("formattedValue"), cell.get("effectiveValue")
        if isinstance(value, dict) and "errorValue" in value:
            error = value["errorValue"]
            kind = error.get("type") if isinstance(error, dict) else None
            return _OF_TYPE.get(str(kind), "#ERROR!")
        if not isinstance(shown, str):
            return ""
        if len(shown) > LONGEST:
            self.cut.append(where)
            shown = shown[:LONGEST] + "…"
        text = self._known.get(shown)
        if text is None:
            text = normal(shown)
            if shown and not shown.startswith(_LIKE_ERRORS):
                self._known[shown] = text
        if text and isinstance(value, dict) and "numberValue" in value:
            number, kind = value["numberValue"], _format_of(cell)
            if isinstance(number, int | float) and abs(number) < 1e7:
                if kind in _TIMELY:
                    self.serials[where] = (float(number), kind)
                elif kind == "NUMBER" and 0 < number < 1:  # 08:00 without its format, as 0.33
                    self.serials[where] = (float(number), "TIME")
        return text

    def rectangle(self) -> list[list[str]]:
        """All rows down to the last with anything in it, all of one length."""
        height = max(self._rows, default=-1) + 1
        width = max(map(len, self._rows.values()), default=0)
        if height * width > MOST_ROWS * 100:
            raise GridTooLarge
        for row in self._rows.values():
            row.extend([""] * (width - len(row)))
        return [self._rows.get(number) or [""] * width for number in range(height)]


def _format_of(cell: dict[str, Any]) -> str:
    for name in ("effectiveFormat", "userEnteredFormat"):
        found = cell.get(name)
        found = found.get("numberFormat") if isinstance(found, dict) else None
        if isinstance(found, dict) and isinstance(found.get("type"), str):
            return str(found["type"])
    return ""


def _index(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 10_000_000 else 0


def _merges(merges: list[Any]) -> Iterator[tuple[int, int, int, int]]:
    for each in merges:
        if isinstance(each, dict):
            names = ("startRowIndex", "endRowIndex", "startColumnIndex", "endColumnIndex")
            top, bottom, left, right = (_index(each.get(name)) for name in names)
            if bottom > top and right > left:
                yield top, bottom, left, right
