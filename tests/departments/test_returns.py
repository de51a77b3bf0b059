"""Administrators who come back from Google, by a real port: where they are led, what is said."""

from __future__ import annotations

import asyncio
import io
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlencode

import aiohttp
import pytest
import structlog
from fastapi import FastAPI, Request
from pydantic import SecretStr

from departments.administrators.sessions import Session
from security.errors import OperatorFault
from tests.departments.kit import MINE, OTHERS, TANHAE, Browser, consents_of
from tests.security.kit import AMY, BEN, TOWN, World, answer_of, secret
from web.callback import add_callback
from web.department_returns import DepartmentReturns
from web.gate.hosts import Hosts
from web.serving import listen, serving

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
COOKIE = "session"


@dataclass
class Answer:
    """What a browser gets."""

    status: int
    leads_to: str
    text: str
    headers: dict[str, str]


class Site:
    """The web front of one process, at a port of its own."""

    def __init__(self, world: World, port: int) -> None:
        self.world, self.port = world, port
        self.browser = Browser(world, consents_of(world, world.new_custody()))

    async def open(self, redirected: str, session: str | None = MINE, **headers: str) -> Answer:
        """Follow an address of Google's, here."""
        return await self.get(redirected.partition("?")[2], session, **headers)

    async def get(self, query: str, session: str | None = MINE, **headers: str) -> Answer:
        """Ask for the callback."""
        address = f"http://127.0.0.1:{self.port}/api/auth/google/callback?{query}"
        cookies = {} if session is None else {COOKIE: session}
        async with (
            aiohttp.ClientSession(cookies=cookies) as client,
            client.get(address, headers=headers, allow_redirects=False) as response,
        ):
            found = {name.lower(): value for name, value in response.headers.items()}
            leads_to = found.get("location", "")
            return Answer(response.status, leads_to, await response.text(), found)


async def session_of(request: Request) -> Session | None:
    """The gate looks it up in the storage; here the cookie says it."""
    cookie = request.cookies.get(COOKIE)
    if cookie == "unreadable":
        raise OperatorFault("the database does not answer", code="database_unreachable")
    return None if cookie is None else Session(cookie, "user:501", SecretStr("form"))


@asynccontextmanager
async def a_site(world: World) -> AsyncIterator[Site]:
    """One more process."""
    listener = listen("127.0.0.1", 0)
    site = Site(world, listener.getsockname()[1])
    hosts = Hosts(f"http://127.0.0.1:{listener.getsockname()[1]}")
    returns = DepartmentReturns(site.browser.consents, session_of, hosts, is_alone=True)
    app = FastAPI()
    add_callback(app, None, returns)
    async with serving(app, listener):
        yield site


@pytest.fixture
async def site(world: World) -> AsyncIterator[Site]:
    async with a_site(world) as made:
        yield made


async def redirected(site: Site, account: str = AMY, **options: bool) -> str:
    """Asked, and answered at Google's page; not opened yet."""
    pending = await site.browser.begin()
    return await site.world.google.consent(pending.address, account, **options)


def secrets_of(address: str) -> list[str]:
    """What is in an address of Google's that is for nobody else."""
    answer = answer_of(address)
    return [answer["state"], answer["code"]]


async def exchanges(world: World) -> int:
    """How often Google was sent a code."""
    return int((await world.google.calls())["counts"].get("google.token.exchange", 0))


SETTINGS = "/settings/google?department=tanhae"


async def test_whoever_asked_is_led_to_the_settings(site: Site) -> None:
    address = await redirected(site)
    first, again = await site.open(address), await site.open(address)
    assert (first.status, first.leads_to) == (303, f"{SETTINGS}&done=authorised")
    assert (again.status, again.leads_to) == (first.status, first.leads_to)
    assert first.headers["cache-control"] == "no-store"
    assert first.headers["referrer-policy"] == "no-referrer"
    asked = await site.open(await redirected(site, BEN))
    assert (asked.status, asked.leads_to) == (303, SETTINGS)
    declined = await site.open(await redirected(site, allow=False))
    assert (declined.status, declined.leads_to) == (303, f"{SETTINGS}&error=access_denied")
    unticked = await site.open(await redirected(site, grant_drive=False))
    assert unticked.leads_to == f"{SETTINGS}&error=scope_missing"


@pytest.mark.parametrize("session", [OTHERS, None], ids=["another session", "none"])
async def test_another_browser_is_told_nothing(
    site: Site, world: World, session: str | None
) -> None:
    """And what it has brought is in no page."""
    address = await redirected(site)
    answer = await site.open(address, session)
    assert (answer.status, answer.leads_to) == (403, "")
    assert "another browser" in answer.text
    for said in (*secrets_of(address), AMY, "tanhae", "淡海"):
        assert said not in answer.text
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert await exchanges(world) == 0
    assert world.store.load(TOWN) is None
    assert (await site.open(address)).leads_to == f"{SETTINGS}&done=authorised"


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"state": "x" * 43, "code": "4/0A"},
        {"state": "<script>alert(1)</script>", "error": "<script>alert(1)</script>"},
        {"state": "\0" * 43, "code": "4/0A", "next": "https://evil.example"},
        {"error": "access_denied"},
    ],
    ids=["nothing", "unknown", "script", "NUL", "no state"],
)
async def test_what_nobody_asked_for_is_no_redirect_and_no_echo(
    site: Site, query: dict[str, str]
) -> None:
    answer = await site.get(urlencode(query))
    assert (answer.status, answer.leads_to) == (400, "")
    assert "is over" in answer.text
    assert "alert" not in answer.text
    assert "evil" not in answer.text


async def test_googles_words_are_never_repeated(site: Site) -> None:
    pending = await site.browser.begin()
    query = {
        "state": secret(pending.state),
        "error": "\r\nSet-Cookie: a=b",
        "error_uri": "http://x",
    }
    answer = await site.get(urlencode(query))
    assert answer.leads_to == f"{SETTINGS}&error=invalid_request"
    assert "set-cookie" not in answer.headers


async def test_half_an_address_is_refused_and_spends_nothing(site: Site) -> None:
    address = await redirected(site)
    half = await site.get(urlencode({"state": answer_of(address)["state"]}))
    assert half.status == 400
    assert (await site.open(address)).leads_to == f"{SETTINGS}&done=authorised"


async def test_a_prefetch_spends_nothing(site: Site, world: World) -> None:
    address = await redirected(site)
    answer = await site.open(address, **{"Sec-Purpose": "prefetch;prerender"})
    assert (answer.status, answer.text) == (503, "")
    assert await exchanges(world) == 0
    assert (await site.open(address)).leads_to == f"{SETTINGS}&done=authorised"


async def test_without_a_storage_nothing_is_spent(site: Site, world: World) -> None:
    address = await redirected(site)
    assert (await site.open(address, "unreadable")).status == 503
    assert await exchanges(world) == 0
    assert (await site.open(address)).leads_to == f"{SETTINGS}&done=authorised"


async def test_a_page_does_not_wait_for_google_longer_than_people_do(
    site: Site, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on all the same, and the settings say so until it is done."""
    address, consents = await redirected(site), site.browser.consents
    await world.google.fault("google.token.exchange", "latency", seconds=60)
    with monkeypatch.context() as patched:
        patched.setattr("departments.authorising.consents._PATIENCE_SECONDS", 0.05)
        patched.setattr("departments.authorising.consents._GLANCE_SECONDS", 0.05)
        assert (await site.open(address)).leads_to == f"{SETTINGS}&done=waiting"
        asked = await consents.current(TANHAE, MINE)
    assert asked is not None
    assert asked.stage == "under_way"
    await world.google.clear_faults()
    while await consents.current(TANHAE, MINE) is not None:  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    outcome = await consents.last_outcome(TANHAE, MINE)
    assert outcome is not None
    assert outcome.result == "ok"
    assert (await site.open(address)).leads_to == f"{SETTINGS}&done=authorised"


@pytest.fixture
def lines(restored_logging: None) -> Iterator[io.StringIO]:
    """Everything that is logged, unredacted: as the code itself says it."""
    found = io.StringIO()
    structlog.configure(logger_factory=structlog.WriteLoggerFactory(found))
    handler = logging.StreamHandler(found)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.DEBUG)
    yield found
    logging.getLogger().removeHandler(handler)


async def test_the_proof_key_leaves_the_server_for_google_alone(
    site: Site, lines: io.StringIO
) -> None:
    """RFC 7636: no page, header, address or line of the log has it."""
    pending = await site.browser.begin()
    verifier = secret(pending.code_verifier)
    seen = [pending.address, repr(pending), str(pending)]
    back = await site.world.google.consent(pending.address, AMY)
    for session in (None, OTHERS, MINE, MINE):
        answer = await site.open(back, session)
        seen += [answer.text, answer.leads_to, str(answer.headers)]
    assert verifier
    assert not any(verifier in text for text in (*seen, lines.getvalue()))
    for said in ("access_denied", "consent_saved"):
        assert said in lines.getvalue()
    for value in (*secrets_of(back), AMY, MINE, OTHERS):
        assert value not in lines.getvalue()


async def test_another_browser_is_logged_once(site: Site, lines: io.StringIO) -> None:
    address = await redirected(site)
    await site.open(address, OTHERS)
    [line] = [line for line in lines.getvalue().splitlines() if "access_denied" in line]
    assert "other_session" in line
