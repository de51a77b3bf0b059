"""Where a cell is, as people say it: `11412班表!C5`."""

from __future__ import annotations


def column_name(column: int) -> str:
    """`A` for 0, `AA` for 26."""
    name = ""
    column += 1
    while column:
        column, letter = divmod(column - 1, 26)
        name = chr(ord("A") + letter) + name
    return name


def place(tab: str, row: int, column: int) -> str:
    """
    Args:
        row: from 0, as `column`.
    """
    return f"{tab}!{column_name(column)}{row + 1}"
