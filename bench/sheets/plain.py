"""What a script does that reads a roster and compares it: no merged cells, no full-width letters,
no times, no faults. The peer of the product's parsing."""

from __future__ import annotations

import json

Plain = dict[tuple[str, str], str]
"""By number and day what stands there."""
_TITLES = 1
"""The row of the titles."""


def walk(body: bytes) -> Plain:
    """The cells of the first tab."""
    rows = [
        [cell.get("formattedValue", "") for cell in row.get("values", ())]
        for row in json.loads(body)["sheets"][0]["data"][0]["rowData"]
    ]
    days = rows[_TITLES]
    return {
        (row[0], days[column]): row[column]
        for row in rows[_TITLES + 1 :]
        for column in range(2, len(row))
    }


def compare(old: Plain, new: Plain) -> int:
    """How many cells are different."""
    changed = {key: text for key, text in new.items() if old.get(key) != text}
    return len(changed) + sum(key not in new for key in old)
