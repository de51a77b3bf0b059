"""A number that is given to somebody else: whoever had it sees nothing of the new person's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from sandbox.clients.person import Person
from security.credential import Owner
from sheets.people.kinds import ASKS, NOTICES
from tests.bot.duty.conftest import CHEN, ROOT, Depot, StartDepot
from tests.bot.duty.test_duty import buttons, forged
from tests.bot.duty.test_telling import CHANGED, change, times_told, wants_changes

People = Callable[..., Person]
pytestmark = pytest.mark.encryption("on")
ANN = Owner.user(501)
PAUSED = "⚠ A1001 does not have the name there with which it was confirmed to be you"
ASKED = "Ann is linked to A1001 of 淡海. It does not have the name any more that was confirmed. "


async def called(depot: Depot, name: str, number: str = "A1001") -> None:
    """The planner writes another name beside a number; it is read, and the job has run."""
    depot.planner.people[number] = name
    await depot.planner.write()
    await depot.look()
    await depot.tell()


async def linked(depot: Depot, people: People) -> tuple[Person, Person]:
    """Ann, as administrators have confirmed it in the chat, and one of them."""
    ann, root = people(501, "Ann"), people(ROOT, "Root")
    await root.start()
    await ann.send("/duty A1001")
    await root.tap("Yes, link", await root.wait_for("says they are A1001"))
    await ann.wait_for("you are A1001 on the roster of 淡海.")
    return ann, root


async def test_another_persons_duties_are_not_shown_until_an_administrator_says_so(
    depot: Depot, people: People
) -> None:
    ann, root = await linked(depot, people)
    chen = people(CHEN, "Chen")
    await chen.start()
    await ann.send("/duty")
    before = await ann.wait_for("looked at")
    depot.planner.put("A1001", 0, "1130G")
    await called(depot, "陳大文")
    told = await ann.wait_for("⚠ On the roster of 淡海, A1001 does not have the name any more")
    assert "Administrators are asked whether it still is" in told.text
    asked = await root.wait_for(ASKED)
    assert asked.text.splitlines() == [
        f"{ASKED}On the roster A1001 is “陳大文”.",
        "Is that still them? Until a yes they see nothing of it; a no ends it.",
    ]
    assert buttons(asked) == [["Yes, link", "No"]]
    await ann.send("/duty")
    assert "1130G" not in (await ann.wait_for(PAUSED)).text
    await ann.tap("This month", before)
    assert buttons(await ann.wait_for(lambda m: m.id == before.id and PAUSED in m.text)) == [
        ["Next"]
    ]
    await depot.tell()  # asked once
    assert len(depot.sheets.people.asks.open()) == 1
    await root.tap("Yes, link", asked)
    await root.wait_for("✅ Linked by Root, ")
    await chen.wait_for("✅ Linked by Root, ")
    await ann.send("/duty")
    await ann.wait_for(lambda m: "1130G" in m.text and "looked at" in m.text)
    await called(depot, "王小明")  # what was confirmed before stays so
    assert depot.sheets.people.asks.open() == []
    for secret in ("A1001", "王小明", "陳大文"):
        assert secret not in depot.log()
        assert secret not in depot.bot.stored_text()


async def test_a_no_ends_the_link_and_its_calendar(depot: Depot, people: People) -> None:
    ann, root = await linked(depot, people)
    depot.sheets.people.calendars.issue(ANN)
    await called(depot, "陳大文")
    await root.tap("No", await root.wait_for(ASKED))
    await ann.wait_for("An administrator has not confirmed that you are A1001.")
    await ann.send("/duty")
    await ann.wait_for("I do not know yet who you are on the roster.")
    assert depot.sheets.people.links.of(ANN) == []
    assert depot.bot.actions()[-3:] == ["roster_refused", "roster_unlinked", "calendar_revoked"]


async def test_no_change_of_somebody_elses_is_told(depot: Depot, people: People) -> None:
    """Neither what is in the way already, nor what comes."""
    ann = people(501, "Ann")
    await wants_changes(depot, ann)
    await depot.tell()
    await change(depot, 0, "(特)")
    await asyncio.sleep(0.15)
    await depot.tell()
    await ann.wait_for(CHANGED)
    depot.planner.people["A1001"] = "陳大文"
    await change(depot, 0, "1130G")
    await asyncio.sleep(0.15)
    await depot.tell()
    assert times_told(ann) == 1
    assert depot.bot.services.core.storage.names(NOTICES) == []


async def test_the_same_name_in_another_spelling_is_no_other(depot: Depot, people: People) -> None:
    """A link of before names were kept learns the name at the next look."""
    ann = people(501, "Ann")
    await ann.start()
    await called(depot, "Wang Xiaoming")
    depot.link(ann)
    assert depot.sheets.people.links.of(ANN)[0].names == ()
    await depot.tell()
    assert len(depot.sheets.people.links.of(ANN)[0].names) == 1
    for name in ("ＷＡＮＧ　xiaoming", "wangxiaoming "):
        await called(depot, name)
    assert depot.bot.services.core.storage.names(ASKS, f"{ANN.stem}.") != []
    assert depot.sheets.people.asks.open() == []
    await ann.send("/duty")
    await ann.wait_for("looked at")


async def test_a_number_without_a_name_is_nobodys_until_an_administrator_says_so(
    depot: Depot, people: People
) -> None:
    """It was given away, and the name is filled in later. What was confirmed of none counts only as
    long as there is none."""
    ann, root = await linked(depot, people)
    depot.planner.put("A1001", 0, "1130G")
    await called(depot, "")
    asked = await root.wait_for(ASKED)
    assert "On the roster A1001 has no name." in asked.text
    await ann.send("/duty")
    assert "1130G" not in (await ann.wait_for(PAUSED)).text
    await root.tap("Yes, link", asked)
    await ann.wait_for("you are A1001 on the roster of 淡海.")
    await ann.send("/duty")
    await ann.wait_for(lambda m: "1130G" in m.text and "looked at" in m.text)
    await called(depot, "王小明")
    assert depot.sheets.people.asks.open() == []
    await called(depot, "")
    assert len(depot.sheets.people.asks.open()) == 1


async def test_a_roster_in_which_nobody_has_a_name_says_nothing_against_it(
    depot: Depot, people: People
) -> None:
    ann, _ = await linked(depot, people)
    depot.planner.people["A1002"] = ""
    await called(depot, "")
    assert depot.sheets.people.asks.open() == []
    await ann.send("/duty")
    await ann.wait_for("looked at")


async def months_differ(depot: Depot, people: People) -> tuple[Person, Person, str]:
    """Ann is who has her number next month; in this one it has another name."""
    planner = depot.planner
    planner.months, planner.renamed[0, "A1001"] = (0, 1), "王小名"
    planner.put("A1001", 0, "1130G")
    await planner.write()
    await depot.look()
    ann, root = await linked(depot, people)
    await depot.tell()
    return ann, root, f"{planner.today:%B}"


async def test_a_month_with_another_name_than_the_newest_is_asked_about(
    depot: Depot, people: People
) -> None:
    ann, root, month = await months_differ(depot, people)
    await ann.wait_for(f"A1001 does not have the name in {month} ")
    asked = await root.wait_for(f"In {month} ")
    assert asked.text.splitlines() == [
        f"Ann is linked to A1001 of 淡海. In {month} it does not have the name that was confirmed. "
        "On the roster A1001 is “王小名”.",
        "Is that them? Only after a yes they see that month; a no ends no link.",
    ]
    await ann.send("/duty")
    shown = await ann.wait_for(lambda m: "so I do not show that month" in m.text)
    assert f"⚠ A1001 does not have the name in {month} " in shown.text
    assert "1130G" not in shown.text
    await root.tap("Yes, link", asked)
    await ann.wait_for("you are A1001 on the roster of 淡海.")
    await ann.send("/duty")
    await ann.wait_for(lambda m: "1130G" in m.text and "⚠" not in m.text)


async def test_a_month_of_somebody_elses_ends_no_link(depot: Depot, people: People) -> None:
    ann, root, month = await months_differ(depot, people)
    asked = await root.wait_for(f"In {month} ")
    await root.tap("No", asked)
    await ann.wait_for(f"has not confirmed that A1001 is you in {month}: I do not show that month.")
    await root.wait_for("✖️ That month is not shown to them: Root, ")
    assert len(depot.sheets.people.links.of(ANN)) == 1
    await depot.tell()
    assert depot.sheets.people.asks.open() == []
    await ann.send("/duty")
    shown = await ann.wait_for(lambda m: "so I do not show that month" in m.text)
    assert "1130G" not in shown.text


async def test_nothing_is_told_of_what_stood_there_under_another_name(
    depot: Depot, people: People
) -> None:
    """The name is put right, and the day in the same look."""
    ann = people(501, "Ann")
    await wants_changes(depot, ann)
    await depot.tell()
    depot.planner.put("A1001", 0, "1130G")
    await called(depot, "陳大文")
    depot.planner.people["A1001"] = "王小明"
    await change(depot, 0, "(特)")
    await asyncio.sleep(0.15)
    await depot.tell()
    assert depot.sheets.people.asks.open() == []
    assert times_told(ann) == 0


async def test_what_has_settled_itself_is_asked_no_more(depot: Depot, people: People) -> None:
    ann, root = await linked(depot, people)
    await called(depot, "陳大文")
    first = await root.wait_for(ASKED)
    await called(depot, "林大文")
    second = await root.wait_for("“林大文”")
    assert len(depot.sheets.people.asks.open()) == 1
    await root.tap("Yes, link", first)  # of a name that is there no more
    await root.wait_for("That is over")
    depot.planner.people["A1001"] = "王小明"
    await depot.planner.write()
    await depot.look()
    await root.tap("No", second)  # that was about the other name
    again = await root.wait_for(lambda m: m.id == second.id and "“王小明”" in m.text)
    await depot.tell()
    assert depot.sheets.people.asks.open() == []
    await root.tap("No", again)
    await root.wait_for(lambda m: m.id == second.id and "That is over" in m.text)
    await ann.send("/duty")
    await ann.wait_for("looked at")


async def test_who_is_an_administrator_no_more_sees_no_name_of_now(
    start_depot: StartDepot, people: People
) -> None:
    ann, root, chen = people(501, "Ann"), people(ROOT, "Root"), people(CHEN, "Chen")
    async with start_depot():
        await root.start()
        await chen.start()
        await ann.send("/duty A1001")
        asked = await root.wait_for("“王小明”")
        await chen.wait_for("“王小明”")
    async with start_depot(ADMIN_USER_IDS=str(ROOT)) as depot:
        await called(depot, "陳大文")
        await root.tap("Yes, link", asked)
        await root.tap("Yes, link", await root.wait_for("“陳大文”"))
        await ann.wait_for("you are A1001 on the roster of 淡海.")
    assert not any("陳大文" in message.text for message in chen.messages())


async def test_an_administrator_confirms_the_name_that_they_have_seen(
    depot: Depot, people: People
) -> None:
    ann, root = people(501, "Ann"), people(ROOT, "Root")
    await root.start()
    await ann.send("/duty A1001")
    asked = await root.wait_for("“王小明”")
    depot.planner.people["A1001"] = "陳大文"
    await depot.planner.write()
    await depot.look()
    await root.tap("Yes, link", asked)
    again = await root.wait_for("“陳大文”")
    assert again.id == asked.id
    assert depot.sheets.people.links.of(ANN) == []
    data = next(b.callback_data for b in again.buttons if b.text == "Yes, link") or ""
    await forged(depot, root, data.rpartition(":")[0])  # of before, without what was seen
    await root.wait_for("says they are A1001")
    assert depot.sheets.people.links.of(ANN) == []
    await root.tap("Yes, link", again)
    await ann.wait_for("you are A1001 on the roster of 淡海.")
