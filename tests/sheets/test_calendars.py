"""People's duties as calendars, read back by the library that programs use."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar

from sheets.calendars import Entry, OnRoster, entries, tag_of, written
from sheets.kinds.contents import Codes, CodeTimes, Duties, Duty, Roster
from sheets.shapes.models import MonthGrid
from sheets.timing import shifts_of

READ = datetime(2026, 11, 30, 5, 50, 12, tzinfo=UTC)
FIRST = date(2026, 12, 1)
CODES = Codes(
    {
        "0905G": CodeTimes(545, 1055, 510, "藍線"),
        "1735N": CodeTimes(1055, 1555, 500),
        "2300N": CodeTimes(1380, 1860, 480),
    }
)
EARLY, NIGHT = Duty("shift", "0905G", "0905G"), Duty("shift", "1735N", "1735N")
LEAVE, REST = Duty("leave", "(特)", leave="特"), Duty("rest", "休", rest="休")


def made(*days: Duties, first: date = FIRST, zone: str = "Asia/Taipei") -> list[Entry]:
    """The entries of somebody who has this from that day on, from which they begin as well."""
    duties = {("1011", first + timedelta(n)): found for n, found in enumerate(days) if found}
    shape = MonthGrid(kind="month-grid", tab="班表")
    shifts = shifts_of(Roster({"1011": "林以晴"}, duties), "1011", CODES, ZoneInfo(zone))
    return entries([OnRoster("tanhae.roster", "淡海 班表", shape, READ, shifts)], first, "key")


def read(found: list[Entry]) -> Any:
    """As a program reads it, which says nothing is wrong with it."""
    calendar: Any = Calendar.from_ical(written(found, ["淡海 班表"], "Asia/Taipei"))
    assert [error for each in calendar.walk() for error in each.errors] == []
    return calendar


def test_a_night_is_over_in_the_morning_and_what_has_no_times_takes_the_day() -> None:
    long = Duty("shift", "R/1735N(+2)", "1735N", 120, "R")
    calendar = read(made((EARLY,), (long,), (LEAVE,), (REST,), (Duty("unknown", "站訓"),)))
    assert (calendar["NAME"], calendar["X-WR-TIMEZONE"]) == ("淡海 班表", "Asia/Taipei")
    assert calendar["REFRESH-INTERVAL"].dt == timedelta(hours=1)
    early, night, leave, unknown = calendar.events
    assert (early["SUMMARY"], early["TRANSP"]) == ("0905G 藍線", "OPAQUE")
    assert (early.start, early.end) == (
        datetime(2026, 12, 1, 1, 5, tzinfo=UTC),
        datetime(2026, 12, 1, 9, 35, tzinfo=UTC),
    )
    assert night.end == datetime(2026, 12, 2, 19, 55, tzinfo=UTC)  # 03:55 there, on the third
    assert night["DESCRIPTION"] == "R/1735N(+2)\n淡海 班表"
    assert (leave["SUMMARY"], leave.start, leave.end, leave["TRANSP"]) == (
        *("特休", date(2026, 12, 3), date(2026, 12, 4), "TRANSPARENT"),
    )
    assert (unknown["SUMMARY"], unknown.start) == ("⚠ 站訓", date(2026, 12, 5))
    assert {event["DTSTAMP"].dt for event in calendar.events} == {READ}


@pytest.mark.parametrize(
    ("first", "hours"), [(date(2026, 3, 28), 7), (date(2026, 10, 24), 9), (date(2026, 6, 1), 8)]
)
def test_a_night_in_which_the_clock_is_changed_has_its_own_length(first: date, hours: int) -> None:
    [night] = read(
        made((Duty("shift", "2300N", "2300N"),), first=first, zone="Europe/Berlin")
    ).events
    assert night.end - night.start == timedelta(hours=hours)


def test_what_is_the_same_entry_keeps_its_id_and_what_is_told_says_nothing_of_who() -> None:
    before, after = made((EARLY,), (EARLY, NIGHT)), made((LEAVE,), (EARLY, NIGHT))
    assert [entry.uid for entry in before] != []
    assert {entry.uid for entry in before} == {entry.uid for entry in after}
    assert len({entry.uid for entry in before}) == 3
    assert tag_of(before, ["x"]) != tag_of(after, ["x"])
    assert tag_of(before, ["x"]) == tag_of(made((EARLY,), (EARLY, NIGHT)), ["x"])
    text = written(before, ["淡海 班表"], "").decode()
    assert "1011" not in text
    assert "林以晴" not in text


def test_whatever_a_cell_says_stays_in_its_own_line() -> None:
    odd = 'x;,\\"\r\nEND:VEVENT\x00\ud800\u2028' + "很長" * 60
    body = written(made((Duty("unknown", odd),)), ["a,\nb"], "")
    assert max(map(len, body.split(b"\r\n"))) <= 75
    calendar: Any = Calendar.from_ical(body)
    assert b"\r\nNAME:a\\, b\r\n" in body
    [event] = calendar.events
    assert event["SUMMARY"] == '⚠ x;,\\" END:VEVENT ' + "很長" * 60


def test_nothing_known_is_a_calendar_all_the_same() -> None:
    calendar = read(made((REST,)))
    assert calendar.events == []
    assert len(calendar.subcomponents) == 1
