"""One version after another: what is kept out, what is held, what has changed."""

from __future__ import annotations

import json
from datetime import date

import pytest

from sheets.answer import Tab
from sheets.kinds.contents import Codes, Contents, Duty, Parsed, Roster, Rows
from sheets.parsing import look
from sheets.versions.difference import (
    RosterDifference,
    RowsDifference,
    counts,
    difference,
    is_empty,
)
from sheets.versions.judging import Verdict, judge
from sheets.versions.written import Unreadable, read, write
from tests.sheets.kit import ID, NEAR, ROSTER, error, opened, sheet, tab

PEOPLE = ("A1001", "A1002", "A1003", "A1004")


def roster(
    *changes: tuple[str, int, object], people: tuple[str, ...] = PEOPLE, name: str = "王"
) -> Tab:
    """A month of休 for everybody, but for these days."""
    rows = {person: [person, name, *["休"] * 31] for person in people}
    for person, day, text in changes:
        rows[person][day + 1] = text  # type: ignore[call-overload]
    return opened(tab("11412班表", [["工號", "姓名", *range(1, 32)], *rows.values()]))


def parsed(found: Tab) -> Parsed:
    """What is understood of it."""
    looked = look(sheet(), found, "2025-12", NEAR).parsed
    assert looked is not None
    return looked


def contents(found: Tab) -> Contents:
    """The version that it would be."""
    known = parsed(found).contents
    assert known is not None
    return known


def judged(new: Tab, last: Tab) -> Verdict:
    """What follows from one after another."""
    return judge(parsed(new), contents(last))


def test_the_same_cells_are_not_read_twice() -> None:
    first = look(sheet(), roster(), "2025-12", NEAR)
    again = look(sheet(), roster(), "2025-12", NEAR, first.digest)
    assert (again.parsed, again.digest) == (None, first.digest)
    other = look(sheet(), roster(("A1001", 1, "0905G")), "2025-12", NEAR, first.digest)
    assert other.parsed is not None
    assert other.digest != first.digest


def test_other_settings_read_the_same_cells_again() -> None:
    first = look(sheet(), roster(), "2025-12", NEAR)
    changed = sheet(toml=ROSTER.replace('person_name = ["姓名"]', 'person_name = ["名"]'))
    assert look(changed, roster(), "2025-12", NEAR, first.digest).parsed is not None


def test_a_change_is_told_by_person_and_day() -> None:
    verdict = judged(roster(("A1001", 3, "(特)"), ("A1002", 4, "")), roster(("A1001", 3, "0905G")))
    assert isinstance(verdict.change, RosterDifference)
    said = {
        key: tuple("".join(duty.text for duty in each or ()) for each in pair)
        for key, pair in verdict.change.duties.items()
    }
    assert said == {
        ("A1001", date(2025, 12, 3)): ("0905G", "(特)"),
        ("A1002", date(2025, 12, 4)): ("休", ""),
    }
    assert (verdict.is_fault, verdict.is_held, verdict.is_same) == (False, False, False)


def test_people_who_come_and_go_count_once() -> None:
    verdict = judged(
        roster(("A1001", 1, "0905G"), people=("A1001", "A1002", "A1003", "A1005")), roster()
    )
    assert verdict.change is not None
    assert isinstance(verdict.change, RosterDifference)
    assert (verdict.change.came, verdict.change.went) == (["A1005"], ["A1004"])
    found = counts(verdict.change)
    assert (found.changed, found.came, found.went) == (1, 1, 1)


def test_a_name_is_a_change_and_a_remark_or_another_order_is_none() -> None:
    assert counts(difference(contents(roster()), contents(roster(name="李")))).changed == 4
    reverse = judged(roster(people=PEOPLE[::-1]), roster())
    assert reverse.is_same
    aside = opened(
        tab(
            "11412班表",
            [["工號", "姓名", *range(1, 32)], *([p, "王", *["休"] * 31, "新"] for p in PEOPLE)],
        )
    )
    assert judged(aside, roster()).is_same


def test_a_cleared_tab_empties_nobodys_roster() -> None:
    """Without its titles it is a fault; with them it is held."""
    cleared = judged(opened(tab("11412班表", [])), roster())
    assert (cleared.is_fault, [each.code for each in cleared.findings]) == (True, ["no_header"])
    titles = judged(opened(tab("11412班表", [["工號", "姓名", *range(1, 32)]])), roster())
    assert titles.gone is not None
    assert (titles.gone.people, titles.gone.of_people, titles.gone.cells) == (4, 4, 124)
    assert titles.gone.who == PEOPLE


@pytest.mark.parametrize(("left", "is_held"), [(4, False), (3, False), (2, False), (1, True)])
def test_half_of_the_people_may_go_and_no_more(left: int, is_held: bool) -> None:
    assert judged(roster(people=PEOPLE[:left]), roster()).is_held == is_held


@pytest.mark.parametrize(("emptied", "is_held"), [(62, False), (63, True)])
def test_half_of_the_cells_may_go_and_no_more(emptied: int, is_held: bool) -> None:
    gone = [(PEOPLE[n // 31], n % 31 + 1, "") for n in range(emptied)]
    assert judged(roster(*gone), roster()).is_held == is_held


def test_everything_rewritten_is_no_accident() -> None:
    """Nothing is gone: it is a new plan."""
    new = [(person, day, "0905G") for person in PEOPLE for day in range(1, 32)]
    assert not judged(roster(*new), roster()).is_held


def test_the_first_version_is_never_held() -> None:
    verdict = judge(parsed(roster()), None)
    assert (verdict.change, verdict.is_held, verdict.is_fault) == (None, False, False)


def test_an_error_leaves_what_was_known() -> None:
    """And somebody's name as well. Where nothing was known, the error stands."""
    rows: list[list[object]] = [[p, "王", *["休"] * 31] for p in PEOPLE]
    rows[0][3], rows[1][1] = error(), error()
    new = opened(tab("11412班表", [["工號", "姓名", *range(1, 32)], *rows]))
    verdict = judged(new, roster(("A1001", 2, "0905G"), name="李"))
    assert isinstance(verdict.contents, Roster)
    assert verdict.contents.duties["A1001", date(2025, 12, 2)][0].text == "0905G"
    assert verdict.contents.people["A1002"] == "李"
    assert [each.code for each in verdict.findings] == ["error_cells_left_out"]
    first = judge(parsed(new), None).contents
    assert isinstance(first, Roster)
    assert first.duties["A1001", date(2025, 12, 2)][0].kind == "error"


@pytest.mark.parametrize(("errors", "code"), [(2, "error_cells_left_out"), (3, "error_cells")])
def test_over_two_percent_of_errors_are_a_fault(errors: int, code: str) -> None:
    """Of three people's month with its titles: 132 cells."""
    wrong = [(PEOPLE[0], day, error()) for day in range(1, errors + 1)]
    found = parsed(roster(*wrong, people=PEOPLE[:3]))
    assert [each.code for each in found.findings] == [code]
    assert bool(found.faults) is (code == "error_cells")


def test_a_fault_uses_nothing_of_what_was_read() -> None:
    twice = opened(
        tab("11412班表", [["工號", "姓名", *range(1, 32)], *[["A1001", "王", "休"]] * 2])
    )
    verdict = judge(parsed(twice), contents(roster()))
    assert (verdict.contents, verdict.change) == (None, None)
    assert [each.texts for each in verdict.findings if each.is_fault] == [("A1001",)]


def test_tables_differ_by_their_keys() -> None:
    toml = f'[tanhae.cars]\nspreadsheet = "{ID}"\ntab = "x"\nkind = "table"\nkey = ["車號"]'
    one = sheet("tanhae.cars", toml)

    def rows(*found: list[str], last: str = "里程") -> Contents:
        parsed = look(one, opened(tab("x", [["車號", last], *found])), "", NEAR).parsed
        assert parsed is not None
        assert isinstance(parsed.contents, Rows)
        return parsed.contents

    old = rows(["101", "5"], ["102", "6"], ["103", "7"])
    change = difference(old, rows(["104", "1"], ["102", "6"], ["101", "9"]))
    found = counts(change)
    assert (found.changed, found.came, found.went) == (1, 1, 1)
    retitled = difference(old, rows(["101", "5"], ["102", "6"], ["103", "7"], last="公里"))
    assert isinstance(retitled, RowsDifference)
    assert retitled.columns == (("車號", "里程"), ("車號", "公里"))
    assert not is_empty(retitled)


def test_two_kinds_have_no_difference() -> None:
    with pytest.raises(TypeError):
        difference(Codes({}), Roster({}, {}))


def test_a_version_is_written_small() -> None:
    """Of 200 people and a month: some twenty kilobytes, where storage takes a thousand."""
    people = tuple(f"A{n}" for n in range(1000, 1200))
    texts = ("0905G", "1735N", "R/0905G", "(特)", "休")
    changes = [(p, d, texts[(n + d) % 5]) for n, p in enumerate(people) for d in range(1, 32)]
    version = contents(roster(*changes, people=people))
    written = json.dumps(write(version), ensure_ascii=False)
    assert len(written.encode()) < 32 * 1024
    assert read(json.loads(written)) == version


def test_days_far_apart_are_written_small_as_well() -> None:
    """A year typed wrongly must not cost a place for every day between."""
    every = [date(1960, 1, 1), date(2025, 12, 1), date(2140, 12, 31)]
    version = Roster({"A1": "", "A2": ""}, {("A1", day): (Duty("rest", "休"),) for day in every})
    written = json.dumps(write(version))
    assert len(written) < 200
    assert read(json.loads(written)) == version


@pytest.mark.parametrize(
    "written",
    [
        None,
        [],
        {},
        {"form": 2, "kind": "codes", "codes": []},
        {"form": 1, "kind": "poem"},
        {"form": 1, "kind": "roster", "first": "x", "duties": [], "people": []},
        {
            "form": 1,
            "kind": "roster",
            "first": "2025-12-01",
            "duties": [],
            "people": [["A", "", [3]]],
        },
        {"form": 1, "kind": "codes", "codes": [["A", 1, 2, 3, "", 5]]},
        {"form": 1, "kind": "rows", "columns": [], "rows": [["a"]]},
    ],
)
def test_what_another_program_has_written_is_refused(written: object) -> None:
    with pytest.raises(Unreadable):
        read(written)
