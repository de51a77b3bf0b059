"""What holds for every grid that there can be."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sheets.answer import open_answer
from sheets.guess import guess
from sheets.kinds.contents import Codes, CodeTimes, Contents, Duty, Parsed, Roster, Rows
from sheets.parsing import look
from sheets.shapes.file import parse_shapes
from sheets.timing import shifts_of, sums_of, unknown_texts, zone_of
from sheets.versions.difference import apply, counts, difference, is_empty
from sheets.versions.judging import judge
from sheets.versions.notices import Event, tell
from sheets.versions.written import read, write
from tests.sheets.kit import ID, NEAR, ROSTER, answer, cell, clock, day, error, merge, sheets, tab

EVERY = sheets(
    ROSTER
    + f"""
[anping.long]
spreadsheet = "{ID}"
tab = "x"
kind = "long"
[anping.table]
spreadsheet = "{ID}"
tab = "x"
kind = "table"
[anping.keyed]
spreadsheet = "{ID}"
tab = "x"
kind = "table"
key = ["編號"]
[anping.fixed]
spreadsheet = "{ID}"
tab = "x"
kind = "month-grid"
header = 2
"""
)
WORDS = st.sampled_from(
    [
        *(
            "編號",
            "工號",
            "姓名",
            "日期",
            "代碼",
            "報到",
            "收班",
            "路線",
            "分鐘",
            "合計",
            "一",
            "十二月",
        ),
        *("0905G", "R/0905G", "R(國)/1425G(+2)", "（特）", "休", "站訓", "A1001", "A1002", "#REF!"),
        *(
            "05:30",
            "0530",
            "24:30",
            "114/12/01",
            "12/1",
            "2025-12-31",
            "2/30",
            "99999",
            "114年12月",
        ),
        *map(str, range(1, 32)),
    ]
)
CELLS = st.one_of(
    st.just(""),
    WORDS,
    st.text(max_size=8),
    st.dates(date(1900, 1, 1), date(2200, 1, 1)).map(day),
    st.floats(0, 3000).map(lambda minutes: clock(minutes, "x")),
    *([WORDS] * 12),
    st.just(error()),
)
ROWS = st.lists(st.lists(CELLS, max_size=9), max_size=12)
SPANS = st.lists(
    st.tuples(*(st.integers(0, 6) for _ in range(4))).map(
        lambda t: merge(t[0], t[0] + t[1], t[2], t[2] + t[3])
    ),
    max_size=3,
)
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda each: (
        st.lists(each, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    *("values", "rowData", "startRow", "effectiveValue", "formattedValue"),
                    *("numberValue", "stringValue", "errorValue", "type", "effectiveFormat"),
                    *("numberFormat", "startRowIndex", "endRowIndex", "endColumnIndex"),
                ]
            ),
            each,
            max_size=4,
        )
    ),
    max_leaves=25,
)


TITLES: dict[str, list[object]] = {
    "tanhae.roster": ["編號", "姓名", *range(1, 32)],
    "anping.fixed": ["編號", "姓名", *range(1, 29)],
    "tanhae.codes": ["代碼", "報到", "收班", "分鐘", "路線"],
    "anping.long": ["編號", "日期", "代碼", "報到", "收班", "路線"],
    "anping.keyed": ["編號", "名稱"],
    "anping.table": ["車號", "里程"],
}
TIMES = st.sampled_from(["05:30", "0530", "24:30", "翌日 01:00", "", "x", "25:61"])
DAYS = st.sampled_from(["2025-12-31", "114/12/01", "12/1", "2/30", "2026-02-28", date(2025, 12, 5)])


@st.composite
def grids(draw: st.DrawFn, name: str = "tanhae.roster") -> list[list[object]]:
    """Anything, mostly below titles that are looked for, and with rows that belong to them."""
    fits = draw(st.integers(0, 5))
    titles = TITLES[name] if fits else draw(st.sampled_from([[], *TITLES.values()]))
    above = draw(st.lists(st.lists(CELLS, max_size=3), max_size=2)) if fits < 3 else []
    if name == "anping.fixed" and fits >= 3:
        above = [["十二月 2025/12"]]
    rows = draw(ROWS)
    if name == "anping.long" and fits:
        times = draw(st.lists(st.tuples(DAYS, WORDS, TIMES, TIMES), max_size=len(rows)))
        rows = [[*each, *row[:2]] for each, row in zip(times, rows, strict=False)]
    if name == "tanhae.codes" and fits:
        rows = [[draw(TIMES), draw(TIMES), *row[:4]] for row in rows]
    people = 12 if draw(st.booleans()) else 5
    numbered = ([f"A{n % people}", *row] if fits > 1 else row for n, row in enumerate(rows))
    return [*above, [*titles], *numbered]


@given(st.data(), SPANS, st.sampled_from([*EVERY]), st.sampled_from(["", "2025-12", "2026-02"]))
@settings(max_examples=250, suppress_health_check=[HealthCheck.too_slow], deadline=None)
def test_no_grid_is_too_strange_and_no_cell_is_lost(
    data: st.DataObject, spans: list[dict[str, int]], name: str, period: str
) -> None:
    """Every cell with something in it is counted once: as a title, a person, contents, or aside;
    and each of the days is a shift, a leave, a known text, or listed."""
    rows = data.draw(grids(name))
    body = answer(tab("x", [[cell(each) for each in row] for row in rows], merges=spans))
    found = look(EVERY[name], open_answer(body).tabs[0], period, NEAR).parsed
    assert found is not None
    account = found.account
    parts = (account.heading, account.people, account.contents, account.aside)
    assert account.cells == sum(parts)
    assert min(parts) >= 0
    counts = Counter[str]()
    for each in found.findings:
        counts[each.code] += each.count
    # Of a row without a number it is listed that there is one, not each of its cells.
    whole, aside = counts["rows_without_number"], account.aside - counts["texts_aside"]
    assert found.contents is None or whole <= aside <= whole * max(map(len, rows), default=0)
    if found.contents is None:
        assert found.faults
        return
    assert read(json.loads(json.dumps(write(found.contents)))) == found.contents
    if isinstance(found.contents, Roster):
        zone = zone_of(EVERY[name].shape, "Asia/Taipei")
        unknown = unknown_texts(found.contents, Codes({}))
        for person in found.contents.people:
            shifts = shifts_of(found.contents, person, Codes({}), zone)
            sums = sums_of(shifts)
            assert sums.minutes >= sums.overtime >= 0
            for shift in shifts:
                texts = {shift.duty.text, shift.duty.code}
                is_listed = any(each.text in texts for each in unknown)
                assert shift.is_known or is_listed or shift.duty.kind == "error"


@given(JSON, JSON)
@settings(max_examples=150, deadline=None)
def test_no_answer_is_too_strange(data: Any, merges: Any) -> None:
    """Whatever JSON stands where cells should."""
    body = json.dumps({"sheets": [{"data": [data], "merges": [merges]}, data]}).encode()
    for each in open_answer(body).tabs:
        for name in EVERY:
            assert look(EVERY[name], each, "", NEAR).parsed is not None


@given(grids(), st.text(max_size=12))
@settings(max_examples=60, deadline=None)
def test_a_guess_is_a_file_that_can_be_read(rows: list[list[object]], title: str) -> None:
    tabs = [
        tab("11412班表", [[cell(each) for each in row] for row in rows]),
        tab(title, rows, gid=3),
    ]
    text = guess(open_answer(answer(*tabs)), "tanhae", NEAR)
    parse_shapes(text, {"tanhae"})


DUTIES = st.builds(
    Duty,
    st.sampled_from(["shift", "leave", "unknown"]),
    st.text(max_size=5),
    overtime=st.integers(0, 90),
    start=st.none() | st.integers(0, 2000),
    route=st.sampled_from(["", "V21"]),
)
PEOPLE = st.dictionaries(st.sampled_from("ABCD"), st.text(max_size=3))


@st.composite
def rosters(draw: st.DrawFn) -> Roster:
    """Duties of those who are there."""
    people = draw(PEOPLE)
    days = st.dates(date(2025, 12, 1), date(2025, 12, 4))
    keys = st.tuples(st.sampled_from([*people] or ["A"]), days)
    duties = draw(st.dictionaries(keys, st.lists(DUTIES, min_size=1, max_size=2).map(tuple)))
    return Roster(people, duties if people else {})


CODES = st.builds(
    Codes,
    st.dictionaries(
        st.text(max_size=2),
        st.builds(CodeTimes, st.none() | st.integers(0, 1439), st.none(), st.none(), st.text()),
    ),
)
TABLES = st.builds(
    Rows,
    st.lists(st.text(max_size=2), max_size=3).map(tuple),
    st.dictionaries(st.text(max_size=2), st.lists(st.text(max_size=2), max_size=3).map(tuple)),
)


def twice(each: st.SearchStrategy[Any]) -> st.SearchStrategy[tuple[Contents, Contents]]:
    """Two of one kind."""
    return st.tuples(each, each)


@given(st.one_of(twice(rosters()), twice(CODES), twice(TABLES)))
def test_a_difference_makes_the_one_of_the_other(pair: tuple[Contents, Contents]) -> None:
    old, new = pair
    change = difference(old, new)
    assert apply(change, old) == new
    assert apply(difference(new, old), new) == old
    assert is_empty(change) == (old == new)
    assert is_empty(difference(old, old))
    assert read(json.loads(json.dumps(write(new)))) == new
    found = counts(change)
    assert (found.changed, found.came, found.went) >= (0, 0, 0)


@given(rosters(), rosters())
def test_what_is_held_is_over_half(old: Roster, new: Roster) -> None:
    verdict = judge(Parsed(new), old)
    people = sum(person not in new.people for person in old.people)
    cells = sum(key not in new.duties for key in old.duties)
    assert verdict.is_held == (people * 2 > len(old.people) or cells * 2 > len(old.duties))


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.integers(0, 60)), max_size=12)
)
def test_what_is_told_adds_up_to_what_has_changed(steps: list[tuple[str, int, int]]) -> None:
    """However changes come, and however often one asks: every net change is told exactly once, and
    nobody is told of what is as it was."""
    begin = datetime(2025, 12, 3, 8, tzinfo=UTC)
    now_on: dict[tuple[str, int], str] = {}
    told: dict[tuple[str, date], str] = {}
    waiting: tuple[Event, ...] = ()
    steps = sorted(steps, key=lambda each: each[2])
    for minute in range(0, 120):
        at = begin + timedelta(minutes=minute)
        for number, (person, offset, when) in enumerate(steps):
            if when == minute:
                old, new = now_on.get((person, offset), "x"), "xyz"[number % 3]
                now_on[person, offset] = new
                on = date(2025, 12, 3) + timedelta(days=offset)
                was, becomes = ((Duty("shift", text),) for text in (old, new))
                waiting = (*waiting, Event(person, on, was, becomes, at))
        telling = tell(waiting, at)
        waiting = telling.waiting
        assert telling.again_at is None or telling.again_at > at
        for notice in telling.notices:
            for event in notice.changes:
                key = notice.person, event.day
                assert event.old[0].text == told.get(key, "x") != event.new[0].text
                assert event.at + timedelta(minutes=5) <= at
                told[key] = event.new[0].text
    assert waiting == ()
    final = {(p, date(2025, 12, 3) + timedelta(days=o)): text for (p, o), text in now_on.items()}
    assert {k: v for k, v in final.items() if v != "x"} == {
        k: v for k, v in told.items() if v != "x"
    }
