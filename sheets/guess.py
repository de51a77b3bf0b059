"""A first sheets.toml for a spreadsheet that nobody has described yet."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sheets.answer import Reading, Tab
from sheets.cells.grid import Grid, GridTooLarge
from sheets.cells.text import normal, plain
from sheets.faults import Finding
from sheets.kinds.contents import UNKNOWN, Parsed, Roster
from sheets.kinds.header import LOOKED_AT, Header, find_columns, find_month
from sheets.months import LONGEST, Month, fault_of, is_monthly, pattern_of, title_of
from sheets.parsing import parse
from sheets.shapes.file import Sheet
from sheets.shapes.models import MODEL_OF, Shape

MOST_TABS: Final = 40
_NAMES: Final = {
    "month-grid": "roster",
    "long": "roster",
    "code-table": "codes",
    "table": "table",
}
_MONTHS_NAME: Final = re.compile(r"(民國)?\s*\{\w+\}\s*年?度?月?份?")
_WITHOUT_YEAR: Final = "titles without a year: in December, the next is last January's perhaps"
_SHOWN: Final = 8
"""Texts that are listed as not understood."""


@dataclass(frozen=True, slots=True)
class _Guess:
    """What one tab, or one tab a month, may be."""

    kind: str
    tab: str | None
    gid: int
    titles: dict[str, str]
    """By the settings' key what its column is called there, where the settings do not know it."""
    parsed: Parsed


def guess(reading: Reading, department: str, today: date) -> str:
    """The text of the file, which can be used as it is; what it does not understand stands there
    as a remark.

    Args:
        reading: with the cells of all tabs.
        department: the slug.
        today: about which the months are that tabs are named after.
    """
    found: dict[str, _Guess] = {}
    taken: set[str | int] = set()
    visible = [tab for tab in reading.tabs if not tab.hidden][:MOST_TABS]
    # The tab of this month says most of what the others are.
    for tab in sorted(visible, key=lambda each: _distance(each, today)):
        pattern = _pattern(tab, today)
        if (key := pattern if pattern is not None else tab.gid) in taken:
            continue
        if (one := _guessed(tab, pattern, today)) is not None:
            taken.add(key)
            found[_free(_NAMES[one.kind], found)] = one
    codes = next((name for name, one in found.items() if one.kind == "code-table"), None)
    lines = [
        "# Guessed from what the spreadsheet looks like: look it over (drivekeeper sheets check)."
    ]
    for name, one in found.items():
        lines += ["", *_written(reading, department, name, one, codes)]
    if not found:
        lines.append("# No tab in it has anything that looks like a table.")
    return "\n".join(lines) + "\n"


def _pattern(tab: Tab, today: date) -> str | None:
    """The title as the settings would have it; None: only its gid will do."""
    pattern = pattern_of(tab.title, today) or tab.title
    is_plain = bool(pattern) and pattern.isprintable() and len(pattern) <= LONGEST
    return pattern if is_plain and fault_of(pattern) is None else None


def _distance(tab: Tab, today: date) -> int:
    """Days away from this month."""
    month = _month(tab, _pattern(tab, today), today)
    return 0 if month is None else abs((month.first - Month.of(today).first).days)


def _month(tab: Tab, pattern: str | None, today: date) -> Month | None:
    if pattern is None or not is_monthly(pattern):
        return None
    here, title = Month.of(today), plain(tab.title)
    every = (here.plus(n) for n in sorted(range(-24, 25), key=abs))
    return next((month for month in every if plain(title_of(pattern, month)) == title), None)


def _guessed(tab: Tab, pattern: str | None, today: date) -> _Guess | None:
    try:
        grid = Grid.of(tab)
    except GridTooLarge:
        return None
    if not grid.filled:
        return None
    month = _month(tab, pattern, today)
    kind, titles = _kind(grid, month)
    values = {key: [title] for key, title in titles.items()}
    shape = _shape(kind, pattern, tab.gid, values)
    sheet = Sheet("guess", "guess", "", shape)
    parsed = parse(sheet, grid, str(month) if month else "", today)
    if kind == "table" and parsed.faults:  # a line of text, say
        return None
    return _Guess(kind, pattern, tab.gid, titles, parsed)


def _shape(kind: str, pattern: str | None, gid: int, values: dict[str, Any]) -> Shape:
    where = {"gid": gid} if pattern is None else {"tab": pattern}
    return MODEL_OF[kind].model_validate({"kind": kind, **where, **values})


def _kind(grid: Grid, month: Month | None) -> tuple[str, dict[str, str]]:
    """What it is, and what its columns are called where nobody would know it."""
    grid_of_month: Any = MODEL_OF["month-grid"].model_construct()
    people = {"person": grid_of_month.person, "person_name": grid_of_month.person_name}
    if isinstance(find_month(grid, people, month, None), Header):
        return "month-grid", {}
    if titles := _unknown_people(grid, month):
        return "month-grid", titles
    for kind, needed in (("code-table", ("code", "start", "end")), ("long", ("person", "date"))):
        fields = MODEL_OF[kind].model_fields
        names = _COLUMNS[kind]
        aliases = {name: fields[name].default for name in names}
        header = find_columns(grid, aliases, needed, None)
        if isinstance(header, Header) and (kind != "long" or {"code", "start"} & {*header.columns}):
            return kind, {}
    return "table", {}


_COLUMNS: Final = {
    "code-table": ("code", "start", "end", "minutes", "route"),
    "long": ("person", "date", "person_name", "code", "start", "end", "route"),
}


def _unknown_people(grid: Grid, month: Month | None) -> dict[str, str]:
    """The titles left of a month's days, should nobody know them: the number first, then the
    name."""
    for row in range(min(LOOKED_AT, grid.height)):
        titles = [grid.shown(row, column) for column in range(grid.width)]
        usable = [title for title in titles if title and len(title) <= 60]
        for title in usable[:3]:
            header = find_month(grid, {"person": (title,)}, month, row + 1)
            if not isinstance(header, Header) or title[0].isdecimal():
                continue
            left = [t for t in dict.fromkeys(titles[: header.days[0][0]]) if t and len(t) <= 60]
            return dict(zip(("person", "person_name"), left, strict=False))
    return {}


def _free(name: str, taken: dict[str, Any]) -> str:
    numbered = (name if number == 1 else f"{name}-{number}" for number in range(1, MOST_TABS + 2))
    return next(each for each in numbered if each not in taken)


def _written(
    reading: Reading, department: str, name: str, one: _Guess, codes: str | None
) -> Iterator[str]:
    yield f"[{department}.{name}]"
    title = normal(one.tab or "")
    title = _MONTHS_NAME.sub("", title).replace("()", "").strip(" -_./")
    if title and len(title) <= 60:
        yield f"title = {_text(title)}"
    yield f"spreadsheet = {_text(reading.spreadsheet)}"
    yield f"gid = {one.gid}" if one.tab is None else f"tab = {_text(one.tab)}"
    if one.tab is not None and is_monthly(one.tab):
        has_year = re.search(r"\{(yyyy|yy|roc)\}", one.tab)
        yield "months = [0, 1]" if has_year else f"months = [0]  # {_WITHOUT_YEAR}"
    yield f"kind = {_text(one.kind)}"
    for key, alias in one.titles.items():
        yield f"{key} = [{_text(alias)}]"
    if reading.zone and not _fault_of_zone(reading.zone):
        yield f"zone = {_text(reading.zone)}"
    if one.kind in {"month-grid", "long"} and codes is not None:
        yield f"codes = {_text(f'{department}.{codes}')}"
    yield from (f"# {line}" for line in _remarks(one.parsed))


def _fault_of_zone(zone: str) -> bool:
    try:
        _shape("table", "x", 0, {"zone": zone})
    except ValueError:
        return True
    return False


def _remarks(parsed: Parsed) -> Iterator[str]:
    for found in parsed.findings:
        yield _remark(found)
    if isinstance(parsed.contents, Roster):
        yield f"{len(parsed.contents.people)} people, {len(parsed.contents.duties)} cells"
        unknown = Counter(
            duty.text
            for duties in parsed.contents.duties.values()
            for duty in duties
            if duty.kind == UNKNOWN
        )
        for text, count in unknown.most_common(_SHOWN):
            yield f"not understood, {count} times: {text[:40]}"


def _remark(found: Finding) -> str:
    places = f" ({', '.join(found.places[:3])})" if found.places else ""
    missing = f" (missing: {', '.join(found.missing)})" if found.missing else ""
    return normal(f"{found.code}{f': {found.count}' if found.count else ''}{places}{missing}")


def _text(value: str) -> str:
    """A basic string of TOML."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
