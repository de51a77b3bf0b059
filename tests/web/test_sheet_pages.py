"""An administrator at the pages of sheets: looked at, held, decided, compared, gone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from departments.administrators import who
from sandbox.clients.google_controls import GoogleControls
from sandbox.server import Sandbox
from security.errors import OperatorFault
from security.storage.protocol import Key, Storage
from sheets.keeping.kinds import KINDS
from tests.service_accounts import ADDRESS
from tests.web.pages_kit import SETTINGS, Person
from tests.web.sheets_kit import SPREADSHEET, SheetsWeb, sheets_web

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
SHEETS = "/settings/sheets"
ROSTER = f"{SHEETS}/tanhae/roster"


@asynccontextmanager
async def person(front: SheetsWeb, administrator: str = "") -> AsyncIterator[Person]:
    """An administrator at the pages, in English."""
    cookie = await front.web.sign_in(administrator) if administrator else front.cookie
    async with front.web.browser(cookie, **{"Accept-Language": "en"}) as browser:
        yield Person(browser)


async def test_a_sheet_is_read_when_its_page_is_opened_and_again_by_its_button(
    front: SheetsWeb,
) -> None:
    """On a host that has slept nobody has looked: what is shown is of now. It is in the list, on
    the department's card, and the card's button leads back there."""
    async with person(front) as someone:
        await someone.open(ROSTER)
        assert someone.answer.status_code == 200
        assert "班表 · December 2026" in someone.text
        assert "林以晴" in someone.text
        assert someone.answer.headers["Cache-Control"] == "no-store"
        await front.write("(特)", "0906X")
        assert await someone.press(f"{ROSTER}/sync") == f"{ROSTER}?month=2026-12&done=looked"
        assert someone.news[0].endswith("Google was asked just now. What was found is below.")
        assert "changed, was 0905G, is changed特" in someone.text
        assert "0906X1 cell · 林以晴" in someone.text  # no table of codes has it
        await someone.open(SHEETS)
        assert "4 people" in someone.text
        await someone.open(SETTINGS)
        assert "Can read “班表”, “codes”, “phones”, “stops”" in someone.text
        there = await someone.press(f"{ROSTER}/sync")
        assert there == f"{SETTINGS}?department=tanhae&done=looked"
        for kind, word in (("codes", "藍線"), ("phones", "行控"), ("stops", "紅樹林")):
            await someone.open(f"{SHEETS}/tanhae/{kind}")
            assert word in someone.text


async def test_a_page_does_not_wait_for_google_for_longer_than_a_person_would(
    front: SheetsWeb,
) -> None:
    """It shows what there is, and the look goes on."""
    await front.google.fault("google.sheets.get", "latency", seconds=60)
    front.web.sheets.on_demand.patience_seconds = 0.2
    async with person(front) as someone:
        await someone.open(ROSTER)
        assert "This spreadsheet was never read yet" in someone.text
        await front.google.clear_faults()
        front.web.sheets.on_demand.patience_seconds = 60
        await someone.open(ROSTER)
        assert "林以晴" in someone.text


async def test_one_of_two_who_decide_at_once_has_decided(front: SheetsWeb) -> None:
    """The other one is told that somebody else has; the trail and the version say who."""
    await front.sync()
    await front.write(people=1)
    await front.sync()
    async with person(front, who.operator("Lin")) as lin, person(front, who.user(501)) as chen:
        await asyncio.gather(lin.open(ROSTER), chen.open(ROSTER))
        assert "3 people (4 → 1, 75%)" in lin.news[0]
        assert "陳柏翰" in lin.news[0]
        held = re.search(r"to=([\d-]+)#diff", lin.answer.text)
        assert held is not None
        await chen.open(f"{ROSTER}?to={held[1]}")
        assert "The held version, which does not count" in chen.text
        await asyncio.gather(lin.press(f"{ROSTER}/accept"), chen.press(f"{ROSTER}/keep"))
        said = sorted(one.news[0] for one in (lin, chen))
        assert said[0].startswith("ⓘNothing changed. Somebody else has decided already")
        assert re.match("✓(Taken over|Kept as it was)", said[1])
        await lin.press(f"{ROSTER}/sync")
        assert "held" not in lin.text
    actions = [one.action for one in front.web.custody.storage.events()]
    assert actions.count("sheet_accepted") + actions.count("sheet_kept") == 1


async def test_what_was_seen_is_decided_of_and_nothing_else(front: SheetsWeb) -> None:
    """The planner has cleared still more since the page came; who takes over is written down."""
    await front.sync()
    await front.write(people=1)
    await front.sync()
    async with person(front, who.operator("Lin")) as someone:
        await someone.open(ROSTER)
        old = someone.page
        await front.write("(病)", people=1)
        await front.sync()
        assert "done=decided" in await someone.press(f"{ROSTER}/accept")
        assert someone.news[0].startswith("ⓘNothing changed. Another version is held by now")
        someone.page = old
        assert "done=decided" in await someone.press(f"{ROSTER}/accept", version="")
        await someone.press(f"{ROSTER}/accept")
        assert someone.news[0].startswith("✓Taken over.")
        assert "taken over by Lin" in someone.text
        assert "病病假" in someone.text


async def test_what_is_stopped_is_on_the_console_with_the_way_to_it(front: SheetsWeb) -> None:
    """Held, faulty, and not shared any more; with whom to share it stands on page and card."""
    await front.sync()
    async with person(front) as someone:
        await someone.open("/console")
        assert "sheet" not in someone.text.lower().replace("sheets", "")
        await front.write(people=1)
        await front.sync()
        await someone.open("/console/incidents")
        assert "A version of “淡海 班表” waits for a decisionIt lacks 3 people" in someone.text
        assert f'href="{ROSTER}?month=2026-12#held"' in someone.answer.text
        await front.google.act("sheet_clear", sheet=SPREADSHEET, tab="班表")
        await front.sync()
        await someone.open("/console/incidents")
        assert "“淡海 班表” is not understood" in someone.text
        await front.google.act("sheet_share", sheet=SPREADSHEET, address=ADDRESS, on=False)
        await front.sync()
        await someone.open("/console/incidents")
        assert "“淡海 班表” cannot be read" in someone.text
        for address in (ROSTER, SETTINGS):
            await someone.open(address)
            assert ADDRESS in " ".join(someone.news)
        assert "林以晴" in (await someone.browser.get(ROSTER)).text  # the last good version
    assert "林以晴" not in front.web.log.getvalue()


async def test_versions_that_are_gone_or_damaged_are_said_to_be(front: SheetsWeb) -> None:
    """Swept, damaged, never there: the page shows what there is."""
    await front.sync()
    await front.write("(特)")
    await front.sync()
    versions = front.web.sheets.versions.of("tanhae.roster", "2026-12")
    new, old = versions
    async with person(front) as someone:
        await someone.open(f"{ROSTER}?from={old.id}&to={new.id}")
        assert "～ changed 1" in someone.text
        await someone.open(f"{ROSTER}?to={old.id}")
        assert "An earlier version" in someone.text
        answer = await someone.browser.get(data_link(someone))
        assert answer.json()["people"][0]["days"]["2026-12-01"][0]["text"] == "0905G"
        found = front.web.sheets.versions.record(old)
        assert found is not None
        shelf = front.web.sheets.versions._records
        shelf.write(old.name, found.model_copy(update={"body": "AAAA"}))
        await someone.open(f"{ROSTER}?to={old.id}")
        assert "This version cannot be read" in someone.text
        await someone.open(f"{ROSTER}?from={old.id}&to={new.id}")
        assert "The two versions cannot be compared" in someone.text
        shelf.drop(old.name)
        for wish in (f"from={old.id}", "to=x", "to=" + "9" * 5000, "from=%00&older=<b>"):
            await someone.open(f"{ROSTER}?{wish}&part=99999999&month=<b>&done=<b>")
            assert someone.answer.status_code == 200
            assert someone.news[0].startswith("ⓘThat version is not there any more.")
            assert "林以晴" in someone.text


async def test_a_month_of_which_there_is_nothing_is_said(front: SheetsWeb) -> None:
    """Be it none at all: whoever reads another one is not to take it for theirs."""
    none = "ⓘThere is nothing of the month that was asked for. Shown is December 2026."
    async with person(front) as someone:
        for wish in ("month=2031-02", "month=2026-13", "month=<b>", "period=2031-02"):
            await someone.open(f"{ROSTER}?{wish}")
            assert someone.news[0] == none, wish
        for path in (ROSTER, f"{ROSTER}?month=2026-12", f"{ROSTER}?period=2026-12"):
            await someone.open(path)
            assert none not in someone.news
        await someone.open(f"{SHEETS}/tanhae/codes?month=2031-02")  # it is of no month
        assert none not in someone.news


def data_link(someone: Person) -> str:
    """Where programs have what is shown."""
    links = (one.attributes["href"] for one in someone.page.all("a"))
    return next(link for link in links if "format=json" in link)


async def test_sheets_that_no_settings_name_are_not_there(front: SheetsWeb) -> None:
    """Whatever is asked for; and what is sent is not said again."""
    async with person(front) as someone:
        for path in ("anping/roster", "tanhae/none", "tanhae/" + "x" * 3000, "%3Cb%3E/%2e%2e"):
            answer = await someone.browser.get(f"{SHEETS}/{path}", headers={"Accept": "text/html"})
            assert answer.status_code == 404
            assert "<b>/" not in answer.text


async def test_looking_too_often_is_said(front: SheetsWeb) -> None:
    """Google lets one account read so many times a minute."""
    async with person(front) as someone:
        await someone.open(ROSTER)
        form = {
            one.attributes["name"]: one.attributes["value"] for one in someone.page.all("input")
        }
        answers = [
            await someone.browser.post(f"{ROSTER}/sync", data={"csrf": form["csrf"]})
            for _ in range(12)
        ]
        assert [one.headers["Location"].partition("done=")[2] for one in answers][-1] == "look_busy"
        await someone.open(answers[-1].headers["Location"])
        assert someone.news[0].startswith("⏳The look is not over yet.")


class Going:
    """A storage that can be away for everything about sheets."""

    is_away = False

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def read(self, keys: Sequence[Key]) -> Any:
        if Going.is_away and keys and keys[0].kind in KINDS:
            raise OperatorFault("away", code="database_unreachable")
        return self._storage.read(keys)


async def test_where_the_database_is_away_nothing_of_anybody_is_shown(
    sandbox: Sandbox,
    google: GoogleControls,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each page that shows sheets says that it does not answer; a decision is none."""
    monkeypatch.setattr(Going, "is_away", False)

    def through(storage: Storage) -> Storage:
        return cast(Storage, Going(storage))

    async with (
        sheets_web(
            sandbox, google, tmp_path, encryption_keys, monkeypatch, through=through
        ) as front,
        person(front) as someone,
    ):
        await front.sync()
        await front.write(people=1)
        await front.sync()
        await someone.open(ROSTER)
        monkeypatch.setattr(Going, "is_away", True)
        await someone.press(f"{ROSTER}/accept")
        for address in ("", ROSTER, SHEETS, SETTINGS, "/console"):
            if address:
                await someone.open(address)
            assert someone.answer.status_code == 503
            assert "The database does not answer" in someone.text
            assert "林以晴" not in someone.answer.text
        monkeypatch.setattr(Going, "is_away", False)
        await someone.open(ROSTER)
        assert "A version is held" in someone.text
