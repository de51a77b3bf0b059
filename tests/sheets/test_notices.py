"""Who is told of what, and when."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sheets.kinds.contents import Duty, Roster
from sheets.versions.difference import RosterDifference, difference
from sheets.versions.notices import Event, events_of, net, tell

TAIPEI = ZoneInfo("Asia/Taipei")
NOON = datetime(2025, 12, 3, 12, tzinfo=TAIPEI)


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def duties(text: str) -> tuple[Duty, ...]:
    return (Duty("shift", text),) if text else ()


def change(old: str, new: str, at: datetime = NOON, person: str = "A1", day: int = 12) -> Event:
    return Event(person, date(2025, 12, day), duties(old), duties(new), at)


def said(events: list[Event], now: datetime) -> list[tuple[str, list[tuple[int, str, str]]]]:
    """Who is told what at that moment."""

    def shown(found: tuple[Duty, ...]) -> str:
        return "".join(each.text for each in found)

    return [
        (each.person, [(e.day.day, shown(e.old), shown(e.new)) for e in each.changes])
        for each in tell(events, now).notices
    ]


def test_a_change_is_told_after_five_minutes() -> None:
    events = [change("0905G", "(特)")]
    early = tell(events, NOON + minutes(4.9))
    assert (early.notices, early.waiting, early.again_at) == ((), (*events,), NOON + minutes(5))
    assert said(events, NOON + minutes(5)) == [("A1", [(12, "0905G", "(特)")])]
    late = tell(events, NOON + minutes(5))
    assert (late.waiting, late.again_at) == ((), None)


def test_a_shorter_wait_can_be_wanted() -> None:
    events, window = [change("0905G", "(特)")], minutes(0.1)
    assert tell(events, NOON + minutes(0.09), window).again_at == NOON + window
    assert len(tell(events, NOON + window, window).notices) == 1
    moving = [*events, change("b", "c", NOON + minutes(0.25), day=13)]
    assert tell(moving, NOON + minutes(0.29), window).notices == ()
    assert len(tell(moving, NOON + minutes(0.3), window).notices) == 1


def test_a_change_that_was_taken_back_tells_nobody() -> None:
    events = [change("0905G", "(特)"), change("(特)", "0905G", NOON + minutes(4))]
    for after in (4, 5, 9, 30):
        telling = tell(events, NOON + minutes(after))
        assert (telling.notices, telling.waiting, telling.again_at) == ((), (), None)


def test_a_cell_that_is_still_being_changed_is_not_told() -> None:
    """Each has stood still for five minutes by then."""
    events = [change("a", "b"), change("b", "c", NOON + minutes(4))]
    assert said(events, NOON + minutes(8)) == []
    assert said(events, NOON + minutes(9)) == [("A1", [(12, "a", "c")])]


def test_changes_of_one_person_are_one_message_by_the_day() -> None:
    events = [change("a", "b", day=20), change("a", "c", NOON + minutes(3), day=13)]
    assert said(events, NOON + minutes(6)) == []
    assert said(events, NOON + minutes(8)) == [("A1", [(13, "a", "c"), (20, "a", "b")])]


def test_nobody_waits_for_ever_for_a_planner_who_does_not_stop() -> None:
    """After a quarter of an hour what stands still is told, and the rest later."""
    events = [change("a", "b", NOON + minutes(n), day=n + 1) for n in range(4, 30, 2)]
    first = tell(events, NOON + minutes(18.5))
    assert first.notices == ()
    told = tell(events[:8], NOON + minutes(19.5))
    assert [e.day.day for each in told.notices for e in each.changes] == [5, 7, 9, 11, 13, 15]
    assert [each.day.day for each in told.waiting] == [17, 19]
    assert told.again_at == NOON + minutes(21)


def test_one_person_does_not_wait_for_another() -> None:
    events = [change("a", "b"), change("a", "b", NOON + minutes(4), person="B2")]
    assert said(events, NOON + minutes(5)) == [("A1", [(12, "a", "b")])]


def test_the_night_is_quiet_until_seven() -> None:
    night = NOON.replace(hour=22, minute=10)
    events = [change("a", "b", night)]
    telling = tell(events, night + minutes(5))
    assert (telling.notices, telling.again_at) == ((), datetime(2025, 12, 4, 7, tzinfo=TAIPEI))
    assert said(events, datetime(2025, 12, 4, 6, 59, tzinfo=TAIPEI)) == []
    assert said(events, datetime(2025, 12, 4, 7, tzinfo=TAIPEI)) == [("A1", [(12, "a", "b")])]


def test_the_next_day_is_told_by_night_as_well() -> None:
    """And with it whatever else there is for that person."""
    night = NOON.replace(hour=23)
    for day, told in ((2, False), (3, True), (4, True), (5, False)):
        found = said([change("a", "b", night, day=day)], night + minutes(5))
        assert bool(found) == told
    both = [change("a", "b", night, day=4), change("a", "b", night, day=20)]
    assert said(both, night + minutes(5)) == [("A1", [(4, "a", "b"), (20, "a", "b")])]


def test_nobody_is_woken_at_midnight_for_the_day_after() -> None:
    night = NOON.replace(hour=23, minute=50)
    events = [change("a", "b", night, day=5)]
    assert said(events, datetime(2025, 12, 4, 0, 1, tzinfo=TAIPEI)) == []
    assert said(events, datetime(2025, 12, 4, 7, 0, tzinfo=TAIPEI)) != []


def test_a_cell_that_is_only_written_otherwise_is_no_change() -> None:
    """Other settings may understand the same text in another way."""
    known, unknown = (Duty("note", "站訓"),), (Duty("unknown", "站訓"),)
    assert net([Event("A1", date(2025, 12, 3), unknown, known, NOON)]) == []


def test_whoever_is_new_or_gone_is_not_told_day_by_day() -> None:
    first = date(2025, 12, 1)
    old = Roster({"A1": "", "A2": ""}, {("A1", first): duties("a"), ("A2", first): duties("a")})
    new = Roster({"A1": "", "A3": ""}, {("A1", first): duties("b"), ("A3", first): duties("a")})
    found = difference(old, new)
    assert isinstance(found, RosterDifference)
    assert [each.person for each in events_of(found, NOON)] == ["A1"]


def test_where_nobody_has_a_name_a_change_is_told_as_it_is_shown() -> None:
    """Names that all go, or all come, say of no number that it is another's (`Names.is_of`)."""

    def told(*names: dict[str, str]) -> list[str]:
        day = date(2025, 12, 1)
        old, new = (
            Roster(each, {(person, day): duties(text) for person in each})
            for each, text in zip(names, "ab", strict=True)
        )
        found = difference(old, new)
        assert isinstance(found, RosterDifference)
        return [each.person for each in events_of(found, NOON)]

    assert told({"A1": "王"}, {"A1": ""}) == told({"A1": ""}, {"A1": "王"}) == ["A1"]
    assert told({"A1": "王", "A2": "李"}, {"A1": "", "A2": ""}) == ["A1", "A2"]
    assert told({"A1": "王", "A2": "李"}, {"A1": "", "A2": "李"}) == ["A2"]
    assert told({"A1": "王"}, {"A1": "陳"}) == []
