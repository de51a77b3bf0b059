"""What planners do in their sheets besides what the golden ones have."""

from __future__ import annotations

from datetime import date

from sheets.answer import open_answer
from sheets.guess import guess
from sheets.kinds.contents import Codes, Parsed, Roster
from sheets.parsing import look
from sheets.shapes.file import parse_shapes
from sheets.timing import in_full
from sheets.versions.judging import judge
from tests.sheets.kit import ID, NEAR, answer, error, merge, number, opened, sheet, tab

DAYS = ["工號", "姓名", *range(1, 32)]
LIST = ["日期", "工號", "姓名", "班別", "上班", "下班"]
LONG = sheet("anping.duty", f'[anping.duty]\nspreadsheet = "{ID}"\ntab = "x"\nkind = "long"')


def month(*rows: list[object], merges: tuple[dict[str, int], ...] = ()) -> Parsed:
    """A roster of December below the usual titles."""
    grid = opened(tab("11412班表", [DAYS, *rows], merges=merges))
    found = look(sheet(), grid, "2025-12", NEAR).parsed
    assert found is not None
    return found


def listed(*rows: list[object]) -> Parsed:
    """A row for each person and day."""
    found = look(LONG, opened(tab("x", [LIST, *rows])), "", NEAR).parsed
    assert found is not None
    return found


def codes(*rows: list[object]) -> Codes:
    """A table of codes with the hours of each."""
    titles = ["代碼", "上班", "下班", "工時"]
    found = look(sheet("tanhae.codes"), opened(tab("代碼", [titles, *rows])), "", NEAR).parsed
    assert found is not None
    assert isinstance(found.contents, Codes)
    return found.contents


def said(found: Parsed) -> dict[str, list[str]]:
    """By person what stands on which day."""
    assert isinstance(found.contents, Roster)
    days: dict[str, list[str]] = {person: [] for person in found.contents.people}
    for (person, on), duties in sorted(found.contents.duties.items()):
        days[person].append(f"{on.day} {' / '.join(duty.text for duty in duties)}")
    return days


def faults(found: Parsed) -> list[str]:
    """What keeps it from being taken over."""
    return [each.code for each in found.faults]


def test_headings_and_sums_among_the_people_are_nobody() -> None:
    """Also those that stand there twice; and whoever has a name, or duties, is somebody."""
    found = month(
        ["淡海站"],
        ["站務員"],
        ["A1", "王", "0905G"],
        ["安坑站"],
        ["站務員"],
        ["A2", "李"],
        ["A3", "", "休"],
        ["出勤人數", "", 1, 2],
        ["※ R：休息日"],
        merges=(merge(1, 2, 0, 33), merge(2, 3, 0, 2)),
    )
    assert (said(found), faults(found)) == ({"A1": ["1 0905G"], "A2": [], "A3": ["1 休"]}, [])
    assert [(each.code, each.count) for each in found.warnings] == [("texts_aside", 8)]
    assert [*said(month(["A1"], ["A2", "", "站訓"]))] == ["A1", "A2"]


def test_who_works_by_a_code_that_is_a_weekday_is_no_row_of_weekdays() -> None:
    week = [*"一二三四五六日一二三四五六日"]
    found = month(["", "", *week], ["A1", "王", *["日"] * 9], ["A2", "李", "日"])
    assert {person: len(days) for person, days in said(found).items()} == {"A1": 9, "A2": 1}
    assert found.account.heading == 33 + 14


def test_a_day_whose_title_says_something_else_is_that_day() -> None:
    """Else everybody would be told that there is nothing on it any more."""
    row: list[object] = ["A1", "王", *(f"{n:02}00" for n in range(1, 32))]
    for titles in (DAYS, ["工號", "姓名", *(date(2025, 12, n) for n in range(1, 32))]):
        for other in ("國慶", "", error(), "25(行憲紀念日)"):
            grid = opened(tab("11412班表", [[*titles[:26], other, *titles[27:]], row]))
            found = look(sheet(), grid, "2025-12", NEAR).parsed
            assert found is not None
            assert (found.contents, faults(found)) == (month(row).contents, [])
    between = opened(
        tab("11412班表", [[*DAYS[:17], "上半月", *DAYS[17:]], [*row[:17], 15, *row[17:]]])
    )
    found = look(sheet(), between, "2025-12", NEAR).parsed
    assert found is not None
    assert found.contents == month(row).contents


def test_what_is_merged_over_several_people_is_everybodys() -> None:
    """But over the rows of one person it is one part of their day."""
    found = month(
        ["A1", "王", "0905G", "(訓)"],
        ["A2", "李", "休"],
        ["A3", "張", "(特)", "0905G"],
        ["", "", "", "1425G"],
        merges=(merge(1, 3, 3, 5), merge(3, 5, 0, 1), merge(3, 5, 1, 2), merge(3, 5, 2, 3)),
    )
    assert said(found) == {
        "A1": ["1 0905G", "2 (訓)", "3 (訓)"],
        "A2": ["1 休", "2 (訓)", "3 (訓)"],
        "A3": ["1 (特)", "2 0905G / 1425G"],
    }
    assert found.account.contents == 6


def test_a_leave_is_one_leave_however_it_is_spaced() -> None:
    found = month(["A1", "王", "(特)", "(特 )", "（ 特）", "[特]"]).contents
    assert isinstance(found, Roster)
    duties = [duty for each in found.duties.values() for duty in each]
    assert [duty.leave for duty in duties] == ["特", "特", "特", ""]
    assert {in_full(duty, sheet().shape) for duty in duties} == {"特休", "[特]"}


def test_hours_of_work_are_hours() -> None:
    """And 0.33 with two places shown is 08:00, not 07:55."""
    rows: list[list[object]] = [
        [f"{n}", number(1 / 3, "0.33", "NUMBER"), number(17 / 24, "0.71", "NUMBER"), hours]
        for n, hours in enumerate(["8", 8, "7.5", "8小時", "480", "480分", "8:00", "0", ""])
    ]
    found = codes(*rows).codes.values()
    assert [each.minutes for each in found] == [480, 480, 450, 480, 480, 480, 480, 0, 540]
    assert {(each.start, each.end) for each in found} == {(480, 1020)}


def test_one_number_of_two_names_is_two_people_in_a_list_of_days_as_well() -> None:
    """Else one of them would be shown the other's duties."""
    one: list[object] = ["2025/12/1", "K1", "林 大同", "0905G"]
    other: list[object] = ["2025/12/2", "K1", "李", "0905G"]
    found = listed(one, ["2025/12/3", "K1", "林大同", "休"], other)
    assert [(f.code, f.places, f.texts) for f in found.faults] == [
        ("duplicate_people", ("x!B2", "x!B4"), ("K1",))
    ]
    assert faults(listed(one, [*other[:2], "", "休"], [*other[:2], error("N_A"), "休"])) == [
        "error_cells"
    ]
    assert faults(listed(one, [*other[:2], "", "休"])) == []


def test_an_error_in_a_list_of_days_takes_nobodys_duty() -> None:
    """Where the day is one, nobody knows whose duty it is; where a time is, the last one stays."""
    rows: list[list[object]] = [
        [f"2025/12/{n}", "K1", "林", "0905G", "09:05", "17:35"] for n in range(1, 31)
    ]
    last = listed(*rows).contents
    assert faults(listed([error(), *rows[0][1:]], *rows[1:])) == ["error_cells"]
    for place in (3, 4, 5):
        broken = listed([*rows[0][:place], error(), *rows[0][place + 1 :]], *rows[1:])
        assert (faults(broken), judge(broken, last).is_same) == ([], True)


def test_an_error_in_a_table_of_codes_takes_no_times() -> None:
    rows: list[list[object]] = [[f"{n:02}", "09:05", "17:35", "480"] for n in range(60)]
    last = codes(*rows)
    for place in (1, 2, 3):
        new = codes([*rows[0][:place], error(), *rows[0][place + 1 :]], *rows[1:-1], rows[2])
        assert (new.codes["00"].start, new.codes["00"].end) != (545, 1055) or place == 3
        assert judge(Parsed(new), last).contents == Codes({k: last.codes[k] for k in new.codes})


def test_the_order_of_rows_is_no_change() -> None:
    """Parts of a day that say when they begin come in that order."""
    rows: list[list[object]] = [
        ["2025/12/1", "K1", "林", "", "0800", "1200"],
        ["2025/12/1", "K1", "林", "", "0.75", "22:00"],
        ["2025/12/2", "K2", "李", "休"],
    ]
    found, other = listed(*rows), listed(*rows[::-1])
    assert found.contents == other.contents
    assert said(found) == {"K1": ["1 08:00–12:00 / 18:00–22:00"], "K2": ["2 休"]}


def test_a_tab_for_each_month_is_one_sheet_whatever_it_is_called() -> None:
    """A guess has no year in it that is over next month, and no sheet for a line of text."""
    rows = [DAYS, ["A1", "王", "0905G"]]
    year = [tab(f"{n}月班表（１１４）", rows, gid=n) for n in range(1, 13)]
    for tabs in (year, [tab(f"{n}月", rows, gid=n) for n in range(1, 13)]):
        text = guess(
            open_answer(answer(*tabs, tab("公告", [["各位同仁"]], gid=99))), "tanhae", NEAR
        )
        found = parse_shapes(text, {"tanhae"})
        assert [*found] == ["tanhae.roster"]
        # 1月 is of this year's January: not to be taken for the next one's in December.
        assert found["tanhae.roster"].shape.months == ((0, 1) if tabs is year else (0,))
        assert "# 1 people, 1 cells" in text
    text = guess(open_answer(answer(*year)), "tanhae", date(2025, 12, 5))
    shape = parse_shapes(text, {"tanhae"})["tanhae.roster"].shape
    assert (shape.tab, shape.title) == ("{m}月班表（{roc}）", "班表")
