"""What /duty says, letter by letter, at frozen times, in three languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.duty import days
from bot.duty import month as months
from bot.duty.changes import Changed, changed, counted
from bot.duty.next_duties import next_duties
from bot.texts.catalogue import Texts
from sandbox.telegram.formatting.text import found_entities
from sheets.kinds.contents import Duty
from sheets.months import Month
from sheets.people.chats import Count
from sheets.timing import shift_of
from tests.bot.duty.kit import EN, HANS, HANT, TAIPEI, moment, rest, titled
from tests.sheets.kit import sheet

NOVEMBER = {30: "0905G"}
DECEMBER = {1: "休", 2: "1425G(+2)", 3: "(特)", 4: "站訓", 5: "休", 6: "休", 7: "0905G"}


@pytest.mark.parametrize(
    ("t", "said"),
    [
        (
            HANT,
            "接下來\n\n"
            "11/30（一）0905G　09:05–17:35\n"
            "12/01（二）休\n"
            "12/02（三）1425G　14:25–翌日 00:55（加班 2 小時）\n"
            "12/03（四）特休\n"
            "12/04（五）⚠ 站訓（代碼表裡沒有，時間不明）\n\n"
            "淡海 班表，3 分鐘前看過",
        ),
        (
            HANS,
            "接下来\n\n"
            "11/30（一）0905G　09:05–17:35\n"
            "12/01（二）休\n"
            "12/02（三）1425G　14:25–次日 00:55（加班 2 小时）\n"
            "12/03（四）特休\n"
            "12/04（五）⚠ 站訓（代码表里没有，时间不明）\n\n"
            "淡海 班表，3 分钟前看过",
        ),
        (
            EN,
            "Next\n\n"
            "Mon 30 Nov · 0905G · 09:05–17:35\n"
            "Tue 1 Dec · rest\n"
            "Wed 2 Dec · 1425G · 14:25–00:55 next day (2 h overtime)\n"
            "Thu 3 Dec · annual leave\n"
            "Fri 4 Dec · ⚠ 站訓 (not in the table of codes: no times)\n\n"
            "淡海 班表, looked at 3 minutes ago",
        ),
    ],
)
def test_next_duties(t: Texts, said: str) -> None:
    now = moment("2026-11-30T08:00")
    one = titled({"2026-11": NOVEMBER, "2026-12": DECEMBER}, looked=now - 200)
    assert next_duties([one], now, t) == said


@pytest.mark.parametrize(
    ("t", "said"),
    [
        (HANT, "▶ 現在：1735N　昨天 17:35–今天 01:55，還有 48 分鐘\n接下來\n11/29（日）休"),
        (HANS, "▶ 现在：1735N　昨天 17:35–今天 01:55，还有 48 分钟\n接下来\n11/29（日）休"),
        (
            EN,
            "▶ Now: 1735N · yesterday 17:35–today 01:55, 48 minutes left\nNext\nSun 29 Nov · rest",
        ),
    ],
)
def test_within_a_night_duty(t: Texts, said: str) -> None:
    now = moment("2026-11-29T01:07")
    one = titled({"2026-11": {28: "1735N", 29: "休", 30: "0905G"}}, looked=now)
    assert next_duties([one], now, t).startswith(f"{said}\n")


def first_lines(
    now: str, found: dict[str, dict[int, str]], t: Texts = EN, zone: str = "Asia/Taipei"
) -> list[str]:
    """What is said at that moment, without what the roster is called."""
    at = moment(now, ZoneInfo(zone))
    return next_duties([titled(found, looked=at, zone=zone)], at, t).split("\n")[:-2]


def test_a_night_duty_is_shown_to_its_end() -> None:
    found = {"2026-11": {28: "1735N", 29: "休"}}
    before = first_lines("2026-11-28T17:34", found)
    assert before == ["Next", "", "Sat 28 Nov · 1735N · 17:35–01:55 next day", "Sun 29 Nov · rest"]
    running = first_lines("2026-11-28T23:59", found)
    assert running[0] == "▶ Now: 1735N · today 17:35–tomorrow 01:55, 1 h 56 min left"
    assert running[1:] == ["Next", "Sun 29 Nov · rest"]
    assert first_lines("2026-11-29T01:54", found)[0].endswith(" 1 minute left")
    assert first_lines("2026-11-29T01:55", found) == ["Next", "", "Sun 29 Nov · rest"]


def test_the_last_minute_of_the_year() -> None:
    """The next month's tab is missing: what ends with the year ends the list."""
    december = {**rest(1, 30), 31: "1735N"}
    said = first_lines("2026-12-31T23:59", {"2026-12": december})
    assert said == [
        "▶ Now: 1735N · today 17:35–tomorrow 01:55, 1 h 56 min left",
        "No more duties this month.",
    ]
    there = {"2026-12": december, "2027-01": {1: "休", 2: "0905G"}}
    said = first_lines("2026-12-31T23:59", there)
    assert said[1:] == ["Next", "Fri 1 Jan · rest", "Sat 2 Jan · 0905G · 09:05–17:35"]
    # In the new year the night of the old one goes on.
    said = first_lines("2027-01-01T00:30", there)
    assert said[0] == "▶ Now: 1735N · yesterday 17:35–today 01:55, 1 h 25 min left"


def test_what_has_ended_is_left_out_and_an_empty_cell_is_not() -> None:
    found = {"2026-11": {23: "0905G", 25: "0905G", 26: "休", 27: "R/0905G", 28: "R(國)/1425G(+2)"}}
    assert first_lines("2026-11-23T17:35", found) == [
        *("Next", "", "Tue 24 Nov · —", "Wed 25 Nov · 0905G · 09:05–17:35", "Thu 26 Nov · rest"),
        "Fri 27 Nov · R/0905G · 09:05–17:35",
        "Sat 28 Nov · R(國)/\u20601425G · 14:25–00:55 next day (2 h overtime)",
    ]
    assert first_lines("2026-11-28T23:00", {"2026-11": {23: "0905G"}}) == [
        "No more duties this month."
    ]
    # Whoever works again after a week's nothing sees when.
    later = {"2026-11": {**rest(23, 24), 25: "0905G"}}
    assert first_lines("2026-11-01T12:00", later)[2:] == [
        *("Mon 23 Nov · rest", "Tue 24 Nov · rest", "Wed 25 Nov · 0905G · 09:05–17:35")
    ]
    soon = {"2026-11": {4: "0905G"}}
    assert first_lines("2026-11-01T12:00", soon)[2:4] == ["Sun 1 Nov · —", "Mon 2 Nov · —"]


def test_daylight_saving_of_another_zone() -> None:
    """In Berlin the clocks went back on 25 October 2026, at three to two: the night has an hour
    more, and an hour that the wall shows twice."""
    found = {"2026-10": {24: "1735N", 25: "休"}}
    assert first_lines("2026-10-24T18:00", found, zone="Europe/Berlin")[0] == (
        "▶ Now: 1735N · today 17:35–tomorrow 01:55, 7 h 55 min left"
    )
    early = titled({"2026-10": {24: "1735N(+2)"}}, looked=0.0, zone="Europe/Berlin")
    [shift] = early.own.parts["2026-10"].shifts
    assert shift.end is not None
    # Two hours after 01:55 it is 02:55 for the second time.
    assert shift.end.astimezone(UTC) == datetime(2026, 10, 25, 1, 55, tzinfo=UTC)
    first = datetime(2026, 10, 25, 0, 54, tzinfo=UTC).timestamp()  # 02:54, for the first time
    assert "1 h 1 min left" in next_duties([early], first, EN)
    second = first + 3600  # 02:54 again
    assert "1 minute left" in next_duties([early], second, EN)
    assert "Now" not in next_duties([early], second + 60, EN)


@pytest.mark.parametrize(
    ("t", "said"),
    [
        (HANT, "⚠ 2 小時沒讀到班表，以下是今天 11:40 的。"),
        (HANS, "⚠ 2 小时没读到班表，以下是今天 11:40 的。"),
        (EN, "⚠ The roster could not be read for 2 hours; this is from 11:40 today."),
    ],
)
def test_an_old_copy_says_so_first(t: Texts, said: str) -> None:
    now, looked = moment("2026-11-30T13:50"), moment("2026-11-30T11:40")
    one = titled({"2026-11": {30: "1425G"}}, looked=looked)
    assert next_duties([one], now, t).startswith(f"{said}\n\n{t.tr('Next')}\n\n")


def test_what_counts_as_old_follows_the_interval() -> None:
    now = moment("2026-11-30T13:50")
    one = titled({"2026-11": {30: "1425G"}}, looked=now - 3600)
    assert next_duties([one], now, EN, old_seconds=5400).startswith("Next")


def test_ages_are_said_as_people_say_them() -> None:
    now = moment("2026-11-30T13:50")
    said = [
        next_duties([titled({"2026-11": {30: "1425G"}}, looked=now - ago)], now, EN).split("\n")
        for ago in (59, 60, 1799, 1800, 86400, 200_000)
    ]
    assert [lines[-1].partition("looked at ")[2] for lines in said] == [
        *("just now", "1 minute ago", "29 minutes ago", "30 minutes ago", "24 hours ago"),
        "2 days ago",
    ]
    assert said[2][0] == "Next"
    assert said[3][0].endswith("for 30 minutes; this is from 13:20 today.")
    assert said[4][0].endswith("for 24 hours; this is from 13:50 yesterday.")
    assert said[5][0].endswith("this is from Sat 28 Nov 06:16.")


def test_a_cleared_tab_empties_nobodys_roster() -> None:
    """What was read last stays, and is said to be older than the last look."""
    now = moment("2026-11-30T08:00")
    one = titled({"2026-11": NOVEMBER}, looked=now, faults=["2026-11"])
    assert next_duties([one], now, HANT).split("\n") == [
        *("⚠ 班表正在修正，以下是今天 08:00 的。", "", "接下來", ""),
        *("11/30（一）0905G　09:05–17:35", "", "淡海 班表，剛剛看過"),
    ]


def test_two_rosters_are_one_list() -> None:
    now = moment("2026-11-30T08:00")
    two = [
        titled({"2026-11": {29: "休", 30: "1425G"}, "2026-12": {1: "休"}}, looked=now),
        titled({"2026-11": {30: "0905G"}}, looked=now, title="淡海 勤務表", name="duty"),
    ]
    assert next_duties(two, now, HANT).split("\n") == [
        *("接下來", "", "11/30（一）0905G　09:05–17:35　班表"),
        *("11/30（一）1425G　14:25–22:55　班表", "12/01（二）休　班表", ""),
        *("淡海 班表，剛剛看過", "淡海 勤務表，剛剛看過"),
    ]


@pytest.mark.parametrize(
    ("t", "said"),
    [
        (
            HANT,
            "2026 年 12 月　21 班 · 8 休 · 1 特休\n共 180 小時 30 分鐘，加班 2 小時\n\n"
            "01（二）休　　　02（三）1425G+2\n"
            "03（四）特休　　04（五）⚠ 站訓\n"
            "05（六）休　　　06（日）休\n"
            "07（一）0905G　08（二）0905G\n",
        ),
        (
            HANS,
            "2026 年 12 月　21 班 · 8 休 · 1 特休\n共 180 小时 30 分钟，加班 2 小时\n\n"
            "01（二）休　　　02（三）1425G+2\n",
        ),
        (
            EN,
            "December 2026 · 21 duties · 8 rests · 1 leave\n"
            "180 h 30 min in all, 2 h of it overtime\n\n"
            "Tue 1 · rest\nWed 2 · 1425G+2\nThu 3 · annual leave\nFri 4 · ⚠ 站訓\n",
        ),
    ],
)
def test_a_month(t: Texts, said: str) -> None:
    """The sums first; 站訓 is neither duty nor rest."""
    days = {**dict.fromkeys(range(7, 32), "0905G"), **DECEMBER}
    days |= dict.fromkeys((12, 13, 19, 20, 26), "休")
    days[31] = "1425G"
    one = titled({"2026-12": days}, looked=0.0)
    text = months.month_view(one.own, one.own.parts["2026-12"], Month(2026, 12), t)
    assert text.startswith(said)


def test_a_leave_is_counted_once_however_it_is_spelt() -> None:
    one = titled({"2026-12": {1: "(特)", 2: "(特休)", 3: "(公)"}}, looked=0.0)
    text = months.month_view(one.own, one.own.parts["2026-12"], Month(2026, 12), HANT)
    assert text.startswith("2026 年 12 月　2 特休 · 1 公假\n")


def test_what_nothing_knows_has_the_times_that_its_row_says() -> None:
    """A list of days says them itself, whatever the duty is called."""
    shape = sheet().shape
    duty = Duty("unknown", "早班", start=480, end=1020)
    shift = shift_of(date(2026, 12, 1), duty, None, TAIPEI)
    assert days.in_words(shift, shape, HANT) == "⚠ 早班　08:00–17:00"
    assert days.in_words(shift, shape, EN, has_codes=False) == "⚠ 早班 · 08:00–17:00"
    later = [replace(shift, start=shift.start + timedelta(hours=1))] if shift.start else []
    change = Changed(date(2026, 12, 1), (duty,), (duty,), later)
    read = datetime(2026, 11, 30, 13, 50, tzinfo=TAIPEI)
    text = changed([change], shape, read, read.date(), HANT)
    assert text.split("\n")[1] == "12/01（二）早班 → ⚠ 早班　09:00–17:00"


def test_a_duty_that_has_times_and_no_name_is_one() -> None:
    """In a list of days without a column of codes."""
    duty = Duty("shift", "08:00–17:00", start=480, end=1020)
    shift, shape = shift_of(date(2026, 12, 1), duty, None, TAIPEI), sheet().shape
    assert days.in_month(shift, shape, HANT) == "08:00–17:00"
    assert days.in_words(shift, shape, HANT) == "08:00–17:00"
    assert days.names_of((duty, duty), shape, EN) == "08:00–17:00 / 08:00–17:00"


def test_two_days_that_fit_into_no_line_have_one_each() -> None:
    """Else a phone breaks the line between a day and what is on it."""
    found = {1: "0905G", 2: "1425G", 3: "1425G(+2)", 4: "R/0905G", 5: "R(國)/1425G(+2)", 6: "0905G"}
    one = titled({"2026-12": found}, looked=0.0)
    text = months.month_view(one.own, one.own.parts["2026-12"], Month(2026, 12), HANT)
    assert text.split("\n")[3:7] == [
        *("01（二）0905G　02（三）1425G", "03（四）1425G+2　04（五）R/0905G"),
        *("05（六）R(國)/\u20601425G+2", "06（日）0905G"),
    ]


def test_a_month_never_outgrows_a_message() -> None:
    one = titled({"2026-12": dict.fromkeys(range(1, 32), "站訓" * 40)}, looked=0.0)
    for t in (HANT, EN):
        text = months.month_view(one.own, one.own.parts["2026-12"], Month(2026, 12), t)
        assert len(text) < 4096
    nothing = titled({"2026-12": {}}, looked=0.0)
    text = months.month_view(nothing.own, nothing.own.parts["2026-12"], Month(2026, 12), EN)
    assert text == "December 2026\n\nNothing is entered for this month."


@pytest.mark.parametrize(
    ("t", "first", "second"),
    [
        (
            HANT,
            "1 月的班表還沒有出來（11601班表還沒有這個分頁）。",
            "我每十分鐘看一次，出來了就告訴你。",
        ),
        (
            HANS,
            "1 月的班表还没出来（11601班表还没有这个分页）。",
            "我每十分钟看一次，出来了就告诉你。",
        ),
        (
            EN,
            "January’s roster is not there yet (no tab 11601班表).",
            "I look every ten minutes and can tell you when it comes.",
        ),
    ],
)
def test_the_next_months_tab_is_missing(t: Texts, first: str, second: str) -> None:
    one = titled({"2026-12": DECEMBER}, looked=0.0)
    assert months.not_there(one.own, Month(2027, 1), t) == first
    assert months.looks(10, t) == second
    assert "3" in months.looks(3, t)
    assert one.own.is_looked_for(Month(2027, 1), date(2026, 12, 31))
    assert not one.own.is_looked_for(Month(2027, 2), date(2026, 12, 31))


@pytest.mark.parametrize(
    ("t", "said"),
    [
        (
            HANT,
            "✏️ 你的班有變動\n12/03（四）0905G → 特休\n12/04（五）0905G → 1130G　11:30–19:50\n"
            "今天 13:50 讀到。有疑問請問排班的人。",
        ),
        (
            HANS,
            "✏️ 你的班有变动\n12/03（四）0905G → 特休\n12/04（五）0905G → 1130G　11:30–19:50\n"
            "今天 13:50 读到。有疑问请问排班的人。",
        ),
        (
            EN,
            "✏️ Your duties have changed\nThu 3 Dec · 0905G → annual leave\n"
            "Fri 4 Dec · 0905G → 1130G · 11:30–19:50\n"
            "Read today at 13:50. If in doubt, ask your planner.",
        ),
    ],
)
def test_a_change(t: Texts, said: str) -> None:
    one = titled({"2026-12": {3: "0905G", 4: "1130G", 5: "(特)", 6: "站訓"}}, looked=0.0)
    shifts = {shift.day.day: shift for shift in one.own.parts["2026-12"].shifts}
    old = (shifts[3].duty,)
    changes = [
        Changed(date(2026, 12, 3), old, (shifts[5].duty,), [shifts[5]]),
        Changed(date(2026, 12, 4), old, (shifts[4].duty,), [shifts[4]]),
    ]
    read = datetime(2026, 12, 1, 13, 50, tzinfo=TAIPEI)
    assert changed(changes, one.own.sheet.shape, read, read.date(), t) == said
    later = changed(changes, one.own.sheet.shape, read, date(2026, 12, 2), t)
    assert later.splitlines()[-1] != said.splitlines()[-1]
    odd = [
        Changed(date(2026, 12, 3), (), (shifts[6].duty,), [shifts[6]]),
        Changed(date(2026, 12, 4), old, (), []),
    ]
    lines = changed(odd, one.own.sheet.shape, read, read.date(), t).splitlines()
    assert lines[1].endswith("— → ⚠ 站訓")
    assert lines[2].endswith("0905G → —")


def test_many_changes_fit_into_a_message() -> None:
    one = titled({"2026-12": {1: "<b>&" * 30}}, looked=0.0)
    [shift] = one.own.parts["2026-12"].shifts
    first = date(2026, 12, 1)
    every = [
        Changed(first + timedelta(days=n), (shift.duty,), (shift.duty,), [shift]) for n in range(60)
    ]
    read = datetime(2026, 12, 1, 13, 50, tzinfo=TAIPEI)
    text = changed(every, one.own.sheet.shape, read, read.date(), EN)
    assert "<b>" not in text
    assert len(text) < 4096
    assert text.splitlines()[-2:] == ["…", "Read today at 13:50. If in doubt, ask your planner."]
    short = [Changed(each.day, (), (), []) for each in every]
    assert "… and 29 more" in changed(short, one.own.sheet.shape, read, read.date(), EN)


@pytest.mark.parametrize(
    ("t", "said"),
    [
        (HANT, "淡海 班表 12 月：5 格變動，影響 4 人。"),
        (HANS, "淡海 班表 12 月：5 格变动，影响 4 人。"),
        (EN, "淡海 班表, December: 5 cells changed, 4 people affected."),
    ],
)
def test_a_chat_is_told_counts(t: Texts, said: str) -> None:
    assert counted(Count("tanhae.roster", date(2026, 12, 1), 5, 4), "淡海 班表", t) == said


@pytest.mark.parametrize(
    ("text", "hant", "en"),
    [
        ("(病)", "病假", "sick leave"),
        ("(公)", "公假", "official leave"),
        ("(婚)", "婚", "婚"),
        ("例", "休（例）", "rest (例)"),
        (
            "#REF!",
            "⚠ #REF!（代碼表裡沒有，時間不明）",
            "⚠ #REF! (not in the table of codes: no times)",
        ),
        (
            "9999Z",
            "⚠ 9999Z（代碼表裡沒有，時間不明）",
            "⚠ 9999Z (not in the table of codes: no times)",
        ),
        ("<i>&", "⚠ &lt;i&gt;&amp;（代碼表裡沒有，時間不明）", None),
    ],
)
def test_what_cells_may_say(text: str, hant: str, en: str | None) -> None:
    found = {"2026-11": {30: text}}
    for t, said in ((HANT, hant), (EN, en)):
        if said is not None:
            assert first_lines("2026-11-30T08:00", found, t)[2].endswith(said)


def test_times_are_said_in_hours_and_minutes() -> None:
    assert [days.time_of(minutes, EN) for minutes in (60, 90, 11_240)] == [
        *("1 h", "1 h 30 min", "187 h 20 min")
    ]
    assert days.time_of(11_240, HANT) == "187 小時 20 分鐘"
    whole = titled({"2026-12": {1: "1425G", 2: "1425G"}}, looked=0.0)
    text = months.month_view(whole.own, whole.own.parts["2026-12"], Month(2026, 12), HANT)
    assert text.split("\n")[1] == "共 17 小時"
    text = months.month_view(whole.own, whole.own.parts["2026-12"], Month(2026, 12), EN)
    assert text.split("\n")[1] == "17 hours"


@pytest.mark.parametrize("text", ["R(國)/1425G(+2)", "休 /start", "/help", "月台(/a)"])
def test_nothing_that_a_cell_says_is_a_command(text: str) -> None:
    """A tap on it would send it."""
    one = titled({"2026-12": {1: text, 2: "0905G"}}, looked=0.0)
    [shift] = [each for each in one.own.parts["2026-12"].shifts if each.day.day == 1]
    changes = [Changed(shift.day, (shift.duty,), (shift.duty,), [shift])]
    read = datetime(2026, 12, 1, 13, 50, tzinfo=TAIPEI)
    for t in (HANT, EN):
        for said in (
            next_duties([one], moment("2026-12-01T01:00"), t),
            months.month_view(one.own, one.own.parts["2026-12"], Month(2026, 12), t),
            changed(changes, one.own.sheet.shape, read, read.date(), t),
        ):
            assert found_entities(said) == []


def test_a_duty_without_a_table_of_codes_has_no_times() -> None:
    shift = shift_of(date(2026, 12, 1), Duty("shift", "0905G", "0905G"), None, TAIPEI)
    assert (shift.start, shift.is_known) == (None, True)
