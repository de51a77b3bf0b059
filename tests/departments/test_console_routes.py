"""The console's addresses: for administrators alone, and what their buttons do."""

from __future__ import annotations

import csv
import io
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr
from structlog.testing import capture_logs

from config import GoogleClient
from departments.administrators.links import ENTER_PATH
from departments.administrators.sessions import Session
from departments.clients.desk import ClientDesk
from departments.console.changes import Changes
from departments.console.fleet import FleetLook
from departments.console.services import ConsoleServices
from departments.limits import Limits
from departments.names import Department, Departments
from departments.overview import Overview
from departments.secret import AccessSecret
from departments.services import DepartmentServices
from processes.wiring import Custody, CustodyOptions
from security.credential import Owner
from security.errors import OperatorFault
from security.google.oauth import GoogleOAuth, OAuthEndpoints
from security.maintenance.documents import INCIDENT, MAINTENANCE, OWNER
from security.maintenance.incidents import HOLD
from security.storage.documents import Documents
from security.storage.events import Event
from security.storage.protocol import Storage
from tests.pages.kit import Html
from tests.security.kit import ANN, BOB, TOWN, a_credential
from tests.stores import MASK
from tests.web.kit import SAME_SITE
from web.console.routes import console_routes
from web.gate.problems import add_problems
from web.gate.signed_in import COOKIE, SignedIn

pytestmark = pytest.mark.encryption("on")
TANHAE, ANPING = Department("tanhae", "淡海"), Department("anping", "安坑")
TOKEN = "f" * 64
URL = "https://console.example.org"
SIGN_IN = f"{ENTER_PATH}?news=over"
ADMINISTRATOR = Session("s" * 64, "user:900", SecretStr(TOKEN))
GETS = (
    *("/console", "/console/live", "/console/incidents", "/console/quarantine"),
    *("/console/processes", "/console/computers", "/console/audit", "/console/audit.csv"),
)
POSTS = (
    *("/console/quarantine/restore", "/console/quarantine/purge", "/console/quarantine/held"),
    *("/console/computers/revoke", "/console/computers/unblock", "/console/computers/dismiss"),
)

ODD = (
    *("what=<script>", "at=1.x", "at=" + "9" * 500, "from=yesterday", "to=9999-99-99"),
    *("owner=%00", "owner=" + "x" * 5000, "page=-1", "page=99999999", "page=²", "done=<b>"),
    *("ask=held&client=../..", "lang=xx", "from=0001-01-01&to=9999-12-31", "done=restored"),
)


class Cookies:
    """Whose cookie it is."""

    def __init__(self) -> None:
        self.session: Session | None = ADMINISTRATOR
        self.is_away = False
        self.renewed: list[bool] = []

    async def find(self, cookie: str, *, renews: bool = True) -> Session | None:
        self.renewed.append(renews)
        if self.is_away:
            raise OperatorFault("the database is away", code="database_unreachable")
        return self.session


@dataclass
class Console:
    """The console over one storage, and a browser's hands."""

    custody: Custody
    desk: ClientDesk
    cookies: Cookies
    http: httpx.AsyncClient

    @property
    def storage(self) -> Storage:
        return self.custody.storage

    async def page(self, path: str) -> Html:
        """A page, which there is."""
        answer = await self.http.get(path)
        assert answer.status_code == 200, answer.text
        return Html(answer.text)

    async def press(self, path: str, **fields: str) -> httpx.Response:
        """A button of the page's own."""
        return await self.http.post(path, data={"csrf": TOKEN, **fields})

    def set_aside(self, owner: Owner = ANN, reason: str = "invalid_grant") -> str:
        """The owner's credential is in quarantine: the copy's id."""
        store = self.custody.store
        store.save_consent(a_credential(owner, client_id=CLIENT.id))
        store.copies.set_aside(owner, reason)
        return store.copies.newest_records(0, 1)[1][0].id

    def trail(self) -> list[tuple[str, str | None, str]]:
        """Oldest first."""
        entries = self.storage.events(newest_first=False)
        return [(entry.action, entry.owner, entry.result) for entry in entries]


CLIENT = GoogleClient("client.apps.googleusercontent.com", SecretStr("GOCSPX-secret"))


@pytest.fixture
async def console(storage: Storage, secret: AccessSecret) -> AsyncIterator[Console]:
    """Google is where nobody listens."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        google = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        oauth = GoogleOAuth(OAuthEndpoints("", f"{google}/token", "", f"{google}/revoke"))
        custody = Custody(storage, MASK, oauth, CustodyOptions(clients=[CLIENT]))
        custody.state.load()
        copies, cookies = custody.store.copies, Cookies()
        desk = ClientDesk(storage, custody.workers, secret, Limits(), blocks=False)
        changes = Changes(
            custody.workers,
            custody.leases,
            storage,
            copies,
            custody.state,
            custody.custodian,
            custody.rejecting,
            keeps_holds=True,
        )
        departments = Departments(["tanhae=淡海", "anping=安坑"])
        overview = Overview(departments, custody.workers, custody.store, custody.state)
        look = FleetLook(storage, copies, timedelta(minutes=15), sweeps_here=False)
        services = SimpleNamespace(
            departments=departments,
            workers=custody.workers,
            desk=desk,
            console=ConsoleServices(storage, copies, look, changes),
            overview=overview,
        )
        app = FastAPI(openapi_url=None, version="0.2.0", redirect_slashes=False)
        add_problems(app)
        signed_in = SignedIn(cookies.find, URL)
        app.include_router(console_routes(cast(DepartmentServices, services), signed_in))
        headers = {"Accept-Language": "en", "Cookie": f"{COOKIE}=any", **SAME_SITE}
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app), base_url=URL, headers=headers
        ) as http:
            yield Console(custody, desk, cookies, http)
        await desk.close()
        await custody.workers.close()
        await oauth.close()


# Who may


async def test_a_page_is_for_whoever_is_signed_in(console: Console) -> None:
    """Everybody else is led to how one signs in, which is logged once."""
    for path in GETS:
        console.cookies.session = ADMINISTRATOR
        assert (await console.http.get(path)).status_code == 200
        console.cookies.session = None
        with capture_logs() as log:
            answer = await console.http.get(path)
        assert [entry["event"] for entry in log] == ["access_denied"]
        assert (answer.status_code, answer.headers["Location"]) == (303, SIGN_IN)


async def test_a_button_works_on_the_sessions_own_page_alone(console: Console) -> None:
    """Without the session's token, and without a session, nothing is done."""
    copy = console.set_aside()
    for path in POSTS:
        console.cookies.session = ADMINISTRATOR
        right = {"copy": copy, "confirm": MASK(ANN.name)}
        for fields in ({}, {"csrf": "x"}, {"csrf": TOKEN.upper()}):
            assert (await console.http.post(path, data={**right, **fields})).status_code == 403
        assert (await console.http.post(path, json={"csrf": TOKEN, **right})).status_code == 403
        console.cookies.session = None
        assert (await console.press(path, **right)).headers["Location"] == SIGN_IN
        console.cookies.session = ADMINISTRATOR
        elsewhere = {"Sec-Fetch-Site": "cross-site"}
        answer = await console.http.post(path, data={"csrf": TOKEN, **right}, headers=elsewhere)
        assert answer.status_code == 403
        assert (await console.http.get(path)).status_code == 405
    assert console.custody.store.copies.size() == 1
    assert console.trail() == []


async def test_an_open_page_keeps_nobody_signed_in(console: Console) -> None:
    """Its figures are fetched without renewing the session."""
    await console.http.get("/console/live")
    await console.http.get("/console")
    assert console.cookies.renewed == [False, True]


async def test_without_its_database_nothing_of_anybody_is_shown(console: Console) -> None:
    """Neither the page nor who is signed in; what is safe is said, and when to try again."""
    console.set_aside()
    console.cookies.is_away = True
    for path in (*GETS, *POSTS):
        answer = await (console.press(path) if path in POSTS else console.http.get(path))
        assert answer.status_code == 503
        assert answer.headers["Retry-After"]
        assert "Nothing is lost here" in answer.text
        assert MASK(ANN.name) not in answer.text
        assert "Sign out" not in answer.text


# Pages


async def test_an_installation_without_credentials_leads_to_the_first_one(
    console: Console,
) -> None:
    """There is nothing to draw."""
    page = await console.page("/console")
    [first] = [one for one in page.elements if "primary" in one.classes]
    assert first.attributes["href"] == "/settings/google"
    assert page.all("figure") == []


async def test_the_overview_shows_what_there_is(console: Console) -> None:
    """Numbers, incidents, copies and computers of one installation."""
    now = console.storage.now()
    expires = datetime.fromtimestamp(now, UTC) + timedelta(minutes=30.5)
    console.custody.store.save_consent(a_credential(BOB, expires_at=expires))
    console.set_aside()
    documents = Documents(console.storage, MAINTENANCE)
    kept = {"since": now - 600, "owners": 3, "told": True, "until": None}
    documents.write(INCIDENT + "unavailable", kept)
    console.desk.clients.add("tanhae", "行控中心 1", {"upload"}, "user:900")
    page = await console.page("/console")
    said = page.all("main")[0].text
    assert "1 thing to look at. 1 credential is refreshed as usual." in said
    assert "Google does not answer" in said
    assert "3 owners" in said
    assert "行控中心 1" in said
    assert MASK(ANN.name) in said
    numbers = [one.text for one in page.elements if "n" in one.classes]
    assert numbers == ["1", "0", "0", "1", "30 min"]


async def test_a_department_that_was_lost_is_a_thing_to_look_at(console: Console) -> None:
    """Until it is authorised again; nobody is asked in a chat for it, and its copy says so."""
    console.set_aside(TANHAE.owner)
    console.set_aside()
    said = (await console.page("/console")).all("main")[0].text
    assert "1 thing to look at. 0 credentials are refreshed as usual." in said
    assert "淡海 has to be authorised again" in said
    assert said.count("shown on the page of the Google services") == 1
    assert said.count("owner not told yet") == 1
    assert "淡海 has to be" in (await console.page("/console/incidents")).all("main")[0].text
    console.custody.store.save_consent(a_credential(TANHAE.owner))
    said = (await console.page("/console/live")).elements[0].text
    page = (await console.page("/console/quarantine")).all("main")[0].text
    assert "has to be authorised again" not in said
    assert "authorised again since" in page


async def test_the_audit_trail_is_filtered_and_turned_over(console: Console) -> None:
    """By what, whose and when; refreshes are left out unless they are asked for."""
    for number in range(60):
        console.storage.record(
            [Event("refreshed", ANN), Event("authorised", Owner.user(600 + number))]
        )
    console.storage.record([Event("revoked", TOWN)])
    first = await console.page("/console/audit")
    [body] = first.all("tbody")
    assert len([one for one in body.children if one.tag == "tr"]) == 50
    assert "refreshed" not in body.text
    [older] = [one for one in first.all("a") if one.text == "Older →"]
    second = await console.page(older.attributes["href"])
    assert len([one for one in second.all("tbody")[0].children if one.tag == "tr"]) == 11
    assert "⇤ Newest" in [one.text for one in second.all("a")]
    theirs = await console.page("/console/audit?owner=淡海&what=consent")
    assert "revoked" in theirs.all("tbody")[0].text
    assert "淡海" in theirs.all("tbody")[0].text
    nobody = await console.page("/console/audit?owner=nobody")
    assert nobody.all("tbody") == []
    assert [
        one.attributes["aria-invalid"]
        for one in nobody.all("input")
        if "aria-invalid" in one.attributes
    ] == ["true"]
    future = await console.page("/console/audit?from=2999-01-01")
    assert future.all("tbody") == []


async def test_the_trail_as_a_file_holds_what_is_filtered(console: Console) -> None:
    """Not to be kept by anybody, named, and with a byte order mark."""
    console.storage.record([Event("refreshed", ANN), Event("revoked", TOWN)])
    answer = await console.http.get("/console/audit.csv?what=consent")
    assert answer.headers["Content-Type"].startswith("text/csv")
    assert "attachment" in answer.headers["Content-Disposition"]
    assert answer.content.startswith("\ufeff".encode())
    rows = list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))
    assert [row[1:] for row in rows] == [["action", "owner", "result"], ["revoked", "淡海", "ok"]]
    assert (await console.http.get("/console/audit.csv?owner=x")).text.count("\n") == 1


async def test_whatever_stands_in_an_address_there_is_a_page(console: Console) -> None:
    """And nothing of it is printed as it came."""
    console.set_aside()
    for path, query in product(GETS, ODD):
        answer = await console.http.get(f"{path}?{query}")
        assert answer.status_code == 200, (path, query)
        assert "<script>" not in answer.text
        assert "<b>&lt;" not in answer.text


# Buttons


async def test_a_copy_is_restored_and_the_trail_says_who_said_so(console: Console) -> None:
    """Google cannot be asked here, which is said; a second press finds it gone."""
    copy = console.set_aside()
    with capture_logs() as log:
        answer = await console.press("/console/quarantine/restore", copy=copy)
    assert answer.status_code == 303
    assert answer.headers["Location"] == "/console/quarantine?done=restored_unsure"
    assert console.custody.store.load(ANN) is not None
    admin = MASK("user:900")
    assert console.trail() == [("confirmed", admin, "restored"), ("restored", MASK(ANN.name), "ok")]
    assert [e["result"] for e in log if e["event"] == "console_changed"] == ["restored"]
    assert (
        "could not be asked" in (await console.page(answer.headers["Location"])).all("main")[0].text
    )
    again = await console.press("/console/quarantine/restore", copy=copy)
    assert again.headers["Location"] == "/console/quarantine?done=gone"


async def test_a_departments_copy_says_whose_it_is(console: Console) -> None:
    """Beside its mask, by which it is purged as everybody's."""
    console.set_aside(TOWN)
    for path in ("/console", "/console/quarantine"):
        [row] = [one for one in (await console.page(path)).elements if "qrow" in one.classes]
        assert MASK(TOWN.name) in row.text
        assert "淡海" in row.text


async def test_a_usable_credential_is_not_replaced(console: Console) -> None:
    """Its owner has connected again."""
    copy = console.set_aside()
    console.custody.store.save_consent(a_credential(ANN))
    with capture_logs() as log:
        answer = await console.press("/console/quarantine/restore", copy=copy)
    assert answer.headers["Location"].endswith("done=superseded")
    assert [e["result"] for e in log if e["event"] == "console_refused"] == ["superseded"]
    assert console.custody.store.copies.size() == 1


@pytest.mark.parametrize("word", ["", "yes", "u_", "u_aaaaaaaaaaaaaaaa"])
async def test_a_wrong_word_purges_nothing(console: Console, word: str) -> None:
    """The page says so, at the field, in the open question."""
    copy = console.set_aside()
    answer = await console.press("/console/quarantine/purge", copy=copy, confirm=word)
    assert answer.status_code == 303
    page = await console.page(answer.headers["Location"])
    [field] = [one for one in page.all("input") if one.attributes.get("name") == "confirm"]
    assert field.attributes["aria-invalid"] == "true"
    [asked] = [one for one in page.all("details") if "open" in one.attributes]
    assert "Nothing was deleted" in asked.text
    assert console.custody.store.copies.size() == 1
    assert console.trail() == []


async def test_the_mask_purges_that_copy_alone(console: Console) -> None:
    """For good, with who said so before."""
    console.set_aside(BOB)
    copy = console.set_aside()
    mask = MASK(ANN.name)
    answer = await console.press("/console/quarantine/purge", copy=copy, confirm=f" {mask} ")
    assert answer.headers["Location"] == "/console/quarantine?done=purged"
    assert console.custody.store.copies.owners() == {BOB}
    assert console.trail() == [("confirmed", MASK("user:900"), "purged"), ("purged", mask, "ok")]


async def test_an_operator_is_nobody_in_the_trail(console: Console) -> None:
    """Whoever came by a command has no mask; their name is none of an owner's."""
    console.cookies.session = Session("s" * 64, "operator:Ops", SecretStr(TOKEN))
    copy = console.set_aside()
    await console.press("/console/quarantine/purge", copy=copy, confirm=MASK(ANN.name))
    assert console.trail()[0] == ("confirmed", None, "purged")
    assert "Ops" in (await console.page("/console")).all("header")[0].text


async def test_those_on_hold_are_set_aside_when_an_administrator_says_so(console: Console) -> None:
    """They are asked first; who moved meanwhile is left alone."""
    state, storage = console.custody.state, console.storage
    store, now = console.custody.store, storage.now()
    store.save_consent(a_credential(ANN))
    version = store.read(ANN).version
    assert version is not None
    state.rejections.reject(ANN, "invalid_grant", version, now)
    kept = {"rejection": ["invalid_grant", now, version, True, False], "rejected": [now, True]}
    Documents(storage, MAINTENANCE).write(OWNER + ANN.stem, {"owner": ANN.name, **kept})
    state.rejections.load_entry(ANN, kept)
    held = {"since": now, "owners": 1, "told": True, "until": None}
    Documents(storage, MAINTENANCE).write(INCIDENT + HOLD, held)
    page = await console.page("/console/quarantine")
    assert "On hold" in page.all("main")[0].text
    asked = await console.page("/console/quarantine?ask=held")
    assert "Set 1 credential aside?" in asked.all("main")[0].text
    answer = await console.press("/console/quarantine/held", count="1")
    assert answer.headers["Location"] == "/console/quarantine?done=held&moved=1&of=people"
    assert "Whoever uses the bot is asked" in await text_of(console, answer.headers["Location"])
    assert store.load(ANN) is None
    assert [entry[0] for entry in console.trail()] == ["confirmed", "quarantined"]


async def test_what_was_set_aside_is_counted_and_says_who_acts(console: Console) -> None:
    """Nobody asks for a department in a chat; who was authorised meanwhile is not counted."""
    state, store, now = console.custody.state, console.custody.store, console.storage.now()
    for owner in (TANHAE.owner, ANPING.owner):
        store.save_consent(a_credential(owner))
        version = store.read(owner).version
        assert version is not None
        kept = {"rejection": ["invalid_grant", now, version, True, False], "rejected": [now, True]}
        Documents(console.storage, MAINTENANCE).write(
            OWNER + owner.stem, {"owner": owner.name, **kept}
        )
        state.rejections.load_entry(owner, kept)
    held = {"since": now, "owners": 2, "told": True, "until": None}
    Documents(console.storage, MAINTENANCE).write(INCIDENT + HOLD, held)
    assert "Set 2 credentials aside?" in await text_of(console, "/console/quarantine?ask=held")
    store.save_consent(a_credential(ANPING.owner))
    said = await text_of(console, "/console/quarantine?ask=held")
    assert "Set 1 credential aside? An administrator authorises departments again" in said
    assert "in the chat" not in said
    answer = await console.press("/console/quarantine/held", count="1")
    said = await text_of(console, answer.headers["Location"])
    assert "1 credential was set aside." in said
    assert "An administrator authorises departments again" in said
    assert "in the chat" not in said
    answer = await console.press("/console/quarantine/held", count="1")
    assert "Nothing was set aside." in await text_of(console, answer.headers["Location"])


async def text_of(console: Console, path: str) -> str:
    """What a page's main part says."""
    return " ".join((await console.page(path)).all("main")[0].text.split())


async def test_computers_are_disabled_unblocked_and_cleared(console: Console) -> None:
    """Each with who did it, and what is not there any more is said."""
    client, _ = console.desk.clients.add("tanhae", "行控中心 1", {"upload"}, "user:900")
    asked = await console.page(f"/console/computers?ask=disable&client={client.id}")
    assert "Disable “行控中心 1”?" in asked.all("main")[0].text
    await console.desk.block(client.id, "user:900")
    assert "Blocked" in (await console.page("/console/computers")).all("main")[0].text
    pressed = [
        ("unblock", {"client": client.id}, "unblocked"),
        ("revoke", {"client": client.id}, "disabled"),
        ("unblock", {"client": client.id}, "no_computer"),
        ("revoke", {"client": "0" * 12}, "no_computer"),
        ("unblock", {"client": "../x"}, "no_computer"),
        ("dismiss", {"alarm": "client_busy." + client.id}, "no_alarm"),
    ]
    for path, fields, done in pressed:
        answer = await console.press(f"/console/computers/{path}", **fields)
        assert answer.headers["Location"] == f"/console/computers?done={done}"
    kept = console.desk.clients.find(client.id)
    assert kept is not None
    assert (kept.state, kept.changed_by) == ("revoked", "user:900")


async def test_no_id_of_anybody_is_in_any_page(console: Console) -> None:
    """Masks alone, and ids that are made of them."""
    owner = Owner.user(77501)
    console.set_aside(owner)
    console.storage.record([Event("authorised", owner)])
    for path in GETS:
        text = (await console.http.get(path)).text
        assert not re.search("77501", text), path
