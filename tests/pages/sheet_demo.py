"""Every state of a sheet's page, as it could be at half past two on a Sunday."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Final

from sheets.faults import KEEPS, WARNS, Finding
from sheets.keeping.forms import Period, Seen, SheetState, VersionRecord
from sheets.keeping.versions import size_of
from sheets.kinds.contents import Codes, CodeTimes, Contents, Duties, Roster, Rows
from sheets.kinds.duty_reader import DutyReader
from sheets.shapes.file import parse_shapes
from sheets.shapes.models import MonthGrid
from sheets.versions.difference import counts, difference
from sheets.versions.judging import Gone
from tests.pages.clock import NOW, READER
from tests.sheets.kit import ID, ROSTER
from web.site.sheets.assembling import Found, Kept, Wishes, names_of, page_of
from web.site.sheets.lines import line_of
from web.site.sheets.views import DepartmentSheets, SheetLine, SheetPage, SheetsPage

TODAY: Final = date(2026, 11, 29)
MONTH: Final = "2026-12"
SHEETS: Final = parse_shapes(
    f"""{ROSTER}
[tanhae.leaves]
title = "請假單"
spreadsheet = "{ID}"
tab = "請假"
kind = "long"
[tanhae.phones]
title = "聯絡電話"
spreadsheet = "{ID}"
tab = "電話"
kind = "table"
key = ["單位"]
""",
    ["tanhae"],
)
_SHIFTS: Final = ("0505G", "0545G", "0625G", "0905G", "1130G", "1425G", "1610G", "1735N")
_SURNAMES: Final = "王陳林李張趙黃吳周徐孫朱高胡何郭馬羅梁宋鄭謝韓唐"
_LONG: Final = "支援安坑線站務人力調度並兼任新進同仁教育訓練講師" * 9
ODD: Final = "<b onclick=x>'\"&amp;{{7*7}}{0}"
RIGHT_TO_LEFT: Final = "\u05d0\u05d1\u202e\u05d2 0905G"
CODES: Final = Codes(
    {
        code: CodeTimes(start, start + 500, 500, "V21" if place % 2 else "V26")
        for place, code in enumerate(_SHIFTS)
        for start in [int(code[:2]) * 60 + int(code[2:4])]
    }
)


def _moment(day: int, hour: int, minute: int) -> float:
    """In Taiwan, in November 2026."""
    return datetime(2026, 11, day, hour, minute, tzinfo=UTC).timestamp() - 8 * 3600


@cache
def _read(text: str) -> Duties:
    shape = SHEETS["tanhae.roster"].shape
    assert isinstance(shape, MonthGrid)
    return DutyReader(shape.cell).read(text)


def roster(people: int = 24, changes: Sequence[tuple[int, int, str]] = ()) -> Roster:
    """December's.

    Args:
        changes: places of people, days, and what stands there instead.
    """
    names = {
        f"A{1001 + 7 * n}": f"{_SURNAMES[n % 24]}以{'晴明德文'[n // 24 % 4]}" for n in range(people)
    }
    duties = {}
    for place, number in enumerate(names):
        for day in range(31):
            turn = (day + place) % 7
            text = "休" if turn > 4 else _SHIFTS[(place * 3 + (day + place) // 7) % 8]
            text = {
                (3, 9): "R(國)/0905G",
                (5, 1): "1425G(+2)",
                (2, 17): "(病)",
                (6, 2): "(特)",
            }.get((place % 8, day), text)
            duties[number, date(2026, 12, 1 + day)] = _read(text)
    for place, day, text in changes:
        key = [*names][place], date(2026, 12, day)
        if text:
            duties[key] = _read(text)
        else:
            del duties[key]
    return Roster(names, duties)


BEFORE: Final = roster(24)
NOW_COUNTS: Final = roster(
    25,
    [
        *((0, 3, "(特)"), (0, 4, "1130G"), (6, 8, "0545G"), (9, 17, "休"), (14, 22, "0625G(+2)")),
        *((3, 6, "站訓"), (13, 6, "站訓"), (17, 17, "0906"), (1, 2, ""), (4, 30, "R/0905G")),
    ],
)
CLEARED: Final = Roster(
    dict(list(NOW_COUNTS.people.items())[:9]),
    {key: duty for key, duty in NOW_COUNTS.duties.items() if key[0] in [*NOW_COUNTS.people][:9]},
)
V1, V2, V3, HELD = "20261120-084000", "20261128-011000", "20261129-055000", "20261129-062000"
_TIMES: Final = {V1: (20, 16, 40), V2: (28, 9, 10), V3: (29, 13, 50), HELD: (29, 14, 20)}


def kept(id: str, contents: Contents | None, before: str = "", old: Contents | None = None) -> Kept:
    """A version."""
    change = None
    if contents is not None and old is not None:
        change = counts(difference(old, contents))
    size = (0, 0) if contents is None else size_of(contents)
    record = VersionRecord(
        at=_moment(*_TIMES[id]), tab="11512班表", before=before, counts=change, size=size, body=""
    )
    return Kept(id, record, contents)


LISTED: Final = (
    kept(V3, NOW_COUNTS, V2, BEFORE),
    kept(V2, BEFORE, V1, roster(24, [(1, 1, "0905G"), (2, 2, "0905G")])),
    kept(V1, BEFORE),
)
_SEEN: Final = Seen(
    title="11512班表",
    period=MONTH,
    findings=(
        Finding("texts_aside", ("11512班表!AH3", "11512班表!AH9"), 2),
        Finding("rows_without_number", ("11512班表!A31",), 1),
    ),
)
STATE: Final = SheetState(
    looked_at=NOW - 180,
    changed_at=_moment(29, 13, 50),
    raw="x",
    zone="Asia/Taipei",
    seen={MONTH: _SEEN},
    periods={"2026-11": Period(current=V1), MONTH: Period(current=V3)},
)
FINE: Final = Found(
    SHEETS["tanhae.roster"],
    STATE,
    date(2026, 12, 1),
    "淡海",
    READER,
    MONTH,
    MONTH,
    shown=LISTED[0],
    before=LISTED[1],
    codes=CODES,
    listed=LISTED,
)


def _state(**update: object) -> SheetState:
    return STATE.model_copy(update=update)


def _with_findings(*findings: Finding, **update: object) -> SheetState:
    seen = {MONTH: _SEEN.model_copy(update={"findings": findings})}
    return _state(seen=seen, **update)


def _only(sheet: str, contents: Contents, old: Contents | None = None, month: str = "") -> Found:
    now, was = kept(V3, contents, V2 if old else "", old), kept(V2, old)
    listed = (now, was) if old else (now,)
    state = _state(seen={"": Seen(title="分頁")}, periods={"": Period(current=V3)})
    before = was if old else None
    found = replace(FINE, sheet=SHEETS[sheet], state=state, period="", month=month, listed=listed)
    return replace(found, shown=now, before=before, codes=None)


_CODES_BEFORE: Final = Codes(
    {**CODES.codes, "0505G": CodeTimes(300, 700, 400), "9999": CODES.codes["0545G"]}
)
_ROWS: Final = Rows(
    ("單位", "電話", "備註"),
    {f"站{n}": (f"站{n}", f"02-2{n:07}", "夜間轉接" if n % 9 == 0 else "") for n in range(2000)},
)
_ROWS_BEFORE: Final = Rows(
    ("單位", "電話"),
    {
        key: (row[0], "02-1234" if key in ("站3", "站4") else row[1])
        for key, row in _ROWS.rows.items()
    },
)
_SPREAD: Final = Roster(
    BEFORE.people,
    {
        (person, day + timedelta(days=31 * later)): duties
        for later in (0, 1)
        for (person, day), duties in BEFORE.duties.items()
    },
)
_HELD: Final = _state(
    periods={
        "2026-11": Period(current=V1),
        MONTH: Period(
            current=V3,
            held=HELD,
            held_at=_moment(29, 14, 20),
            gone=Gone(16, 25, 496, 774, tuple([*NOW_COUNTS.people][9:])),
        ),
    }
)
_HELD_LISTED: Final = (kept(HELD, CLEARED, V3, NOW_COUNTS), *LISTED)
HELD_FOUND: Final = replace(
    FINE,
    state=_HELD,
    listed=_HELD_LISTED,
    gone=names_of(NOW_COUNTS, [*NOW_COUNTS.people][9:]),
)
_UNREAD: Final = _state(trouble="sheet_not_shared", because="…", is_lasting=True, failures=3)
_NEVER_READ: Final = SheetState(trouble="sheet_not_shared", is_lasting=True, failures=3)
_ODD: Final = Roster(
    {"A1": ODD, RIGHT_TO_LEFT: RIGHT_TO_LEFT, "A3": "W" * 60, "A4": ""},
    {
        ("A1", date(2026, 12, 1)): _read(ODD),
        ("A1", date(2026, 12, 2)): _read(_LONG),
        ("A1", date(2026, 12, 3)): _read("W" * 200),
        (RIGHT_TO_LEFT, date(2026, 12, 4)): _read(RIGHT_TO_LEFT),
        ("A3", date(2026, 12, 4)): (*_read("0905G"), *_read("1425G(+2)")),
        ("A4", date(2026, 12, 4)): _read("#REF!"),
    },
)
_ODD_ROWS: Final = Rows(
    tuple(f"{ODD}{n}" for n in range(60)),
    {ODD: tuple([ODD, _LONG, RIGHT_TO_LEFT, "W" * 200] * 15)},
)
_NO_HEADER: Final = Finding("no_header", row=4, found=("days",), missing=("person",))


def _finding(code: str) -> Finding:
    if code == "no_header":
        return _NO_HEADER
    return Finding(code, ("11512班表!C5",), 1, 50, texts=("A1001",))


FOUND: Final[dict[str, Found]] = {
    "fine": FINE,
    "held": HELD_FOUND,
    "held_shown": replace(HELD_FOUND, shown=_HELD_LISTED[0], before=LISTED[0]),
    "fault": replace(FINE, state=_with_findings(_NO_HEADER)),
    "same": replace(FINE, before=replace(LISTED[0], id=V2)),
    "first": replace(FINE, shown=LISTED[2], before=None, listed=LISTED[2:], older=V1),
    "never": Found(SHEETS["tanhae.roster"], None, TODAY, "淡海", READER),
    "never_read": Found(SHEETS["tanhae.roster"], _NEVER_READ, TODAY, "淡海", READER),
    "never_taken": Found(
        *(SHEETS["tanhae.roster"], _with_findings(_NO_HEADER, periods={}), TODAY, "淡海", READER),
        *(MONTH, MONTH),
    ),
    "unread": replace(FINE, state=_UNREAD),
    "keyless": Found(
        *(SHEETS["tanhae.roster"], _state(trouble="key_missing", is_lasting=True)),
        *(TODAY, "淡海"),
    ),
    "silent": replace(FINE, state=_state(trouble="unavailable", failures=2)),
    "unreadable": replace(FINE, shown=replace(LISTED[0], contents=None), is_damaged=True),
    "other_kind": replace(FINE, before=kept(V2, CODES)),
    "elsewhere": replace(FINE, period="2026-11", month="2026-11", state=_HELD),
    "no_version": replace(FINE, no_version=True),
    "nobody": replace(FINE, shown=kept(V3, Roster({}, {})), before=None),
    "every_fault": replace(FINE, state=_with_findings(*map(_finding, sorted(KEEPS)))),
    "every_warning": replace(FINE, state=_with_findings(*map(_finding, sorted(WARNS)))),
    "codes": _only("tanhae.codes", CODES, _CODES_BEFORE),
    "table": _only("tanhae.phones", _ROWS, _ROWS_BEFORE),
    "long": _only("tanhae.leaves", _SPREAD, month="2026-12"),
    "large": replace(FINE, shown=kept(V3, roster(230)), before=None),
    "full": replace(
        FINE, shown=kept(V3, roster(60)), before=kept(V2, roster(60, [(1, 1, "(特)")]))
    ),
    "odd": replace(FINE, shown=kept(V3, _ODD), before=kept(V2, Roster(_ODD.people, {}))),
    "odd_table": _only("tanhae.phones", _ODD_ROWS),
}
"""State of a sheet → what there is of it."""
_NEWS: Final = ("looked", "look_busy", "accepted", "kept", "decided")
STATES: Final = (*FOUND, *_NEWS)
"""Every name that `sheet_page` knows."""


@cache
def sheet_page(state: str) -> SheetPage:
    """The page in this state."""
    for news in _NEWS:
        if state == news:
            return page_of(FINE, Wishes(), NOW, news)
    return page_of(FOUND[state], Wishes(), NOW)


CARD: Final = ("fine", "held", "fault", "never", "unread", "silent", "codes", "table")
"""Sheets of a card, each otherwise."""


def lines(*states: str) -> tuple[SheetLine, ...]:
    """Sheets in these states, as they stand in a list."""
    return tuple(_line(FOUND[state], state) for state in states)


def _line(found: Found, state: str) -> SheetLine:
    place = [*FOUND].index(state) + 1
    sheet = replace(found.sheet, name=f"{found.sheet.name}-{state.replace('_', '-')}")
    record = None if found.shown is None else found.shown.record
    line = line_of(sheet, found.state, TODAY, record)
    return replace(line, title=f"{line.title} {place}")


def list_page(state: str) -> SheetsPage:
    """The page of all; "empty": of none."""
    if state == "empty":
        return SheetsPage(NOW, ())
    return SheetsPage(NOW, (DepartmentSheets("tanhae", "淡海", lines(*CARD)),))
