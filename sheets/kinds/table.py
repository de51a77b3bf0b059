"""Any table: a row of titles, and rows of texts."""

from __future__ import annotations

from sheets.cells.grid import Grid
from sheets.cells.places import column_name
from sheets.faults import Finding
from sheets.kinds.contents import Account, Parsed, Rows
from sheets.kinds.findings import error_findings, layout_of
from sheets.kinds.header import LOOKED_AT, Header, find_columns
from sheets.shapes.models import Table


def parse_table(grid: Grid, shape: Table) -> Parsed:
    """Its rows by their keys."""
    header = _header(grid, shape)
    if isinstance(header, Finding):
        return Parsed(None, (header,), Account(grid.filled, aside=grid.filled))
    columns = _titles(grid, header)
    rows: dict[str, tuple[str, ...]] = {}
    names, contents = _Names(), 0
    for number, row in enumerate(grid.rows[header.body :], start=header.body):
        filled = len(row) - row.count("")
        if not filled:
            continue
        contents += filled
        keys = [grid.shown(number, column) for column in header.columns.values()]
        name = " · ".join(keys) if any(keys) else str(len(rows) + 1)
        rows[names.free(name)] = tuple(row)
    account = Account(grid.filled, grid.filled - contents, 0, contents, 0)
    found = error_findings(grid, [])
    if not rows:
        found.append(Finding("no_rows"))
    return Parsed(Rows(columns, rows), tuple(found), account, layout_of(header))


def _header(grid: Grid, shape: Table) -> Header | Finding:
    row = None if shape.header == "auto" else shape.header
    if shape.key:
        aliases = {title: (title,) for title in shape.key}
        return find_columns(grid, aliases, tuple(aliases), row)
    if row is not None:
        return Header(row - 1, row, {}) if row <= grid.height else Finding("no_header", row=row)
    filled = [len(each) - each.count("") for each in grid.rows[:LOOKED_AT]]
    if not filled:
        return Finding("no_header")
    # The first that is about as full as the fullest: above it are headings of a few words.
    number = next(n for n, count in enumerate(filled) if count * 2 > max(filled))
    return Header(number, number + 1, {})


def _titles(grid: Grid, header: Header) -> tuple[str, ...]:
    titles: list[str] = []
    names = _Names()
    for column in range(grid.width):
        shown = [grid.shown(row, column) for row in range(header.row, header.body)]
        title = " ".join(dict.fromkeys(filter(None, shown))) or column_name(column)
        titles.append(names.free(title))
    return tuple(titles)


class _Names:
    """Names, each once: one that was given already gets a number."""

    def __init__(self) -> None:
        self._given: dict[str, int] = {}

    def free(self, name: str) -> str:
        """The name, or the next with a number that nobody has."""
        free, number = name, self._given.get(name, 0)
        while free in self._given:
            number += 1
            free = f"{name} ({number})"
        self._given[name] = max(number, 1)
        self._given.setdefault(free, 1)
        return free
