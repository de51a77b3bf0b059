"""A person's calendar on the web: for whoever has its address, and as if it were not for others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from icalendar import Calendar

from security.credential import Owner
from sheets.people.asks import Decider
from sheets.people.calendars import address_of
from tests.service_accounts import ADDRESS
from tests.web.sheets_kit import NAMES, SPREADSHEET, SheetsWeb, month, tabs

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
ALICE = Owner.user(501)


@pytest.fixture
async def front(front: SheetsWeb) -> SheetsWeb:
    """The roster is of a month that no clock here has seen: sixty days after it all has gone."""
    front.title = "145年12月"
    await front.write()
    return front


async def calendar_of(front: SheetsWeb, number: str, language: str = "") -> tuple[str, str]:
    """An address of somebody's calendar who has this number; its path, and its id."""
    people, run = front.web.sheets.people, front.web.custody.workers.run
    ask, _ = await run(people.asks.ask, ALICE, number, "Alice")
    assert (
        await run(people.asks.confirm, ask.id, "tanhae", number, Decider(Owner.user(900), "陳"))
        is not None
    )
    issued = await run(people.calendars.issue, ALICE, language)
    return address_of("", issued.secret), issued.id


async def test_one_persons_duties_for_whoever_has_the_address_until_it_is_revoked(
    front: SheetsWeb,
) -> None:
    await front.write("1735N", "(特)", "R")
    await front.sync()
    path, id = await calendar_of(front, "1011")
    async with front.web.browser() as program:
        answer = await program.get(path)
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
        assert answer.headers["Cache-Control"] == "no-store"
        calendar: Any = Calendar.from_ical(answer.content)
        assert calendar["X-WR-CALNAME"] == "淡海 班表"
        night, leave, *others = calendar.events
        assert (night["SUMMARY"], night.end.isoformat()) == ("1735N", "2056-12-01T17:55:00+00:00")
        assert (leave["SUMMARY"], len(others)) == ("特休", 28)
        for name in (*NAMES, "1011"):
            assert name not in answer.text
        tag = {"If-None-Match": answer.headers["ETag"]}
        assert (await program.get(path, headers=tag)).status_code == 304
        head = await program.head(path)
        assert (head.status_code, head.content) == (200, b"")
        await front.write("1735N")
        await front.sync()
        assert (await program.get(path, headers=tag)).status_code == 200
        wrong = await program.get(f"/calendar/{'x' * 43}.ics")
        assert await front.web.custody.workers.run(
            front.web.sheets.people.calendars.revoke, ALICE, id
        )
        gone = await program.get(path)
        assert (gone.status_code, gone.content) == (404, wrong.content)
        short = await program.get(path.removesuffix(".ics"))
        assert (short.status_code, short.content) == (404, wrong.content)
    log, secret = front.web.log.getvalue(), path.partition("/calendar/")[2].removesuffix(".ics")
    assert secret not in log
    assert secret not in wrong.text + gone.text + short.text
    assert len(front.web.lines("access_denied")) == 3


@pytest.mark.parametrize(("language", "leave"), [("en", "annual leave"), ("zh_Hans", "特休")])
async def test_a_leave_is_named_as_its_reader_calls_it(
    front: SheetsWeb, language: str, leave: str
) -> None:
    """What the settings add to `(特)`; whatever else stands there is the planner's."""
    await front.write("(特)", "站訓")
    await front.sync()
    path, _ = await calendar_of(front, "1011", language)
    async with front.web.browser() as program:
        calendar: Any = Calendar.from_ical((await program.get(path)).content)
    assert [event["SUMMARY"] for event in calendar.events[:2]] == [leave, "⚠ 站訓"]


@pytest.mark.parametrize("number", ["1011", "1 011"])
async def test_nobody_reads_the_duties_of_whom_their_number_was_given_to(
    front: SheetsWeb, number: str
) -> None:
    """Nor of whoever has one that is alike, which /duty does not show either."""
    await front.sync()
    path, _ = await calendar_of(front, "1011")
    people, run = front.web.sheets.people, front.web.custody.workers.run
    await run(people.renaming.look)
    async with front.web.browser() as program:
        before = await program.get(path)
        rows = month(title=front.title)
        rows[2][:2] = [number, "陳大文" if number == "1011" else rows[2][1]]
        await front.google.act("sheet", id=SPREADSHEET, tabs=tabs(rows), shared=[ADDRESS])
        await front.sync()
        after = await program.get(path)
    assert before.text.count("BEGIN:VEVENT") == 31
    assert (after.status_code, after.text.count("BEGIN:VEVENT")) == (200, 0)


async def test_what_is_read_of_one_month_is_no_news_of_another(front: SheetsWeb) -> None:
    await front.write()
    await front.sync()
    path, _ = await calendar_of(front, "1011")
    await asyncio.sleep(1)  # versions are told apart by their seconds
    january: list[list[object]] = month(title="146年1月")
    await front.google.act("sheet", id=SPREADSHEET, tabs=tabs(january), shared=[ADDRESS])
    await front.sync()
    async with front.web.browser() as program:
        calendar: Any = Calendar.from_ical((await program.get(path)).content)
    read = {(event.start.month, event["LAST-MODIFIED"].dt) for event in calendar.events}
    (_, first), (_, later) = sorted(read, key=lambda one: one[1])
    assert (len(calendar.events), len(read)) == (62, 2)
    assert first < later


async def test_whoever_guesses_is_held_up_and_nobody_whose_calendar_is_known(
    front: SheetsWeb,
) -> None:
    """Providers of calendars ask for many people's from one address."""
    await front.sync()
    path, _ = await calendar_of(front, "1012")
    async with front.web.browser() as program:
        assert (await program.get(path)).status_code == 200
        guessed = await asyncio.gather(*(program.get(f"/calendar/{n:043}.ics") for n in range(20)))
        statuses = [one.status_code for one in guessed]
        assert set(statuses) == {404, 429}
        assert statuses.count(404) <= 20
        last = await program.get(f"/calendar/{'y' * 43}.ics")
        assert (last.status_code, "Retry-After" in last.headers) == (429, True)
        assert (await program.get(path)).status_code == 200
