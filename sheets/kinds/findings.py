"""What every kind of sheet says in the same way of what it has found."""

from __future__ import annotations

from sheets.cells.grid import Grid
from sheets.cells.places import column_name
from sheets.faults import Finding, finding
from sheets.kinds.contents import Layout
from sheets.kinds.header import Header


def error_findings(grid: Grid, vital: list[str]) -> list[Finding]:
    """What errors of the spreadsheet's own mean: a fault where they are over 2 % of all cells, or
    where it cannot be said what a row is about. And what was too long to be kept.

    Args:
        vital: places that must not be errors.
    """
    cut = [finding("cells_cut", [grid.place(*each) for each in grid.cut])] if grid.cut else []
    errors = [grid.place(*each) for each in grid.errors()]
    if not errors:
        return cut
    is_fault = bool(vital) or len(errors) * 50 > grid.filled
    code = "error_cells" if is_fault else "error_cells_left_out"
    return [finding(code, vital or errors, of=grid.filled), *cut]


def layout_of(header: Header) -> Layout:
    """Where the titles of a table were found, for people."""
    columns = {key: column_name(column) for key, column in header.columns.items()}
    if header.days:
        first, last = (column_name(header.days[end][0]) for end in (0, -1))
        columns["days"] = f"{first}:{last}"
    return Layout(header.row + 1, columns, header.body + 1)
