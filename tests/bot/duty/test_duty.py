"""/duty in the chat: what one sees, and what nobody else does."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.group import Group
from sandbox.clients.messages import CallbackAnswer, Message
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from sandbox.server import Sandbox
from security.credential import Owner
from sheets.months import Month
from tests.bot.duty.conftest import CHEN, ROOT, Depot, Planner, StartDepot
from tests.bot.upkeep import logged
from tests.fixtures import StartBot
from tests.journeys import until_in_menu

People = Callable[..., Person]
pytestmark = pytest.mark.encryption("on")
BOT = "@drivekeeper_sandbox_bot"


def buttons(message: Message) -> list[list[str]]:
    """The labels, row by row."""
    rows: dict[int, list[str]] = {}
    for button in message.buttons:
        rows.setdefault(button.row, []).append(button.text)
    return [*rows.values()]


async def test_who_is_not_linked_is_told_how(depot: Depot, people: People) -> None:
    ann = people()
    await ann.send("/duty")
    said = await ann.wait_for("I do not know yet who you are on the roster.")
    assert said.text.splitlines()[1:] == [
        "Send your staff number with it, for example: /duty A1001",
        "You see it once an administrator has confirmed: a roster is personal.",
    ]
    assert buttons(said) == []
    await ann.send("/duty " + "9" * 3000)
    await ann.wait_for("I do not know yet")
    assert depot.sheets.people.asks.open() == []


async def test_an_administrator_confirms_and_the_duties_are_there(
    depot: Depot, people: People
) -> None:
    ann, root, chen = people(501, "<b>Ann"), people(ROOT, "Root"), people(CHEN, "Chen")
    for one in (root, chen):
        await one.start()
    await ann.send("/duty Ａ１００１")
    await ann.wait_for("Sent to the administrators. I will tell you once it is confirmed.")
    asked = [await one.wait_for("says they are") for one in (root, chen)]
    for question in asked:
        assert question.text == (
            "<b>Ann (their name in Telegram) says they are A1001. On the roster A1001 is “王小明”."
        )
        assert buttons(question) == [["Yes, link", "No"]]
    await chen.tap("Yes, link", asked[1])
    for one, before in ((root, asked[0]), (chen, asked[1])):
        after = await one.wait_for("✅ Linked by Chen, ")
        assert after.id == before.id
        assert buttons(after) == []
    told = await ann.wait_for("you are A1001 on the roster of 淡海.")
    await ann.tap("Next", told)
    shown = await ann.wait_for("looked at")
    assert shown.text.startswith("Next\n\n") or shown.text.startswith("▶ Now: 0905G")
    assert "淡海 班表, looked at just now" in shown.text
    assert buttons(shown)[0] == ["This month", "Next month"]
    assert buttons(shown)[1][-1] == "Tell me of changes"
    # The other one's tap comes late, by a button that a slow phone still shows.
    data = next(b.callback_data for b in asked[0].buttons if b.text == "No") or ""
    await forged(depot, root, data)
    await root.wait_for("✅ Linked by Chen, ")
    assert len(depot.sheets.people.links.of(owner(ann))) == 1
    assert depot.bot.actions()[-2:] == ["confirmed", "roster_linked"]
    for secret in ("A1001", "王小明", "0905G", "班表", "Ann"):
        assert secret not in depot.log()


async def test_the_answer_is_the_same_whether_there_is_such_a_number(
    depot: Depot, people: People
) -> None:
    ann, ben, root = people(501, "Ann"), people(502, "Ben"), people(ROOT, "Root")
    for one in (root, ann):
        await one.start()
    depot.link(ann)
    for text in ("nobody", "a1001"):
        await ben.send(f"/duty {text}")
        said = await ben.wait_for("Sent to the administrators")
        assert said.text == "Sent to the administrators. I will tell you once it is confirmed."
        if text == "nobody":
            unknown = await root.wait_for("says they are nobody. No roster has this number.")
            assert buttons(unknown) == [["No"]]
    taken = await root.wait_for("⚠ Somebody else is linked to it already: a yes ends that link.")
    await root.tap("No", unknown)  # it was replaced meanwhile
    await root.wait_for("They have asked for another number since.")
    await root.tap("Yes, link", taken)
    await ben.wait_for("you are A1001")
    await ann.wait_for("You are no longer linked to A1001 on the roster")
    await ann.send("/duty")
    await ann.wait_for("I do not know yet")
    await ben.send("/duty  A1001")
    await ben.wait_for("looked at")


async def test_refused_and_asked_too_often(depot: Depot, people: People) -> None:
    ann, root = people(), people(ROOT, "Root")
    await root.start()
    asked = []
    for number in (1, 2, 3):
        await ann.send(f"/duty A{number}")
        await ann.wait_for("Sent to the administrators")
        asked.append(await root.wait_for(f"says they are A{number}"))
    await ann.send("/duty A4")
    await ann.wait_for("You have asked often enough for today.")
    await ann.send("/duty a3")  # they wait for that one already
    await ann.wait_for("Sent to the administrators")
    await root.tap("No", asked[2])
    await root.wait_for("✖️ Not linked: Root, ")
    await ann.wait_for("An administrator has not confirmed that you are A3.")
    await root.tap("No", asked[0])
    await root.wait_for("They have asked for another number since.")
    assert len(logged(depot.bot, "roster_link_changed")) == 4


async def test_nobody_but_administrators_decides(depot: Depot, people: People) -> None:
    """Any client can send any button's data."""
    ann, root = people(), people(ROOT, "Root")
    await root.start()
    await ann.send("/duty A1001")
    asked = await root.wait_for("says they are A1001")
    data = asked.buttons[0].callback_data or ""
    assert data.startswith("roster:yes:")
    assert str(ann.id) not in data.split(":")
    assert (await forged(depot, ann, data)).text == "This button is not yours."
    assert depot.sheets.people.links.waiting() == []
    assert logged(depot.bot, "access_denied")[-1]["result"] == "not_allowed"
    for odd in ("roster:yes:zzz:tanhae", "roster:", "roster:yes", "roster:no:" + "9" * 40):
        await forged(depot, root, odd)
        await root.wait_for("That is over: whoever asked has taken it back")
    id = data.split(":")[2]
    await forged(depot, root, f"roster:yes:{id}:nowhere")
    assert depot.sheets.people.asks.find(id).is_open  # type: ignore[union-attr]


async def forged(depot: Depot, person: Person, data: str) -> CallbackAnswer:
    """Tap a button of the person's with other data in it."""
    bot = depot.bot.application.bot
    markup = {"inline_keyboard": [[{"text": data[:40], "callback_data": data}]]}
    await bot.send_message(person.id, "?", reply_markup=markup)  # type: ignore[arg-type]
    message = await person.wait_for(
        lambda m: m.text == "?" and any(b.callback_data == data for b in m.buttons)
    )
    return await person.tap(data[:40], message)


async def test_months_by_buttons(depot: Depot, planner: Planner, people: People) -> None:
    ann = people()
    await ann.start()
    depot.link(ann)
    await ann.send("/duty")
    first = await ann.wait_for("looked at")
    await ann.tap("This month", first)
    here = Month.of(planner.today)
    month = await ann.wait_for(f"{here.first:%B} {here.year} · ")
    assert month.id == first.id
    assert f"{here.days} duties" in month.text
    assert buttons(month)[-1] == ["Next"]
    after = here.plus(1).first
    await ann.tap(f"{after:%B} →", month)
    missing = await ann.wait_for(f"{after:%B}’s roster is not there yet (no tab ")
    assert missing.text.endswith("\nI look every ten minutes and can tell you when it comes.")
    assert buttons(missing) == [["Tell me", "This month"]]
    await ann.tap("Tell me", missing)
    waits = await ann.wait_for("Right: I will tell you.")
    assert buttons(waits) == [["This month"]]
    await depot.tell()
    planner.months = (0, 1)
    await planner.write()
    await depot.look()
    await depot.tell()
    come = await ann.wait_for(f"{after:%B}’s roster is there.")
    await ann.tap(f"{after:%B}", come)
    await ann.wait_for(f"{after:%B} {after.year} · ")
    await depot.tell()
    assert sum("roster is there." in m.text for m in ann.messages()) <= 1
    assert len(logged(depot.bot, "roster_told")) == 1


async def test_somebody_elses_button_is_refused_and_logged(depot: Depot, people: People) -> None:
    ann, ben = people(501, "Ann"), people(502, "Ben")
    for one in (ann, ben):
        await one.start()
    depot.link(ann)
    for data in ("duty:501:n", "duty:501:u:yes", "duty::n", "duty"):
        answer = await forged(depot, ben, data)
        assert answer.text == "This button is not yours."
    assert [line["result"] for line in logged(depot.bot, "access_denied")] == ["not_yours"] * 4
    for data in ("duty:501:?", "duty:501:m:zz:2026-12", "duty:501:m:00000000:2026-13", "duty:501"):
        answer = await forged(depot, ann, data)
        assert "no longer works" in answer.text
    assert len(depot.sheets.people.links.of(owner(ann))) == 1


def owner(person: Person) -> Owner:
    """Whose documents are this person's."""
    return Owner.user(person.id)


@pytest.fixture
async def group(
    sandbox: Sandbox, telegram: TelegramControls, people: People
) -> AsyncIterator[Group]:
    """Ann, Ben and Root with the bot."""
    members = [people(501, "Ann"), people(502, "Ben"), people(ROOT, "Root")]
    for member in members:
        await member.open()
    number = await telegram.make_group("Depot", [one.id for one in members], told=False)
    async with Group(sandbox.url, number) as group:
        yield group


async def test_in_a_group_only_ones_own_and_without_a_name(
    start_depot: StartDepot, planner: Planner, people: People, group: Group
) -> None:
    ann, ben, root = people(501, "Ann"), people(502, "Ben"), people(ROOT, "Root")
    async with start_depot(ALLOWED_CHAT_IDS=str(group.id)) as depot:
        depot.link(ann)
        await group.by(ann).send(f"/duty{BOT}")
        shown = await group.wait_for("looked at")
        assert buttons(shown) == [["This month", "Next month"]]
        assert "A1001" not in shown.text
        assert "王小明" not in shown.text
        answer = await group.by(ben).tap("This month", shown)
        assert answer.text == "This button is not yours."
        await group.by(ann).tap("This month", shown)
        await group.wait_for("duties")
        # Somebody else's, whoever that may be; and one's own by its number.
        for text in ("A1002", "A9999"):
            await group.by(ann).send(f"/duty{BOT} {text}")
            await group.wait_for("Here everybody sees only their own.")
        await group.by(ben).send(f"/duty{BOT}")
        unknown = await group.wait_for("I do not know yet who you are")
        assert "A1001" not in unknown.text
        await group.by(ann).send(f"/duty{BOT} a1001")
        await group.wait_for("looked at")
        denied = [line["result"] for line in logged(depot.bot, "access_denied")]
        assert denied == ["not_yours"] * 3
        assert depot.bot.actions().count("denied") == 1  # as seldom as outsiders
        # How much changes: an administrator says so, and nobody else.
        await group.by(ann).send(f"/duty{BOT} changes")
        await group.wait_for("Only administrators of this bot decide that.")
        await group.by(root).send(f"/duty{BOT} changes atlantis")
        await group.wait_for("I know no such department. There are: 淡海")
        await group.by(root).send(f"/duty{BOT} 變動 淡海")
        await group.wait_for("and of nobody in particular: 淡海.")
        planner.put("A1001", 0, "(特)")
        planner.put("A1002", 0, "1130G")
        await planner.write()
        await depot.look()
        told = await until_told(depot, group, "2 cells changed, 2 people affected.")
        assert told.text == (f"淡海 班表, {planner.today:%B}: 2 cells changed, 2 people affected.")
        await group.by(root).send(f"/duty{BOT} changes off")
        await group.wait_for("👌 This chat is told of no more changes.")
        assert json.dumps([m.raw for m in group.messages()]).count("王小明") == 0


async def until_told(depot: Depot, who: Person, text: str) -> Message:
    """The job runs again and again, as it does by itself."""
    async with asyncio.timeout(15):
        while True:
            await depot.tell()
            for message in who.messages():
                if message.from_bot and text in message.text:
                    return message
            await asyncio.sleep(0.05)


async def test_two_departments_and_two_sheets(
    start_depot: StartDepot, planner: Planner, google: GoogleControls, people: People
) -> None:
    """One list of all that they are on; each month for itself."""
    other = Planner(google, department="tanhae", name="extra", title="加班")
    other.put("A1001", 0, "(特)")
    await other.write()
    ann = people()
    async with start_depot(other) as depot:
        await ann.start()
        depot.link(ann)
        await ann.send("/duty")
        shown = await ann.wait_for("淡海 加班, looked at just now")
        assert "淡海 班表, looked at just now" in shown.text
        assert "annual leave · 加班" in shown.text
        await ann.tap("This month", shown)
        month = await ann.wait_for("duties")
        assert month.text.startswith("淡海 班表\n")
        await ann.tap("淡海 加班", month)
        assert "1 leave" in (await ann.wait_for("淡海 加班\n")).text


async def test_who_left_the_roster_is_told_so_and_can_be_unlinked(
    depot: Depot, planner: Planner, people: People
) -> None:
    ann = people()
    await ann.start()
    planner.people |= {"A1003": "張", "A1004": "趙"}
    await planner.write()
    await depot.look()
    depot.link(ann)
    await ann.send("/duty")
    old = await ann.wait_for("looked at")
    del planner.people["A1001"]
    await planner.write()
    await depot.look()
    await ann.send("/duty")
    gone = await ann.wait_for("A1001 is no longer on the roster. The number may have changed:")
    await ann.tap("This month", old)
    assert buttons(await ann.wait_for("A1001 is no longer on the roster.")) == [["Next"]]
    await ann.tap("Unlink me from the roster", gone)
    asks = await ann.wait_for("Unlink you from the roster?")
    await ann.tap("No, keep everything", asks)
    await ann.wait_for("Everything stays as it is")
    assert depot.sheets.people.links.of(owner(ann))


async def test_a_cleared_tab_empties_nobodys_roster(
    depot: Depot, planner: Planner, people: People
) -> None:
    ann = people()
    await ann.start()
    depot.link(ann)
    planner.people.clear()
    await planner.write()
    await depot.look()
    await ann.send("/duty")
    said = (await ann.wait_for("looked at just now")).text
    assert said.startswith("⚠ The roster is being put right; this is from ")
    await ann.tap("This month")
    month = (await ann.wait_for(" duties\n")).text
    assert month.startswith("⚠ The roster is being put right; this is from ")
    assert "0905G" in said
    await depot.tell()
    assert not any("changed" in message.text for message in ann.messages())


async def test_a_month_that_was_withdrawn_is_shown_as_one_that_is_put_right(
    depot: Depot, planner: Planner, people: People
) -> None:
    ann = people()
    await ann.start()
    depot.link(ann)
    for months in ((0, 1), (0,)):
        planner.months = months
        await planner.write()
        await depot.look()
    await ann.send("/duty")
    await ann.tap("Next month", await ann.wait_for("looked at just now"))
    month = (await ann.wait_for(" duties\n")).text
    assert month.startswith("⚠ The roster is being put right; this is from ")


@pytest.mark.one_way
async def test_the_sheet_is_called_otherwise_by_now(
    start_depot: StartDepot, planner: Planner, people: People
) -> None:
    ann = people()
    async with start_depot() as depot:
        await ann.start()
        depot.link(ann)
        await ann.send("/duty")
        old = await ann.wait_for("looked at")
    planner.name = "plan"
    async with start_depot() as depot:
        answer = await ann.tap("This month", old)
        assert "no longer works" in answer.text
        await ann.send("/duty")
        assert (await ann.wait_for("looked at")).id != old.id
    planner.department = "anping"
    async with start_depot() as depot:
        await ann.send("/duty")
        gone = await ann.wait_for("No roster of 淡海 is read here any more.")
        await ann.tap("Unlink me from the roster", gone)
        await ann.tap("Yes, unlink", await ann.wait_for("Unlink you from the roster?"))
        await ann.wait_for("👋 You are linked to no roster any more.")
        assert not depot.sheets.people.links.of(owner(ann))


async def test_a_look_is_made_where_the_last_one_is_old(
    depot: Depot, planner: Planner, people: People
) -> None:
    ann = people()
    await ann.start()
    depot.link(ann)
    planner.months = (0, 1)
    planner.put("A1001", 1, "1130G")
    await planner.write()
    await ann.send("/duty")
    assert "1130G" not in (await ann.wait_for("looked at")).text
    states = depot.sheets.mirror.looking._states  # what a host that has slept finds
    states.change("tanhae.roster", lambda s: s and s.model_copy(update={"due_at": 0.0}))
    await ann.send("/duty")
    assert "1130G · 11:30–19:50" in (await ann.wait_for(lambda m: "looked at" in m.text)).text


async def test_there_is_no_such_command_without_rosters(
    start_bot: StartBot, start_depot: StartDepot, people: People
) -> None:
    ann = people()
    async with start_bot() as bot:
        await ann.start()
        await until_in_menu(ann, "privacy")
        assert "duty" not in dict(await ann.commands())
        await ann.send("/help")
        assert "/duty" not in (await ann.wait_for("/privacy")).text
        await ann.send("/duty")
        await ann.wait_for("I do not know this command")
        assert bot.services.core.has_rosters is False
    async with start_depot():
        await ann.start()
        await until_in_menu(ann, "duty")
        await ann.send("/help")
        assert "/duty – When you work next" in (await ann.wait_for("Your duties")).text
