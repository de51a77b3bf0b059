"""Cells: texts that look alike are alike, times and days in every writing, answers that lack what
is empty."""

from __future__ import annotations

import json
from datetime import date

import pytest

from security.errors import OperatorFault, TransientFault
from sheets.answer import MAX_BODY, open_answer
from sheets.cells.dates import column_day, day_of, month_in, weekday_in
from sheets.cells.grid import MOST_COLUMNS, MOST_ROWS, Grid, GridTooLarge
from sheets.cells.places import place
from sheets.cells.text import LONGEST, normal, plain
from sheets.cells.times import end_after, minutes_of
from sheets.months import Month, pattern_of, title_of
from sheets.parsing import look
from tests.sheets.kit import (
    NEAR,
    answer,
    clock,
    day,
    error,
    merge,
    number,
    opened,
    sheet,
    tab,
    text,
)

DECEMBER = Month(2025, 12)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("０９０５Ｇ", "0905G"),
        ("（特）", "(特)"),
        ("〔特〕", "(特)"),
        ("【特】", "(特)"),
        ("Ｒ（國）／1425G（＋２）", "R(國)/1425G(+2)"),
        ("  王　小明 ", "王 小明"),
        ("0905G\n(+2)", "0905G (+2)"),
        ("\u200b0905G\ufeff", "0905G"),
        ("\u2066A1001\u2069\u061c", "A1001"),
        ("－", "-"),
        ("０５：３０", "05:30"),
        ("\ud800x", "x"),
        ("a\x00b\x1fc\x1ed", "abcd"),
        ("007", "007"),
        ("", ""),
    ],
)
def test_texts_that_look_alike_are_alike(written: str, read: str) -> None:
    assert normal(written) == read
    assert normal(read) == read


@pytest.mark.parametrize(
    ("written", "serial", "minutes"),
    [
        ("05:30", None, 330),
        ("5:30", None, 330),
        ("05:30:00", None, 330),
        ("0530", None, 330),
        ("530", None, 330),
        ("24:30", None, 1470),
        ("2430", None, 1470),
        ("00:00", None, 0),
        ("翌日 00:30", None, 1470),
        ("次日00:30", None, 1470),
        ("00:30(翌日)", None, 1470),
        ("+1 00:30", None, 1470),
        ("翌日 24:30", None, 1470),
        ("下午 2:25", None, 865),
        ("上午 12:05", None, 5),
        ("12:05 PM", None, 725),
        ("0.25", None, 360),
        ("x", 0.22916666666666666, 330),
        ("x", 1.0208333333333333, 1470),
        ("x", 46000.5, 720),
        ("0560", None, None),
        ("48:00", None, None),
        ("13:00 PM", None, None),
        ("待定", None, None),
        ("", None, None),
        ("12345", None, None),
        ("x", -1.0, None),
    ],
)
def test_times_in_every_writing(written: str, serial: float | None, minutes: int | None) -> None:
    assert minutes_of(written, serial) == minutes


def test_an_end_that_is_not_after_its_start_is_on_the_next_day() -> None:
    assert end_after(1055, 115) == 1555
    assert end_after(600, 600) == 2040
    assert end_after(600, 1470) == 1470
    assert end_after(1470, 10) == 2890
    assert end_after(1500, 60) == 2940


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("2025-12-01", date(2025, 12, 1)),
        ("2025/12/1", date(2025, 12, 1)),
        ("2025.12.01", date(2025, 12, 1)),
        ("2025年12月1日", date(2025, 12, 1)),
        ("114/12/01", date(2025, 12, 1)),
        ("114年12月1日(一)", date(2025, 12, 1)),
        ("民國114年12月1日 星期一", date(2025, 12, 1)),
        ("99/12/1", None),
        ("25/12/01", date(2025, 12, 1)),
        ("1141201", date(2025, 12, 1)),
        ("20251201", date(2025, 12, 1)),
        ("12/1", date(2025, 12, 1)),
        ("1/2", date(2026, 1, 2)),
        ("12月1日 週一", date(2025, 12, 1)),
        ("2/29", None),
        ("2025-12-01 00:00:00", date(2025, 12, 1)),
        ("2025-12-01T08:00", date(2025, 12, 1)),
        ("45992", date(2025, 12, 1)),
        ("0905", None),
        ("下週", None),
        ("", None),
    ],
)
def test_days_in_every_writing(written: str, found: date | None) -> None:
    if written == "99/12/1":
        assert day_of(written, None, NEAR).day == date(2099, 12, 1)
        return
    assert day_of(written, None, NEAR).day == found


def test_a_day_that_its_month_does_not_have_is_no_day() -> None:
    for written in ("2025/2/29", "114/13/1", "2/30", "1140230"):
        found = day_of(written, None, NEAR)
        assert (found.day, found.impossible) == (None, True)
    assert day_of("2028/2/29", None, NEAR).day == date(2028, 2, 29)
    assert day_of("2/29", None, date(2024, 9, 5)).day == date(2024, 2, 29)
    for february in (date(2025, 2, 15), date(2026, 2, 15)):
        assert day_of("2/29", None, february).impossible
    for written in ("2026-02-29", "1150229", "2/29", "29"):
        assert column_day(written, None, Month(2026, 2)) == 29


def test_serial_numbers_are_days() -> None:
    assert day_of("anything", 45992.0, NEAR).day == date(2025, 12, 1)
    assert day_of("anything", 45992.75, NEAR).day == date(2025, 12, 1)
    assert day_of("anything", 1e6, NEAR).day is None


@pytest.mark.parametrize(
    ("written", "serial", "found"),
    [
        ("1", None, 1),
        ("01", None, 1),
        ("31日", None, 31),
        ("1(一)", None, 1),
        ("1 Mon", None, 1),
        ("12/1", None, 1),
        ("11/30", None, date(2025, 11, 30)),
        ("x", 45992.0, date(2025, 12, 1)),
        ("2025-12-01", None, date(2025, 12, 1)),
        ("32", None, None),
        ("0", None, None),
        ("0905G", None, None),
    ],
)
def test_titles_of_days(written: str, serial: float | None, found: object) -> None:
    assert column_day(written, serial, DECEMBER) == found


def test_months_in_headings_and_days_of_the_week() -> None:
    assert month_in("淡海 114年12月 班表") == DECEMBER
    assert month_in("2025/12") == DECEMBER
    assert month_in("2025/12/01 印") is None
    assert month_in("第 12 月") is None
    assert [weekday_in(each) for each in ("一", "(日)", "週三", "Mon", "休", "", "1")] == [
        *(True, True, True, True, False, False, False),
    ]


def test_months_are_counted_on() -> None:
    assert str(DECEMBER.plus(1)) == "2026-01"
    assert str(Month(2026, 1).plus(-1)) == "2025-12"
    assert (Month(2028, 2).days, Month(2026, 2).days) == (29, 28)
    for period in ("2025-13", "2025-1", "x", "0000-01"):
        with pytest.raises(ValueError, match="is no month"):
            Month.parse(period)


@pytest.mark.parametrize(
    ("title", "pattern"),
    [
        ("11412班表", "{roc}{mm}班表"),
        ("2025-12", "{yyyy}-{mm}"),
        ("202512", "{yyyy}{mm}"),
        ("2026年1月 勤務", "{yyyy}年{m}月 勤務"),
        ("25.12", "{yy}.{mm}"),
        ("12月", "{m}月"),
        ("11月", "{m}月"),
        ("１１４年１２月", "{roc}年{m}月"),
        ("12月班表 (114)", "{m}月班表 ({roc})"),
        ("2025 班表 12月", "{yyyy} 班表 {m}月"),
        ("3月台", None),
        ("代碼", None),
        ("Sheet1", None),
    ],
)
def test_the_pattern_of_a_title_is_found(title: str, pattern: str | None) -> None:
    assert pattern_of(title, NEAR) == pattern
    if pattern is not None:
        titles = [plain(title_of(pattern, DECEMBER.plus(away))) for away in (-1, 0, 1)]
        assert plain(title) in titles


def test_a_grid_is_a_rectangle_whatever_is_left_out() -> None:
    grid = Grid.of(opened(tab("x", [["a", "", "b"], [], ["", "c"], [""]], start=(1, 1))))
    assert grid.rows == [["", "", "", ""], ["", "a", "", "b"], ["", "", "", ""], ["", "", "c", ""]]
    assert (grid.filled, grid.place(1, 3)) == (3, "x!D2")
    assert Grid.of(opened(tab("x", []))).rows == []
    assert place("11412班表", 4, 702) == "11412班表!AAA5"


def test_errors_are_known_in_every_language() -> None:
    grid = Grid.of(opened(tab("x", [[error(), error("N_A", "#不適用"), "#REF!", error("?", "")]])))
    assert grid.rows == [["#REF!", "#N/A", "#REF!", "#ERROR!"]]
    assert len(grid.errors()) == 4
    rows: list[list[object]] = [["#BEZUG!", "Loading..."]]
    rows += [[error("REF", "#BEZUG!"), error("LOADING", "Loading...")]]
    grid = Grid.of(opened(tab("x", rows)))
    assert grid.rows == [["#BEZUG!", "Loading..."], ["#REF!", "#LOADING"]]


def test_numbers_are_texts_as_they_are_shown_and_days_and_times_numbers() -> None:
    cells = [number(8, "008", "NUMBER"), day(date(2025, 12, 1), "12月1日"), clock(330, "5:30")]
    formats = {"userEnteredFormat": cells[1].pop("effectiveFormat")}
    grid = Grid.of(opened(tab("x", [[cells[0], {**cells[1], **formats}, cells[2]]])))
    assert grid.rows == [["008", "12月1日", "5:30"]]
    assert grid.serials == {(0, 1): (45992.0, "DATE"), (0, 2): (pytest.approx(330 / 1440), "TIME")}


def test_what_is_merged_shows_its_first_cell() -> None:
    grid = Grid.of(opened(tab("x", [["a", "", "b"], ["", "", "c"]], merges=[merge(0, 2, 0, 2)])))
    assert [grid.shown(r, c) for r in (0, 1) for c in (0, 1, 2)] == ["a", "a", "b", "a", "a", "c"]
    assert grid.shown(9, 9) == ""


def test_the_digest_is_of_everything_that_is_read() -> None:
    def digest(*cells: object, **more: object) -> str:
        return Grid.of(opened(tab("x", [[*cells]], **more))).digest  # type: ignore[arg-type]

    same = {digest("a", "b"), digest("a", " b "), digest("ａ", "b"), digest("a", "b", "")}
    assert len(same) == 1
    others = {
        *(digest("a", "b"), digest("ab"), digest("a", "", "b"), digest("b", "a"), digest("a b")),
        digest("a", "b", merges=[merge(0, 1, 0, 1)]),
        digest(day(date(2025, 12, 1), "x")),
        digest(day(date(2025, 12, 2), "x")),
    }
    assert len(others) == 8


def test_a_grid_has_limits() -> None:
    """So has a cell: what is past it is cut off, and said to be."""
    for rows in ([["x"]] * (MOST_ROWS + 1), [["x"] * (MOST_COLUMNS + 1)], [["x"] * 400] * 501):
        tab_ = opened(tab("11412班表", rows))
        with pytest.raises(GridTooLarge):
            Grid.of(tab_)
        found = look(sheet(), tab_, "2025-12", NEAR).parsed
        assert found is not None
        assert [each.code for each in found.faults] == ["grid_too_large"]
    grid = Grid.of(opened(tab("x", [["長" * 50_000, "a"]])))
    assert (len(grid.at(0, 0)), grid.cut) == (LONGEST + 3, ((0, 0),))
    far = {
        "properties": {"title": "x"},
        "data": [{"startRow": 9_999_998, "rowData": [{"values": [text("a")]}]}],
    }
    with pytest.raises(GridTooLarge):
        Grid.of(opened(far))


def test_an_answer_is_opened_as_far_as_its_tabs() -> None:
    body = answer(tab("a", [["x"]]), tab("b'c", [], gid=5))
    found = open_answer(body)
    assert [(each.title, each.gid) for each in found.tabs] == [("a", 0), ("b'c", 5)]
    assert found.zone == "Asia/Taipei"
    titles = {"spreadsheetId": "x", "sheets": [{"properties": {"sheetId": 3, "title": "t"}}]}
    assert open_answer(json.dumps(titles).encode()).tabs[0].data == []


@pytest.mark.parametrize(
    "said", ["\ud800", 10**400, 1e400, 0.1 + 0.2, -0.0, {"a": [[[]]] * 3}, "\U0001f5d3"]
)
def test_whatever_is_json_is_read_as_python_reads_it(said: object) -> None:
    """Also what pydantic's reader does not take."""
    tab = {"properties": {"title": "t"}, "data": [said]}
    body = json.dumps({"sheets": [tab]}).encode()
    expected = json.loads(body)["sheets"][0]["data"]
    assert repr(open_answer(body).tabs[0].data) == repr(expected)
    deep = b'{"sheets":[{"data":[' + b"[" * 500 + b"]" * 500 + b"]}]}"
    assert open_answer(deep).tabs[0].data == json.loads(deep)["sheets"][0]["data"]


@pytest.mark.parametrize("body", [b"", b"[]", b"<html>", b"\xff", b"[" * 100_000, b"null"])
def test_what_is_no_answer_is_a_passing_fault(body: bytes) -> None:
    with pytest.raises(TransientFault):
        open_answer(body)


def test_an_answer_that_is_too_large_is_an_operators_fault() -> None:
    with pytest.raises(OperatorFault, match="16 MiB"):
        open_answer(b" " * (MAX_BODY + 1))
