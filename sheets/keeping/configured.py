"""The sheets that SHEETS_FILE names, or all that is wrong with the file."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from security.storage.disk_faults import reason_of
from sheets.shapes.file import LARGEST, ShapeFault, ShapeFaults, Sheet, parse_shapes


def sheets_in(file: Path | None, departments: Collection[str]) -> Mapping[str, Sheet]:
    """By their ids; none, where no file is set. Blocks.

    Args:
        departments: the slugs that there are.

    Raises:
        ShapeFaults: with everything that is wrong with it.
    """
    if file is None:
        return {}
    try:
        with file.open("rb") as opened:
            data = opened.read(LARGEST + 1)
    except OSError as error:
        raise ShapeFaults([ShapeFault(1, "", f"cannot be read ({reason_of(error)})")]) from None
    return parse_shapes(data, departments)
