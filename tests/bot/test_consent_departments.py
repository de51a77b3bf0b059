"""People in chats and departments on a page: two flows, two clients, one process, one storage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from fastapi import FastAPI, Request
from pydantic import SecretStr

from bot.connecting import consent_outcome
from departments.administrators.sessions import Session
from departments.authorising.consents import AuthorisingParts, DepartmentConsents
from departments.authorising.outcomes import Outcomes
from departments.names import Department
from departments.secret import AccessSecret
from drive import DriveApi, Drives
from processes.storage import mask_of, storage_of
from processes.wiring import Custody, CustodyOptions, custody
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from security.credential import Owner
from tests.fixtures import RunningBot, StartBot
from tests.journeys import ask_link, claim_code, confirm, connect, open_page, until
from web.callback import add_callback
from web.chat_returns import ChatParts, ChatReturns
from web.department_returns import DepartmentReturns
from web.gate.hosts import Hosts
from web.serving import listen, serving

People = Callable[..., Person]
pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
TANHAE = Department("tanhae", "淡海")
WEB = {"WEB_GOOGLE_CLIENT_ID": "web.apps.googleusercontent.com", "WEB_GOOGLE_CLIENT_SECRET": "web"}


async def session_of(request: Request) -> Session | None:
    """The gate looks it up; here the cookie says it."""
    cookie = request.cookies.get("session")
    return None if cookie is None else Session(cookie, "user:501", SecretStr("form"))


@asynccontextmanager
async def serving_both(bot: RunningBot) -> AsyncIterator[tuple[Custody, DepartmentConsents, int]]:
    """The callback of a process that serves the bot's people and departments; and its port."""
    mask, settings, core = mask_of(bot.settings), bot.settings, bot.services.core
    storage = await asyncio.to_thread(storage_of, settings, mask)
    async with custody(settings, storage, mask, CustodyOptions.of(settings)) as parts:
        drives = Drives(DriveApi(settings.google_api_endpoint), parts.custodian, threads=2)
        secret = await parts.workers.run(AccessSecret.of, storage)
        outcomes = Outcomes(storage, secret)
        consents = DepartmentConsents(
            AuthorisingParts(
                parts.consent_flows(drives.account, on_over=outcomes.note),
                outcomes,
                parts.custodian,
                parts.disconnecting,
                parts.workers,
                settings.web_google_client,
            )
        )
        chat = ChatParts(
            consents=core.consents,
            offers_callback=core.consent_method.flow == "callback",
            bot_link=lambda: "https://t.me/sandbox_bot",
            on_approved=partial(consent_outcome.tell_approved, bot.services, bot.application.bot),
            on_refused=partial(consent_outcome.tell_refused, bot.services, bot.application.bot),
        )
        listener = listen("127.0.0.1", 0)
        port = listener.getsockname()[1]
        hosts = Hosts(f"http://127.0.0.1:{port}")
        returns = DepartmentReturns(consents, session_of, hosts, is_alone=False)
        app = FastAPI()
        add_callback(app, ChatReturns(chat), returns)
        async with serving(app, listener):
            yield parts, consents, port
        await drives.close()


async def authorise(
    google: GoogleControls,
    consents: DepartmentConsents,
    port: int,
    session: str = "mine",
    **headers: str,
) -> int:
    """The department's whole way; the status of the page at its end."""
    pending = await consents.begin(
        TANHAE, "mine", f"http://127.0.0.1:{port}/api/auth/google/callback"
    )
    redirected = await google.consent(pending.address, "town@example.com")
    status, _ = await open_page(redirected, Cookie=f"session={session}", **headers)
    return status


async def test_a_device_bot_and_a_department_are_asked_at_once(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Each by its own client; and the bot refreshes what either was given."""
    await google.act("client", client_id=WEB["WEB_GOOGLE_CLIENT_ID"], secret="web")
    async with start_bot(WEB_PORT=0, **WEB) as bot, serving_both(bot) as (_, consents, port):
        ann = people()
        _, status = await asyncio.gather(
            connect(ann, google, "amy@example.com"), authorise(google, consents, port)
        )
        assert status == 303
        custodian = bot.services.core.custodian
        anns, towns = await custodian.load(Owner.user(501)), await custodian.load(TANHAE.owner)
        assert anns is not None
        assert towns is not None
        assert (anns.client_id, towns.client_id) == (
            bot.settings.google_client_id,
            WEB["WEB_GOOGLE_CLIENT_ID"],
        )
        kept = await custodian.refresh(TANHAE.owner, rejected=towns.access_token)
        assert kept.asked
        assert (await consents.revoke(TANHAE)).revoked
        assert await custodian.load(Owner.user(501)) is not None


async def test_one_address_takes_a_chats_people_and_departments_back(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """And neither is taken for the other."""
    async with start_bot(flow="callback") as bot, serving_both(bot) as (parts, consents, port):
        ann = people()
        redirected = await google.consent(await ask_link(ann), "amy@example.com")
        here = redirected.replace(bot.settings.public_url or "", f"http://127.0.0.1:{port}")
        assert await authorise(google, consents, port, session="another") == 403
        (status, page), towns = await asyncio.gather(
            open_page(here, Cookie="session=mine"), authorise(google, consents, port)
        )
        assert (status, towns) == (200, 303)
        await ann.start(claim_code(page))
        await confirm(ann, "amy@example.com")
        assert await parts.custodian.load(TANHAE.owner) is not None


async def test_a_proxy_may_pass_a_chats_people_on_under_a_name_of_its_own(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """As before departments came; theirs come to PUBLIC_URL's host alone."""
    async with start_bot(flow="callback") as bot, serving_both(bot) as (parts, consents, port):
        ann = people()
        redirected = await google.consent(await ask_link(ann), "amy@example.com")
        here = redirected.replace(bot.settings.public_url or "", f"http://127.0.0.1:{port}")
        assert await authorise(google, consents, port, Host="evil.test") == 400
        assert await parts.custodian.load(TANHAE.owner) is None
        status, _ = await open_page(here, Host="drivekeeper:8080")
        assert status == 200


async def test_the_bots_start_and_its_clock_leave_departments_alone(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """A bot that finds a department's request has nobody to tell: whose session it is, it asks."""
    async with start_bot(flow="callback") as bot, serving_both(bot) as (_, consents, port):
        pending = await consents.begin(
            TANHAE, "mine", f"{bot.settings.public_url}/api/auth/google/callback"
        )
        redirected = await google.consent(pending.address, "town@example.com")
        status, _ = await open_page(redirected, Cookie="session=mine")
        assert status == 403
    async with start_bot(flow="callback") as bot, serving_both(bot) as (_, consents, port):
        await until(bot.services.telegram_health.is_alive)
        assert await bot.services.core.consents.all() == []
        assert "handler_failed" not in bot.log.getvalue()
        query = redirected.partition("?")[2]
        here = f"http://127.0.0.1:{port}/api/auth/google/callback?{query}"
        assert (await open_page(here, Cookie="session=mine"))[0] == 303
