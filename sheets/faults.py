"""What can be wrong with a sheet, and where: by codes, places and counts.

A roster is personal: no text of a cell stands in an exception, nor in any of these as printed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

KEEPS: Final = frozenset(
    {
        "tab_missing",
        "grid_too_large",
        "no_header",
        "no_month",
        "no_rows",
        "duplicate_people",
        "duplicate_codes",
        "days_not_in_month",
        "error_cells",
    }
)
"""Faults: the last good version is kept, and administrators are told once."""
WARNS: Final = frozenset(
    {
        "error_cells_left_out",
        "days_left_out",
        "day_without_year",
        "other_month",
        "no_times",
        "rows_without_number",
        "texts_aside",
        "cells_cut",
    }
)
"""Warnings: what there is of the sheet is used."""
MOST_PLACES: Final = 50
"""Places that one finding lists; its count says how many there are."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was noticed about a sheet."""

    code: str
    """Of `KEEPS` or `WARNS`."""
    places: tuple[str, ...] = ()
    """Such as `11412班表!C5`, the first of them."""
    count: int = 0
    of: int = 0
    """Out of how many, where that means something."""
    row: int | None = None
    """With `no_header`: the row, from 1, that comes nearest."""
    found: tuple[str, ...] = ()
    """With `no_header`: which keys of the settings that row answers."""
    missing: tuple[str, ...] = ()
    texts: tuple[str, ...] = field(default=(), repr=False)
    """Numbers of people, codes: for administrators' eyes, in no log."""

    @property
    def is_fault(self) -> bool:
        """Whether the sheet as it stands is not used."""
        return self.code in KEEPS


def finding(code: str, places: list[str], *, of: int = 0, texts: tuple[str, ...] = ()) -> Finding:
    """One of all these places."""
    return Finding(code, tuple(places[:MOST_PLACES]), len(places), of, texts=texts)
