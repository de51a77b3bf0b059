"""Which tabs are asked for, and what a guess makes of a spreadsheet."""

from __future__ import annotations

import re
from datetime import date

from sheets.answer import Tab, open_answer
from sheets.guess import guess
from sheets.keeping.sources import sources_of, tabs_of
from sheets.kinds.contents import Codes, Roster
from sheets.parsing import look, missing
from sheets.shapes.file import parse_shapes
from sheets.wanted import TabWanted, found_in, quoted, wanted
from tests.sheets.kit import ID, NEAR, ROSTER, answer, sheet, sheets, tab


def test_this_months_tab_is_needed_and_the_next_may_be_missing() -> None:
    assert wanted(sheet(), NEAR) == (
        TabWanted("11412班表", None, "2025-12", needed=True),
        TabWanted("11501班表", None, "2026-01", needed=False),
    )
    assert wanted(sheet("tanhae.codes"), NEAR) == (TabWanted("代碼", None),)
    assert [each.title for each in wanted(sheet(), date(2026, 2, 28))] == ["11502班表", "11503班表"]


def test_one_read_brings_every_tab_of_a_spreadsheet() -> None:
    [source] = sources_of(sheets().values())
    assert (source.department, source.spreadsheet) == ("tanhae", ID)
    tabs = tabs_of(source, {one.id: NEAR for one in source.sheets})
    assert [one.title for one in tabs] == ["11412班表", "11501班表", "代碼"]


def test_a_tab_is_found_by_what_the_eye_sees() -> None:
    tabs = [Tab(1, "１１４１２ 班表"), Tab(2, "11412班表 (2)"), Tab(3, "11412班表")]
    one = TabWanted("11412班表", None)
    assert found_in(tabs, one) == tabs[2]
    assert found_in(tabs[:2], one) == tabs[0]
    assert found_in(tabs[1:2], one) is None
    assert found_in([tabs[0], Tab(4, " 11412班表")], one) is None
    assert found_in(tabs, TabWanted(None, 2)) == tabs[1]
    assert found_in(tabs, TabWanted(None, 9)) is None


def test_titles_are_quoted_always() -> None:
    assert quoted("A1") == "'A1'"
    assert quoted("小明's 班表") == "'小明''s 班表'"


def test_a_missing_tab_is_a_fault() -> None:
    found = missing("2025-12").parsed
    assert found is not None
    assert [each.code for each in found.faults] == ["tab_missing"]


def test_a_guess_understands_the_two_shapes_of_the_design() -> None:
    rows = [
        ["淡海 班表"],
        ["編號", "姓名", *range(1, 32)],
        ["A1001", "王小明", "0905G", "站訓", "休"],
    ]
    reading = open_answer(
        answer(
            tab("11411班表", rows, gid=1),
            tab("11412班表", rows, gid=2),
            tab("代碼", [["勤務代碼", "報到", "收班"], ["0905G", "09:05", "17:35"]], gid=3),
            tab("空白", [], gid=4),
        )
    )
    text = guess(reading, "tanhae", NEAR)
    found = parse_shapes(text, {"tanhae"})
    assert [*found] == ["tanhae.roster", "tanhae.codes"]
    assert 'tab = "{roc}{mm}班表"' in text
    assert "# not understood, 1 times: 站訓" in text
    roster, codes = found.values()
    assert roster.codes == codes.id
    parsed = [
        look(roster, reading.tabs[1], "2025-12", NEAR).parsed,
        look(codes, reading.tabs[2], "", NEAR).parsed,
    ]
    assert parsed[0] is not None
    assert parsed[1] is not None
    assert isinstance(parsed[0].contents, Roster)
    assert isinstance(parsed[1].contents, Codes)


def test_a_guess_finds_titles_that_nobody_knows() -> None:
    rows = [["司機證號", "司機", *range(1, 31)], ["K01", "林大同", "A1"]]
    text = guess(open_answer(answer(tab("25年11月", rows))), "anping", date(2025, 11, 5))
    assert 'person = ["司機證號"]' in text
    assert 'person_name = ["司機"]' in text
    assert parse_shapes(text, {"anping"})["anping.roster"].shape.tab == "{yy}年{m}月"


def test_a_guess_of_strange_titles_is_still_a_file() -> None:
    titles = ["{x}", 'a"b\\', "\n", "x" * 101, "班表'#[]"]
    tabs = [tab(title, [["a", "b"], ["c", "d"]], gid=n) for n, title in enumerate(titles)]
    text = guess(open_answer(answer(*tabs)), "tanhae", NEAR)
    found = parse_shapes(text, {"tanhae"})
    assert len(found) == 5
    assert [each.shape.gid for each in found.values()] == [0, None, 2, 3, None]


def test_the_file_of_the_design_is_read_as_it_stands() -> None:
    assert [*sheets(ROSTER)] == ["tanhae.roster", "tanhae.codes"]
    assert re.search(r"zone='Asia/Taipei'", repr(sheets(ROSTER)["tanhae.roster"].shape))
