"""What commands say of sheets, in words and as JSON. Nobody's name or number is in it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from commands.wording import count
from sheets.faults import Finding
from sheets.shapes.file import Sheet
from sheets.versions.difference import Counts


def kind_of(sheet: Sheet) -> str:
    """As the file calls it."""
    return str(getattr(sheet.shape, "kind", ""))


def moment(seconds: float | None) -> datetime | None:
    """Unix seconds as a time; None: never."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def in_iso(seconds: float | None) -> str | None:
    """The same, for programs."""
    found = moment(seconds)
    return None if found is None else found.isoformat(timespec="seconds")


def finding_says(one: Finding) -> str:
    """`days_not_in_month: 3 (11502班表!AF2, …)`."""
    places = f" ({', '.join(one.places[:3])}{', …' if one.count > 3 else ''})" if one.places else ""
    missing = f" (not found: {', '.join(one.missing)})" if one.missing else ""
    number = f": {one.count}{f' of {one.of}' if one.of else ''}" if one.count else ""
    return f"{one.code}{number}{places}{missing}"


def finding_entry(one: Finding) -> dict[str, Any]:
    """The same, for programs."""
    entry: dict[str, Any] = {"code": one.code, "count": one.count, "places": [*one.places]}
    if one.of:
        entry["of"] = one.of
    if one.code == "no_header":
        entry |= {"row": one.row, "found": [*one.found], "missing": [*one.missing]}
    return entry


def entries(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """All of them."""
    return [finding_entry(one) for one in findings]


def counts_say(counts: Counts | None) -> str:
    """`5 changed, 1 came, 1 went`."""
    if counts is None:
        return "the first version"
    return f"{counts.changed} changed, {counts.came} came, {counts.went} went"


def size_says(kind: str, size: tuple[int, int]) -> str:
    """`13 people, 403 cells`."""
    if kind in ("month-grid", "long"):
        return f"{count(size[0], 'person', 'people')}, {count(size[1], 'cell')}"
    return count(size[0], "code" if kind == "code-table" else "row")
