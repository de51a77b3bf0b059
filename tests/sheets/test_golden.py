"""Sheets as departments write them, each with what has to be understood of it."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta

import pytest

from sheets.faults import KEEPS, WARNS
from sheets.kinds.contents import Roster
from sheets.parsing import look
from sheets.timing import shifts_of, zone_of
from tests.sheets.goldens import FOLDER, names, understood
from tests.sheets.kit import ID, NEAR, day, merge, opened, sheet, tab

FACTS = {
    "cleared": ["no_header"],
    "clocks-back": ["2026-10-24 1735N shift 17:35–25 04:00 685′"],
    "codes": ["F: 20:00–06:00 next day 600", "D: 22:00–00:30 next day 150 V26", "A: 05:30"],
    "codes-differ": ["duplicate_codes 2/1 代碼!A2 代碼!A3 A"],
    "dates-in-header": ["2025-12-01 0905G", "12-03 to 12-31"],
    "dates-of-another-month": ["days_not_in_month 30/31"],
    "duplicate-people": ["duplicate_people 4/2", "班表!A5 A1001 A1002"],
    "duty-table": ["K0003 吳大偉", "休加B2 shift rest=休", "訓練(上午) note", "??? unknown ?"],
    "error-for-a-person": ["error_cells 1/99 11412班表!A3"],
    "february-30": ["days_not_in_month 2/28 11602班表!AE2 11602班表!AF2"],
    "few-errors": ["error_cells_left_out 1/99 11412班表!D2"],
    "full-width": ["A1001 王 小明", "R(國)/1425G(+2) shift rest=R(國) overtime=120 14:25–04 00:55"],
    "leading-zeros": ["007 王小明", "008 李四", "7 張三", "0530 shift 05:30–02 13:40", "021"],
    "leap-february": ["2028-02-29 1735N shift 17:35–01 01:55 500′"],
    "long": ["2025-12-05 08:00–12:00 shift", "2025-12-04 (特) leave", "2026-01-02 0905G"],
    "many-errors": ["error_cells 3/99"],
    "merged": ["2025-12-01 0505G", "2025-12-01 1425G", "2025-12-07 (特) leave", "12-08 0905G"],
    "month-end": ["2025-12-31 1735N shift 17:35–01 01:55", "2025-12-31 1425G(+2)", "2026-01"],
    "no-header": ["no_header 0/0   4 person_name days person"],
    "other-zone": ["2026-03-28 1735N shift 17:35–29 04:00 565′", "04-01 1735N shift 17:35–02"],
    "quoted-title": ["小明's「班表」 (草稿)!A1", "2025-12-01 0905G"],
    "renamed": ["tab_missing"],
    "roc-tabs": ["2025-12-09 站訓 unknown ?", "0906 1 A1008", "(特) leave leave=特"],
    "table": ["12,345", "101 (2)", "檢修"],
    "trailing-cells": ["A1003 張三", "2025-12-03 0905G", "person=C person_name=D days=E:AI"],
    "two-row-header": ["2025-12-16 1130G", "texts_aside 6/0", "from 3"],
}
"""What a person has seen in each sheet, of all that is in its result."""


@pytest.mark.parametrize("name", names())
def test_a_sheet_is_understood_as_it_was_meant(name: str) -> None:
    """All of it: titles, people, every day, times, what is not known, where it stands."""
    golden = json.loads((FOLDER / f"{name}.golden.json").read_text("utf-8"))
    assert understood(name) == golden


@pytest.mark.parametrize("name", names())
def test_a_result_has_what_a_person_sees_in_the_sheet(name: str) -> None:
    """A result is written by a program: these few are not."""
    lines = json.dumps(understood(name), ensure_ascii=False, indent=0).replace('": "', ": ")
    assert [fact for fact in FACTS[name] if fact not in lines] == []


def test_every_difficulty_has_its_sheet() -> None:
    """With the two large ones below, more than fifteen."""
    assert set(names()) == FACTS.keys()
    assert len(FACTS) >= 20


def test_sixty_people_of_a_month() -> None:
    """Each cell is where it belongs."""
    texts = ("0905G", "1735N", "休", "(特)", "R/1130G", "")
    rows = [
        [f"A{1000 + n}", f"王{n}", *(texts[(n * 7 + d * 3) % 6] for d in range(1, 32))]
        for n in range(60)
    ]
    found = look(
        sheet(), opened(tab("11412班表", [["工號", "姓名", *range(1, 32)], *rows])), "2025-12", NEAR
    )
    assert found.parsed is not None
    roster = found.parsed.contents
    assert isinstance(roster, Roster)
    assert [*roster.people] == [f"A{1000 + n}" for n in range(60)]
    said = {key: duties[0].text for key, duties in roster.duties.items()}
    assert said == {
        (f"A{1000 + n}", date(2025, 12, d)): text
        for n in range(60)
        for d in range(1, 32)
        if (text := texts[(n * 7 + d * 3) % 6])
    }
    assert found.parsed.findings == ()


def test_two_thousand_rows_of_days() -> None:
    """A year of a few people, a row each."""
    one = sheet(
        "anping.duty",
        f'[anping.duty]\nspreadsheet = "{ID}"\ntab = "勤務"\nkind = "long"\nzone = "Asia/Taipei"',
    )
    days = [date(2025, 1, 1) + timedelta(days=n) for n in range(365)]
    rows = [
        [day(each), f"K{n}", f"林{n}", "1735N", "17:35", "01:55"] for each in days for n in range(6)
    ]
    grid = opened(tab("勤務", [["日期", "工號", "姓名", "班別", "上班", "下班"], *rows[:2000]]))
    found = look(one, grid, "", NEAR)
    assert found.parsed is not None
    roster = found.parsed.contents
    assert isinstance(roster, Roster)
    assert (len(roster.people), len(roster.duties)) == (6, 2000)
    last = shifts_of(roster, "K0", None, zone_of(one.shape, ""))[-1]
    assert (last.day, last.minutes) == (days[333], 500)
    assert last.end is not None
    assert last.end.date() == days[334]
    assert found.parsed.findings == ()


def test_a_row_with_a_name_and_no_number_is_told() -> None:
    """Its duties are nobody's; a sum below the people is not meant."""
    days = ["休"] * 31
    rows = [
        ["工號", "姓名", *range(1, 32)],
        ["A1", "王", *days],
        ["", "李", *days],
        ["", "合計", *days],
    ]
    found = look(sheet(), opened(tab("11412班表", rows)), "2025-12", NEAR).parsed
    assert found is not None
    told = {each.code: each.places for each in found.findings}
    assert told["rows_without_number"] == ("11412班表!A3",)
    assert not any(place.endswith("3") for place in told["texts_aside"])
    account = found.account
    taken = account.heading + account.people + account.contents + account.aside
    assert account.cells == taken


def test_every_finding_is_one_that_is_listed() -> None:
    """As a fault or as a warning; and each that is listed can be found."""
    source = "".join(
        path.read_text("utf-8")
        for path in (FOLDER.parents[2] / "sheets").rglob("*.py")
        if path.name != "faults.py"
    )
    quoted = {*re.findall(r'"([a-z]+(?:_[a-z]+)+)"', source)}
    assert quoted >= KEEPS | WARNS
    said = {*re.findall(r'(?:[fF]inding|_note)\(\s*"([a-z_]+)"', source)}
    assert said <= KEEPS | WARNS
    assert not KEEPS & WARNS


def test_what_is_written_beneath_a_merged_cell_is_not_lost() -> None:
    """A program that merges cells may leave in them what nobody sees."""
    rows = [["工號", "姓名", *range(1, 32)], ["A1", "王", "", "(特)", "0905G"]]
    spans = [merge(1, 2, 2, 4), merge(1, 2, 4, 6)]
    found = look(sheet(), opened(tab("11412班表", rows, merges=spans)), "2025-12", NEAR).parsed
    assert found is not None
    assert isinstance(found.contents, Roster)
    said = {on.day: duties[0].text for (_, on), duties in found.contents.duties.items()}
    assert said == {2: "(特)", 3: "0905G", 4: "0905G"}
