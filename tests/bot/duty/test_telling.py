"""What the bot says by itself: changes, once each, and nothing for what was taken back."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from bot.application import _look_at_sheets
from bot.duty.telling import _take
from sandbox.clients.person import Person
from security.credential import Owner
from security.storage.documents import Documents
from sheets.keeping.forms import Changes
from sheets.keeping.kinds import CHANGES
from sheets.people.kinds import NOTICES
from tests.bot.duty.conftest import Depot, Planner, StartDepot
from tests.bot.duty.test_duty import buttons, until_told
from tests.bot.upkeep import logged

People = Callable[..., Person]
pytestmark = pytest.mark.encryption("on")
CHANGED = "✏️ Your duties have changed"


async def wants_changes(depot: Depot, person: Person, number: str = "A1001") -> None:
    """They are linked, and have pressed the switch."""
    await person.start()
    depot.link(person, number)
    await person.send("/duty")
    await person.tap("Tell me of changes", await person.wait_for("looked at"))
    await person.wait_for(lambda m: "looked at" in m.text and m.button("✓ Tell me") is not None)


def times_told(person: Person) -> int:
    return sum(message.from_bot and CHANGED in message.text for message in person.messages())


async def change(depot: Depot, ahead: int, text: str, person: str = "A1001") -> None:
    """The planner writes it, and it is read."""
    depot.planner.put(person, ahead, text)
    await depot.planner.write()
    await depot.look()


async def test_a_change_is_told_once_to_whom_it_concerns(depot: Depot, people: People) -> None:
    ann, ben = people(501, "Ann"), people(502, "Ben")
    await wants_changes(depot, ann)
    await ben.start()
    depot.link(ben, "A1002")
    await change(depot, 0, "(特)")
    await change(depot, 0, "1130G", "A1002")
    told = await until_told(depot, ann, CHANGED)
    day = f"{depot.planner.today:%a} {depot.planner.today.day} {depot.planner.today:%b}"
    assert told.text.splitlines()[1] == f"{day} · 0905G → annual leave"
    assert told.text.splitlines()[2].startswith("Read today at ")
    assert buttons(told) == [["This month", "No more of these"]]
    for _ in range(2):
        await depot.tell()
    assert (times_told(ann), times_told(ben)) == (1, 0)
    answer = await ann.tap("No more of these", told)
    assert answer.text == "👌 I tell you no more changes."
    await change(depot, 0, "0905G")
    await asyncio.sleep(0.15)
    await depot.tell()
    assert times_told(ann) == 1
    assert logged(depot.bot, "roster_told")[0]["count"] == 1
    for secret in ("A1001", "王小明", "0905G", "(特)", "班表"):
        assert secret not in depot.log()


async def test_what_is_taken_back_within_the_five_minutes_is_told_to_nobody(
    start_depot: StartDepot, people: People
) -> None:
    ann = people()
    async with start_depot(SHEETS_SETTLE_MINUTES="5") as depot:
        await wants_changes(depot, ann)
        await change(depot, 0, "(特)")
        await depot.tell()
        assert times_told(ann) == 0
        await change(depot, 0, "0905G")
        await depot.tell()
        assert Documents(depot.bot.services.core.storage, CHANGES).read("tanhae.roster") == {
            "events": []
        }
        age(depot, 3600)
        await depot.tell()
        assert times_told(ann) == 0


def age(depot: Depot, seconds: float) -> None:
    """What is pending happened so long before."""
    documents = Documents(depot.bot.services.core.storage, CHANGES)
    found = Changes.model_validate(documents.read("tanhae.roster"))
    older = [
        one.model_copy(update={"at": datetime.fromtimestamp(one.at.timestamp() - seconds, UTC)})
        for one in found.events
    ]
    documents.write("tanhae.roster", Changes(events=tuple(older)).model_dump(mode="json"))


@pytest.mark.one_way
async def test_a_restart_neither_doubles_nor_loses(start_depot: StartDepot, people: People) -> None:
    """Taken out of the pending changes, and then killed: the next start tells it."""
    ann = people()
    async with start_depot() as depot:
        await wants_changes(depot, ann)
        await change(depot, 0, "(特)")
        await asyncio.sleep(0.15)
        await asyncio.to_thread(_take, depot.bot.services)
        assert len(depot.bot.services.core.storage.names(NOTICES)) == 1
    async with start_depot() as depot:
        await until_told(depot, ann, CHANGED)
        await depot.tell()
        assert depot.bot.services.core.storage.names(NOTICES) == []
    async with start_depot() as depot:
        await depot.tell()
    assert times_told(ann) == 1


async def test_who_has_blocked_the_bot_holds_up_nobody(depot: Depot, people: People) -> None:
    ann, ben = people(501, "Ann"), people(502, "Ben")
    await wants_changes(depot, ann)
    await wants_changes(depot, ben, "A1002")
    await ann.block()
    depot.planner.put("A1002", 0, "(特)")
    await change(depot, 0, "(特)")
    await until_told(depot, ben, CHANGED)
    assert depot.bot.services.core.storage.names(NOTICES) == []
    assert depot.sheets.people.links.of(Owner.user(501))[0].changes is True


@pytest.mark.parametrize("ended", ["unlinked", "not allowed", "another number", "too late"])
async def test_nobody_is_told_what_is_no_longer_theirs(
    start_depot: StartDepot, people: People, ended: str
) -> None:
    ann = people()
    allowed = {"ALLOWED_USER_IDS": "501"}
    async with start_depot(**allowed) as depot:
        await wants_changes(depot, ann)
        await change(depot, 0, "(特)")
        await asyncio.sleep(0.15)
        if ended == "unlinked":
            depot.sheets.people.unlink(Owner.user(501))
        elif ended == "another number":
            depot.link(ann, "A1002")
        elif ended == "too late":  # it waits to be sent already
            await asyncio.to_thread(_take, depot.bot.services)
            depot.link(ann, "A1002")
    if ended == "not allowed":
        allowed = {"ALLOWED_USER_IDS": "777"}
    async with start_depot(**allowed) as depot:
        await depot.tell()
        assert depot.bot.services.core.storage.names(NOTICES) == []
    assert times_told(ann) == 0


@pytest.mark.one_way
async def test_nobody_is_woken_but_for_the_next_day(
    start_depot: StartDepot, planner: Planner, people: People
) -> None:
    """Where the roster is it is night now; what is about tomorrow is told all the same."""
    hour = datetime.now(UTC).hour
    ahead = (23 - hour) if hour > 9 else -(hour + 1)
    planner.zone = f"Etc/GMT{-ahead:+}" if ahead else "Etc/UTC"
    planner.months = (0, 1)
    await planner.write()
    ann = people()
    async with start_depot() as depot:
        await wants_changes(depot, ann)
        await change(depot, 9, "(特)")
        await asyncio.sleep(0.15)
        await depot.tell()
        assert times_told(ann) == 0
        await change(depot, 1, "(特)")
        told = await until_told(depot, ann, CHANGED)
        assert told.text.count("→") == 2


@pytest.mark.one_way
async def test_the_job_looks_and_tells(start_depot: StartDepot, people: People) -> None:
    """As the scheduler does it, without a hand."""
    ann = people()
    async with start_depot(SHEETS_INTERVAL_MINUTES="0.01") as depot:
        await wants_changes(depot, ann)
        depot.planner.put("A1001", 0, "1130G")
        await depot.planner.write()
        jobs = depot.bot.application.job_queue
        assert jobs is not None
        jobs.run_repeating(_look_at_sheets, 0.3, first=0.1, name="sheets")
        assert "→ 1130G · 11:30–19:50" in (await ann.wait_for(CHANGED)).text
