"""When duties begin and end, and how much there is of them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from sheets.kinds.contents import Codes, CodeTimes, Duty, Roster
from sheets.timing import (
    Sums,
    in_full,
    moment,
    shift_of,
    shifts_of,
    sums_of,
    unknown_texts,
    zone_of,
)
from tests.sheets.kit import sheet

TAIPEI, BERLIN = ZoneInfo("Asia/Taipei"), ZoneInfo("Europe/Berlin")
CODES = Codes(
    {
        "0905G": CodeTimes(545, 1055, 510, "V26"),
        "1735N": CodeTimes(1055, 1555, 480, "V26"),
        "站訓": CodeTimes(None, None, None),
    }
)
LAST = date(2025, 12, 31)


def duty(code: str, overtime: int = 0) -> Duty:
    return Duty("shift", code, code, overtime)


def test_a_night_shift_ends_in_the_next_year() -> None:
    shift = shift_of(LAST, duty("1735N"), CODES, TAIPEI)
    assert shift.start == datetime(2025, 12, 31, 17, 35, tzinfo=TAIPEI)
    assert shift.end == datetime(2026, 1, 1, 1, 55, tzinfo=TAIPEI)


def test_minutes_that_a_table_says_are_kept_with_the_overtime() -> None:
    """A break may be taken off them."""
    assert shift_of(LAST, duty("1735N", 120), CODES, TAIPEI).minutes == 600
    assert shift_of(LAST, duty("0905G", 120), CODES, TAIPEI).minutes == 630


def test_an_unknown_code_has_no_times() -> None:
    shift = shift_of(LAST, duty("0906"), CODES, TAIPEI)
    assert (shift.start, shift.minutes, shift.is_known) == (None, None, False)
    assert shift_of(LAST, duty("0906"), None, TAIPEI).is_known
    assert shift_of(LAST, duty("站訓"), CODES, TAIPEI).is_known


def test_times_of_the_row_itself_come_first() -> None:
    own = Duty("shift", "0905G", "0905G", start=600, end=660, route="K1")
    shift = shift_of(LAST, own, CODES, TAIPEI)
    assert (shift.minutes, shift.route, shift.is_known) == (60, "K1", True)


def test_where_no_zone_is_known_there_are_no_moments() -> None:
    shift = shift_of(LAST, duty("0905G"), CODES, None)
    assert (shift.start, shift.end, shift.minutes) == (None, None, None)
    assert zone_of(sheet("tanhae.codes").shape, "(GMT+8)") is None
    assert zone_of(sheet("tanhae.codes").shape, "Europe/Berlin") == BERLIN
    assert zone_of(sheet().shape, "Europe/Berlin") == TAIPEI


@pytest.mark.parametrize(
    ("day", "minutes", "utc"),
    [
        (date(2026, 3, 29), 150, datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (date(2026, 3, 28), 1440 + 150, datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (date(2026, 10, 25), 150, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (date(2026, 10, 25), 180, datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
        (date(2026, 10, 24), 1440 + 180, datetime(2026, 10, 25, 2, 0, tzinfo=UTC)),
    ],
)
def test_hours_that_are_missing_or_come_twice(day: date, minutes: int, utc: datetime) -> None:
    """03:30 for the 02:30 that there is not; the first of two."""
    assert moment(day, minutes, BERLIN).astimezone(UTC) == utc


def test_a_night_with_overtime_over_a_change_of_clocks() -> None:
    codes = Codes({"N": CodeTimes(22 * 60, 25 * 60, 180)})
    shift = shift_of(date(2026, 3, 28), duty("N", 60), codes, BERLIN)
    assert shift.end == datetime(2026, 3, 29, 3, 0, tzinfo=BERLIN)
    assert shift.minutes == 240


def test_a_month_in_a_line() -> None:
    days = {
        1: duty("0905G"),
        2: duty("1735N", 120),
        3: Duty("leave", "(特)", leave="特"),
        4: Duty("unknown", "站訓?"),
        5: Duty("rest", "休", rest="休"),
        6: duty("0906", 120),
        7: Duty("error", "#REF!"),
    }
    roster = Roster(
        {"A1": "王", "A2": "李"},
        {
            **{("A1", date(2025, 12, day)): (each,) for day, each in days.items()},
            ("A2", date(2025, 12, 1)): (duty("0906"),),
        },
    )
    shifts = shifts_of(roster, "A1", CODES, TAIPEI)
    assert [each.day.day for each in shifts] == [*days]
    assert sums_of(shifts) == Sums(3, 1, {"特": 1}, 3, 510 + 600, 120)
    assert [(each.text, each.count, each.people) for each in unknown_texts(roster, CODES)] == [
        ("0906", 2, ("A1", "A2")),
        ("站訓?", 1, ("A1",)),
    ]
    assert [each.text for each in unknown_texts(roster, None)] == ["站訓?"]


def test_leaves_are_told_in_full() -> None:
    shape = sheet().shape
    leaves = [Duty("leave", f"({each})", leave=each) for each in ("特", "婚")]
    assert [in_full(each, shape) for each in (*leaves, duty("0905G"))] == ["特休", "婚", "0905G"]
