"""What is a person's own: the calendar's address, their data, and their right to have it gone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from sandbox.clients.person import Person
from sandbox.ports import free_port
from security.credential import Owner
from sheets.people.kinds import OF_PEOPLE
from tests.bot.duty.conftest import Depot, Planner, StartDepot
from tests.bot.duty.test_duty import buttons, forged
from tests.bot.test_privacy_data import DOCS, ask, fields

People = Callable[..., Person]
pytestmark = pytest.mark.encryption("on")
PAGES = {"PUBLIC_URL": "https://depot.example", "WEB_PORT": "0"}
CLIENT = {
    "WEB_GOOGLE_CLIENT_ID": "1-web.apps.googleusercontent.com",
    "WEB_GOOGLE_CLIENT_SECRET": "s",
}
ANN = Owner.user(501)


@pytest.fixture
async def depot(start_depot: StartDepot) -> AsyncIterator[Depot]:
    """With pages of departments."""
    async with start_depot(**PAGES, **CLIENT) as running:
        yield running


async def address(depot: Depot, ann: Person) -> str:
    """The address that the button gives."""
    await ann.send("/duty")
    await ann.tap("Add to calendar", await ann.wait_for("looked at"))
    said = await ann.wait_for("This address is yours alone; do not pass it on.")
    assert buttons(said) == [["Revoke"]]
    assert said.raw.get("link_preview_options") == {"is_disabled": True}
    found = said.text.splitlines()[-1]
    assert found.startswith("https://depot.example/calendar/")
    assert found.endswith(".ics")
    return found


def secret_of(found: str) -> str:
    return found.rpartition("/")[2].removesuffix(".ics")


async def test_a_calendars_address_is_given_once_and_revoked(depot: Depot, people: People) -> None:
    ann, ben = people(501, "Ann"), people(502, "Ben")
    await ann.start()
    await ben.start()
    depot.link(ann)
    calendars = depot.sheets.people.calendars
    first, second = await address(depot, ann), await address(depot, ann)
    found = calendars.find(secret_of(first))
    assert found is not None
    assert found.owner == ANN
    said = next(m for m in ann.messages() if first in m.text)
    data = said.buttons[0].callback_data or ""
    assert (await forged(depot, ben, data)).text == "This button is not yours."
    await forged(depot, ben, data.replace("501", "502"))  # with their own name in it
    await ben.wait_for("Revoked")  # of theirs there is none
    assert calendars.find(secret_of(first)) is not None
    await ann.tap("Revoke", said)
    await ann.wait_for("Revoked: this address leads nowhere any more.")
    assert calendars.find(secret_of(first)) is None
    assert calendars.find(secret_of(second)) is not None
    depot.sheets.people.unlink(ANN)
    assert calendars.find(secret_of(second)) is None
    text = depot.log() + depot.bot.stored_text()
    assert secret_of(first) not in text
    assert secret_of(second) not in text


async def test_no_address_is_offered_where_no_page_is_served(
    start_depot: StartDepot, people: People
) -> None:
    ann = people()
    async with start_depot(PUBLIC_URL="") as depot:
        await ann.start()
        depot.link(ann)
        await ann.send("/duty")
        assert (await ann.wait_for("looked at")).button("Add to calendar") is None
        assert "no longer works" in (await forged(depot, ann, "duty:501:a")).text


async def test_privacy_shows_all_of_it_and_deletes_it(
    depot: Depot, planner: Planner, people: People
) -> None:
    ann = people()
    await ann.start()
    depot.link(ann)
    depot.sheets.people.links.tell_changes(ANN, "tanhae", tell=True)
    depot.sheets.people.links.wait_for(ANN, "tanhae", "tanhae.roster", "2099-01")
    found = await address(depot, ann)
    await ann.send("/duty A1002")
    await ann.wait_for("Sent to the administrators")
    planner.put("A1001", 0, "(特)")
    await planner.write()
    await depot.look()
    data = await ask(depot.bot, ann)
    [link] = data["rosters"]
    assert (link["department"], link["number"], link["changes"]) == ("tanhae", "A1001", True)
    assert link["waits_for"] == [["tanhae.roster", "2099-01"]]
    assert {one["number"] for one in data["rosters_asked_for"]} == {"A1001", "A1002"}
    assert [*data["calendar_addresses"][0]] == ["made_at", "language"]
    explained = DOCS.read_text("utf-8")
    assert [name for name in fields(data) if f"`{name}`" not in explained] == []
    assert secret_of(found) not in json.dumps(data)
    assert "confirmed_by" not in json.dumps(data)
    await ann.send("/privacy")
    shown = await ann.wait_for("Of rosters I keep")
    assert shown.button("Unlink me from the roster") is not None
    await ann.tap("Delete all my data", shown)
    await ann.tap("Yes, delete everything", await ann.wait_for("Delete everything I keep"))
    await ann.wait_for("Everything else I kept about you is deleted too.")
    storage = depot.bot.services.core.storage
    assert {kind.name: storage.names(kind) for kind in OF_PEOPLE if storage.names(kind)} == {}
    assert depot.sheets.people.calendars.find(secret_of(found)) is None
    await depot.tell()
    await ann.send("/duty")
    await ann.wait_for("I do not know yet")


async def test_who_may_no_longer_use_the_bot_can_have_it_deleted(
    start_depot: StartDepot, people: People
) -> None:
    """Without a Google account as well."""
    ann = people()
    async with start_depot(ALLOWED_USER_IDS="501") as depot:
        await ann.start()
        depot.link(ann)
    async with start_depot(ALLOWED_USER_IDS="777") as depot:
        await ann.send("/privacy")
        shown = await ann.wait_for("What I keep about you")
        await ann.tap("Delete all my data", shown)
        await ann.tap("Yes, delete everything", await ann.wait_for("Delete everything I keep"))
        await ann.wait_for("Everything else I kept about you is deleted too.")
        assert not depot.sheets.people.keeps(ANN)


@pytest.mark.one_way
async def test_the_address_opens_the_calendar_beside_the_bot(
    start_depot: StartDepot, people: People
) -> None:
    """Until it is revoked; then it is as one that never was."""
    port, ann = free_port(), people()
    pages = {"PUBLIC_URL": f"http://localhost:{port}", "WEB_PORT": port}
    async with start_depot(**pages, **CLIENT) as depot, httpx.AsyncClient() as http:
        await ann.start()
        depot.link(ann)
        await ann.send("/duty")
        await ann.tap("Add to calendar", await ann.wait_for("looked at"))
        said = await ann.wait_for("This address is yours alone")
        found = said.text.splitlines()[-1]
        answer = await http.get(found)
        assert answer.status_code == 200
        assert answer.text.startswith("BEGIN:VCALENDAR")
        assert "0905G" in answer.text
        assert "A1001" not in answer.text
        await ann.tap("Revoke", said)
        await ann.wait_for("Revoked")
        assert (await http.get(found)).status_code == 404
        assert secret_of(found) not in depot.log()
