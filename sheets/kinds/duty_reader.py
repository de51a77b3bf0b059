"""From the text of a cell to a duty, by the patterns of the settings."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sheets.cells.grid import ERRORS
from sheets.kinds.contents import ERROR, LEAVE, NOTE, REST, SHIFT, UNKNOWN, Duty
from sheets.shapes.models import Cell
from sheets.shapes.patterns import compiled

_KINDS = {"shift": SHIFT, "leave": LEAVE, "rest": REST, "note": NOTE}
LONGEST_MATCHED = 200
"""Characters; a longer text is no code, and no pattern is asked."""


class DutyReader:
    """Reads each text once, however often a roster says it."""

    def __init__(self, cell: Cell) -> None:
        self._forms = [
            (_KINDS[purpose], compiled(pattern))
            for purpose in ("shift", "leave", "rest", "note")
            for pattern in getattr(cell, purpose)
        ]
        self._known: dict[str, tuple[Duty, ...]] = {}

    def read(self, text: str) -> tuple[Duty, ...]:
        """The duties of a cell with that text: one."""
        found = self._known.get(text)
        if found is None:
            found = self._known[text] = (self._read(text),)
        return found

    def _read(self, text: str) -> Duty:
        if text in ERRORS:
            return Duty(ERROR, text)
        if len(text) <= LONGEST_MATCHED:
            for spelt in dict.fromkeys((text, text.replace(" ", ""))):
                for duty in self._matches(spelt, text):
                    return duty
        return Duty(UNKNOWN, text)

    def _matches(self, spelt: str, text: str) -> Iterator[Duty]:
        for kind, form in self._forms:
            match = form.fullmatch(spelt)
            if match is None:
                continue
            groups = {name: (value or "").strip() for name, value in match.groupdict().items()}
            duty = _made(kind, groups, text)
            if duty is not None:
                yield duty


def _made(kind: str, groups: dict[str, Any], text: str) -> Duty | None:
    try:
        overtime = round(float(groups.get("overtime") or 0) * 60)
    except (ValueError, OverflowError):
        return None
    if not 0 <= overtime <= 24 * 60:
        return None
    rest = groups.get("rest", "").strip("/ ")
    code, leave = groups.get("code", ""), groups.get("leave", "")
    if (kind == SHIFT and not code) or (kind == LEAVE and not leave):
        return None
    return Duty(kind, text, code, overtime, rest or (text if kind == REST else ""), leave)
