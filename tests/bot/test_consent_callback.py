"""The callback flow: consent page, our page, and back into the asker's own chat."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from html import unescape
from urllib.parse import parse_qs, urlsplit, urlunsplit

import aiohttp
import pytest

from sandbox.client import Person
from sandbox.google_client import GoogleControls
from security.credential import Owner
from tests.fixtures import RunningBot, StartBot

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")


@pytest.fixture
async def bot(start_bot: StartBot) -> AsyncIterator[RunningBot]:
    """The bot with the callback flow."""
    async with start_bot(flow="callback") as running:
        yield running


async def ask(person: Person) -> str:
    """/connect; the address of Google's page."""
    await person.send("/connect")
    message = await person.wait_for("Back to Telegram")
    return person.button_url("Open Google's page", message)


async def open_page(address: str, language: str = "en") -> tuple[int, str]:
    """What a browser sees at the redirected address."""
    async with (
        aiohttp.ClientSession(headers={"Accept-Language": language}) as session,
        session.get(address) as response,
    ):
        return response.status, await response.text()


def claim_code(page: str) -> str:
    """The one-time code in the page's button."""
    found = re.search(r'href="([^"]+)"', page)
    assert found, page
    return parse_qs(urlsplit(unescape(found[1])).query)["start"][0]


async def test_connecting_by_the_pages_button(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The whole way, and the bot writes at each step."""
    ann = people()
    redirected = await google.consent(await ask(ann), "amy@example.com")
    status, page = await open_page(redirected)
    assert status == 200
    await ann.wait_for("Google says yes")
    await ann.start(claim_code(page))
    await ann.wait_for("Connected as amy@example.com")


async def test_approving_somebody_elses_link_gives_nobody_anything(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Eve sends Ann her link; Ann approves: neither Eve nor Ann is connected to Ann's Drive."""
    eve, ann = people(666, "Eve"), people(501, "Ann")
    await ann.start()
    redirected = await google.consent(await ask(eve), "amy@example.com")
    _, page = await open_page(redirected)
    await ann.start(claim_code(page))
    await ann.wait_for("does not belong to your latest request")
    await eve.start("guessed-code")
    await eve.wait_for("does not belong to your latest request")
    for user_id in (501, 666):
        assert await bot.services.core.custodian.load(Owner.user(user_id)) is None


async def test_a_redirect_works_once(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """A replay is told so, and does not disturb the first."""
    ann = people()
    redirected = await google.consent(await ask(ann), "amy@example.com")
    _, page = await open_page(redirected)
    status, replay = await open_page(redirected)
    assert status == 400
    assert "This link is over" in replay
    await ann.start(claim_code(page))
    await ann.wait_for("Connected as amy@example.com")


async def test_a_claim_code_works_once(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Pressing START again saves nothing again."""
    ann = people()
    _, page = await open_page(await google.consent(await ask(ann), "amy@example.com"))
    await ann.start(claim_code(page))
    await ann.wait_for("Connected")
    await ann.start(claim_code(page))
    await ann.wait_for("You are connected as amy@example.com. Nothing has changed")
    credential = await bot.services.core.custodian.load(Owner.user(501))
    assert credential is not None
    assert credential.generation == 1


async def test_a_wrong_state_is_refused(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """A code glued to a made-up state is not redeemed."""
    ann = people()
    redirected = urlsplit(await google.consent(await ask(ann), "amy@example.com"))
    code = parse_qs(redirected.query)["code"][0]
    forged = urlunsplit(redirected._replace(query=f"state=made-up&code={code}"))
    status, page = await open_page(forged)
    assert (status, "This link is over" in page) == (400, True)
    assert (await google.calls())["counts"].get("google.token.exchange", 0) == 0


async def test_another_requests_code_is_refused(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """PKCE: Eve's code under Ann's state is of no use."""
    ann, eve = people(501, "Ann"), people(666, "Eve")
    hers = urlsplit(await google.consent(await ask(ann), "amy@example.com"))
    evil = urlsplit(await google.consent(await ask(eve), "eve@example.com"))
    state, code = parse_qs(hers.query)["state"][0], parse_qs(evil.query)["code"][0]
    status, _ = await open_page(urlunsplit(hers._replace(query=f"state={state}&code={code}")))
    assert status == 400
    assert await bot.services.core.custodian.load(Owner.user(501)) is None


async def test_declining_is_said_on_the_page(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """In the browser's language."""
    ann = people()
    redirected = await google.consent(await ask(ann), "amy@example.com", allow=False)
    status, page = await open_page(redirected, "zh-TW,zh;q=0.9")
    assert status == 400
    assert "沒有連接任何帳號" in page


async def test_an_unticked_box_is_explained_on_the_page(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Granted scopes must contain drive.file."""
    redirected = await google.consent(await ask(people()), "amy@example.com", grant_drive=False)
    status, page = await open_page(redirected)
    assert (status, "The box was not ticked" in page) == (400, True)


async def test_rubbish_in_the_callback_is_one_clear_page(bot: RunningBot) -> None:
    """No parameters, odd bytes, very long ones."""
    base = f"{bot.settings.public_url}/api/auth/google/callback"
    for query in ("", "?state=", "?code=x", "?state=%00%ff&code=%00", "?state=" + "x" * 6000):
        status, page = await open_page(base + query)
        assert status == 400, query
        assert "This link is over" in page


async def test_the_page_is_kept_from_caches_frames_and_referrers(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The address holds a code, the page a one-time code."""
    redirected = await google.consent(await ask(people()), "amy@example.com")
    async with aiohttp.ClientSession() as session, session.get(redirected) as response:
        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


async def test_a_request_survives_a_restart(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """States and claim codes are kept on disk."""
    ann = people()
    async with start_bot(flow="callback"):
        address = await ask(ann)
    async with start_bot(flow="callback") as bot:
        # Only the sandbox gives every start another port; the path and query are Google's.
        redirected = urlsplit(await google.consent(address, "amy@example.com"))
        port = bot.settings.web_port
        moved = urlunsplit(redirected._replace(netloc=f"127.0.0.1:{port}"))
        # The redirect address is part of the exchange: the old one is what Google knows.
        object.__setattr__(
            bot.services.core.consents,
            "_redirect_uri",
            urlunsplit(redirected._replace(query="")),
        )
        _, page = await open_page(moved)
        await ann.start(claim_code(page))
        await ann.wait_for("Connected as amy@example.com")


async def test_the_health_page_tells_whether_telegram_answers(bot: RunningBot) -> None:
    """What a container's health check asks."""
    base = f"http://127.0.0.1:{bot.settings.web_port}"
    status, body = await open_page(f"{base}/healthz")
    assert (status, body) == (200, '{"alive":true}')
    bot.services.pulse._last_answer -= 1000
    status, body = await open_page(f"{base}/healthz")
    assert (status, body) == (503, '{"alive":false}')
