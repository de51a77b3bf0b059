"""Tables of codes, and plain ones, as tables to be looked at."""

from __future__ import annotations

from typing import Final

from sheets.kinds.contents import Codes, Rows
from web.site.sheets.parts import CodeTable, Table, TableCell
from web.site.sheets.rosters import LONGEST_TEXT, part_of, row_of_code, shortened

ROWS_AT_ONCE: Final = 200
MOST_COLUMNS: Final = 40


def code_table_of(codes: Codes, page: int, before: Codes | None) -> CodeTable:
    """Some of it.

    Args:
        page: from 1.
        before: what it is compared with; None: nothing.
    """
    every = list(codes.codes)
    part = part_of(len(every), page, ROWS_AT_ONCE)
    rows = tuple(
        row_of_code(
            code,
            codes,
            is_changed=before is not None and before.codes.get(code) != codes.codes[code],
        )
        for code in every[part.first - 1 : part.last]
    )
    return CodeTable(rows, part)


def table_of(rows: Rows, page: int, before: Rows | None) -> Table:
    """The same of a plain table."""
    every = list(rows.rows.items())
    part = part_of(len(every), page, ROWS_AT_ONCE)
    columns = rows.columns[:MOST_COLUMNS]
    shown = tuple(
        _cells(columns, key, row, before) for key, row in every[part.first - 1 : part.last]
    )
    titles = tuple(shortened(title, 60) for title in columns)
    return Table(titles, len(rows.columns), shown, part)


def _cells(
    columns: tuple[str, ...], key: str, row: tuple[str, ...], before: Rows | None
) -> tuple[TableCell, ...]:
    if before is None:
        return tuple(TableCell(shortened(text, LONGEST_TEXT)) for text in row[: len(columns)])
    old = by_title(before, key)
    return tuple(
        TableCell(
            shortened(text, LONGEST_TEXT),
            None if old.get(title, "") == text else shortened(old.get(title, ""), LONGEST_TEXT),
        )
        for title, text in zip(columns, row, strict=False)
    )


def by_title(rows: Rows, key: str) -> dict[str, str]:
    """A row's cells by the titles of their columns; none, where there is no such row."""
    return dict(zip(rows.columns, rows.rows.get(key, ()), strict=False))
