"""The callback flow: consent page, our page, and back into the asker's own chat."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from urllib.parse import parse_qs, urlsplit, urlunsplit

import aiohttp
import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from security.consent.flows import ConsentFlows
from security.consent.pending import PendingConsents
from security.credential import Owner
from tests.fixtures import RunningBot, StartBot
from tests.journeys import (
    ask_device_code,
    ask_link,
    claim_code,
    confirm,
    forge_tap,
    open_page,
    until,
    until_struck,
)
from tests.stores import storage_in

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")


@pytest.fixture
async def bot(start_bot: StartBot) -> AsyncIterator[RunningBot]:
    """The bot with the callback flow."""
    async with start_bot(flow="callback") as running:
        yield running


async def test_connecting_by_the_pages_button(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The whole way, and the bot writes at each step."""
    ann = people()
    redirected = await google.consent(await ask_link(ann), "amy@example.com")
    status, page = await open_page(redirected)
    assert status == 200
    await ann.wait_for("Google says yes")
    await ann.start(claim_code(page))
    await confirm(ann, "amy@example.com")


async def test_approving_somebody_elses_link_gives_nobody_anything(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Eve sends Ann her link; Ann approves: neither Eve nor Ann is connected to Ann's Drive."""
    eve, ann = people(666, "Eve"), people(501, "Ann")
    await ann.start()
    redirected = await google.consent(await ask_link(eve), "amy@example.com")
    _, page = await open_page(redirected)
    await ann.start(claim_code(page))
    await ann.wait_for("does not belong to your latest request")
    await eve.start("guessed-code")
    await eve.wait_for("does not belong to your latest request")
    for user_id in (501, 666):
        assert await bot.services.core.custodian.load(Owner.user(user_id)) is None


async def exchanges(google: GoogleControls) -> int:
    """How often Google was sent a code."""
    return await counted(google, "google.token.exchange")


async def counted(google: GoogleControls, operation: str) -> int:
    """How often it was asked for."""
    return int((await google.calls())["counts"].get(operation, 0))


async def test_a_reload_shows_the_same_page_until_its_button_was_used(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Whatever opened the address first: a scanner, a double click, a restored tab."""
    ann = people()
    redirected = await google.consent(await ask_link(ann), "amy@example.com")
    first, *others = await asyncio.gather(*(open_page(redirected) for _ in range(5)))
    assert first[0] == 200
    assert all(page == first for page in [*others, await open_page(redirected)])
    assert await exchanges(google) == 1
    assert await counted(google, "google.drive.about") == 1
    other = urlunsplit(urlsplit(redirected)._replace(query=state_alone(redirected) + "&code=4/0A"))
    status, page = await open_page(other)
    assert (status, "This link is over" in page) == (400, True)
    await ann.start(claim_code(first[1]))
    await ann.wait_for("amy@example.com has approved")
    status, page = await open_page(redirected)
    assert (status, "This link is over" in page) == (400, True)
    await ann.tap("Yes, that is mine")
    await ann.wait_for("Connected as amy@example.com")
    assert (await open_page(redirected))[0] == 400
    assert await exchanges(google) == 1


async def is_noted(consents: ConsentFlows, person: Person) -> bool:
    """Whether the bot has written down which message shows the request."""
    found = await consents.latest(Owner.user(person.id))
    return found is not None and found.message_id != 0


async def ask_noted_link(bot: RunningBot, person: Person) -> str:
    """Likewise, once the bot has written down which message it is in, and edits that."""
    address, consents = await ask_link(person), bot.services.core.consents
    async with asyncio.timeout(30):
        while not await is_noted(consents, person):  # noqa: ASYNC110 - the disk tells nobody
            await asyncio.sleep(0.01)
    return address


async def test_a_reload_tells_the_chat_nothing_twice(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """An address may be opened any number of times."""
    ann = people()
    redirected = await google.consent(await ask_noted_link(bot, ann), "amy@example.com")
    await asyncio.gather(*(open_page(redirected) for _ in range(20)))
    for _ in range(5):
        await open_page(redirected)
    await ann.wait_for("Google says yes")
    assert await counted(google, "telegram.editMessageText") == 1
    link = await ask_noted_link(bot, ann)
    declined = await google.consent(link, "amy@example.com", allow=False)
    edits = await counted(google, "telegram.editMessageText")
    await asyncio.gather(*(open_page(declined) for _ in range(20)))
    await ann.wait_for("You declined")
    assert await counted(google, "telegram.editMessageText") == edits + 1


async def test_a_chat_that_hangs_keeps_no_page_waiting(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The page has the button; Telegram may take its time."""
    ann = people()
    redirected = await google.consent(await ask_link(ann), "amy@example.com")
    await google.fault("telegram.editMessageText", "hang", count=0)
    async with asyncio.timeout(20):
        status, page = await open_page(redirected)
    assert status == 200
    await google.clear_faults()
    await ann.start(claim_code(page))
    await confirm(ann, "amy@example.com")


async def test_a_page_does_not_wait_for_google_longer_than_people_do(
    bot: RunningBot, google: GoogleControls, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes on all the same: the chat is told, and the page is there when it is loaded again."""
    ann = people()
    redirected = await google.consent(await ask_link(ann), "amy@example.com")
    await google.fault("google.drive.about", "latency", seconds=60)
    with monkeypatch.context() as impatient:
        impatient.setattr("web.chat_returns._PATIENCE_SECONDS", 0.5)
        status, page = await open_page(redirected)
    assert (status, "Start again in the chat" in page) == (503, True)
    await google.clear_faults()
    await ann.wait_for("Google says yes")
    status, page = await open_page(redirected)
    await ann.start(claim_code(page))
    await confirm(ann, "amy@example.com")


def state_alone(redirected: str) -> str:
    """The query with the state, and nothing of Google's answer."""
    return f"state={parse_qs(urlsplit(redirected).query)['state'][0]}"


@pytest.mark.parametrize(
    "header",
    [
        {"Sec-Purpose": "prefetch"},
        {"Sec-Purpose": "prefetch;prerender"},
        {"Sec-Purpose": "prefetch;anonymous-client-ip"},
        {"Purpose": "prefetch"},
        {"X-Purpose": "preview"},
        {"X-Moz": "prefetch"},
    ],
    ids=str,
)
@pytest.mark.one_way
async def test_a_prefetch_spends_nothing(
    bot: RunningBot, google: GoogleControls, people: People, header: dict[str, str]
) -> None:
    """A browser that guesses what is opened next is not the person."""
    ann = people()
    redirected = await google.consent(await ask_link(ann), "amy@example.com")
    status, page = await open_page(redirected, **header)
    assert (status, page) == (503, "")
    assert await exchanges(google) == 0
    status, page = await open_page(redirected)
    assert status == 200
    await ann.start(claim_code(page))
    await confirm(ann, "amy@example.com")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "POST", "PUT"])
async def test_other_methods_spend_nothing(
    bot: RunningBot, google: GoogleControls, people: People, method: str
) -> None:
    """Link checkers begin with HEAD."""
    redirected = await google.consent(await ask_link(people()), "amy@example.com")
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, redirected) as response,
    ):
        assert response.status == 405
    assert await exchanges(google) == 0
    assert (await open_page(redirected))[0] == 200


async def test_half_an_address_spends_nothing(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """A scanner that cuts the answer off is no refusal of the person's."""
    redirected = await google.consent(await ask_link(people()), "amy@example.com")
    half = urlunsplit(urlsplit(redirected)._replace(query=state_alone(redirected)))
    assert (await open_page(half))[0] == 400
    assert (await open_page(redirected))[0] == 200


async def test_pressing_start_again_asks_again_and_saves_once(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """And once it is confirmed, it is over."""
    ann = people()
    _, page = await open_page(await google.consent(await ask_link(ann), "amy@example.com"))
    for _ in range(2):
        await ann.start(claim_code(page))
        await ann.wait_for("amy@example.com has approved")
    assert await bot.services.core.custodian.load(Owner.user(501)) is None
    await ann.tap("Yes, that is mine")
    await ann.wait_for("Connected")
    await ann.start(claim_code(page))
    await ann.wait_for("You are connected as amy@example.com. Nothing has changed")
    credential = await bot.services.core.custodian.load(Owner.user(501))
    assert credential is not None
    assert credential.generation == 1


async def test_a_strangers_account_is_shown_and_refused(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Ann was made to open a link of a stranger's consent: she sees whose, and says no."""
    ann = people()
    await ann.send_document(b"mine", "mine.txt")
    await ann.wait_for("is waiting")
    _, page = await open_page(await google.consent(await ask_link(ann), "mallory@example.com"))
    await ann.start(claim_code(page))
    await ann.wait_for("mallory@example.com has approved")
    await ann.tap("No, not mine")
    await ann.wait_for("Nothing was connected")
    assert await google.files("mallory@example.com") == []
    await until(lambda: "mallory@example.com" not in bot.stored_text())


async def test_nothing_is_uploaded_before_the_account_is_confirmed(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Files wait for the tap, not for Google's yes."""
    ann = people()
    await ann.send_document(b"wait", "wait.txt")
    await ann.wait_for("is waiting")
    _, page = await open_page(await google.consent(await ask_link(ann), "amy@example.com"))
    await ann.start(claim_code(page))
    await ann.wait_for("has approved")
    assert (await google.calls())["counts"].get("google.upload.start", 0) == 0
    await ann.tap("Yes, that is mine")
    await ann.wait_for("wait.txt (4 bytes) is in your Drive")


async def test_a_forged_tap_does_not_save_what_was_not_claimed(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Eve had Amy approve her link, and sends the button's data that she was never shown."""
    eve = people(666, "Eve")
    await open_page(await google.consent(await ask_link(eve), "amy@example.com"))
    pending = await bot.services.core.consents.latest(Owner.user(666))
    assert pending is not None
    await forge_tap(eve, f"consent-yes:{pending.id}")
    await eve.wait_for("has expired")
    assert await bot.services.core.custodian.load(Owner.user(666)) is None


async def test_a_wrong_state_is_refused(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """A code glued to a made-up state is not redeemed."""
    ann = people()
    redirected = urlsplit(await google.consent(await ask_link(ann), "amy@example.com"))
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
    hers = urlsplit(await google.consent(await ask_link(ann), "amy@example.com"))
    evil = urlsplit(await google.consent(await ask_link(eve), "eve@example.com"))
    state, code = parse_qs(hers.query)["state"][0], parse_qs(evil.query)["code"][0]
    status, _ = await open_page(urlunsplit(hers._replace(query=f"state={state}&code={code}")))
    assert status == 400
    assert await bot.services.core.custodian.load(Owner.user(501)) is None


async def test_declining_is_said_on_the_page(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """In the browser's language."""
    ann = people()
    redirected = await google.consent(await ask_link(ann), "amy@example.com", allow=False)
    status, page = await open_page(redirected, "zh-TW,zh;q=0.9")
    assert status == 400
    assert "沒有連接任何帳號" in page


async def test_an_unticked_box_is_explained_on_the_page(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Granted scopes must contain drive.file."""
    redirected = await google.consent(
        await ask_link(people()), "amy@example.com", grant_drive=False
    )
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
    redirected = await google.consent(await ask_link(people()), "amy@example.com")
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
        address = await ask_link(ann)
    async with start_bot(flow="callback") as bot:
        # Only the sandbox gives every start another port; the path and query are Google's.
        redirected = urlsplit(await google.consent(address, "amy@example.com"))
        port = bot.settings.web_port
        moved = urlunsplit(redirected._replace(netloc=f"127.0.0.1:{port}"))
        _, page = await open_page(moved)
    async with start_bot(flow="callback") as bot:
        moved = urlunsplit(redirected._replace(netloc=f"127.0.0.1:{bot.settings.web_port}"))
        assert (await open_page(moved))[1] == page
        await ann.start(claim_code(page))
        await ann.wait_for("amy@example.com has approved")
    async with start_bot(flow="callback"):
        await ann.tap("Yes, that is mine")
        await ann.wait_for("Connected as amy@example.com")
    assert await exchanges(google) == 1


async def test_a_link_is_served_whatever_the_bot_asks_with_now(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Ann has a link, Bob is asked for a device code: each is connected in their own way."""
    ann, bob = people(501, "Ann"), people(502, "Bob")
    async with start_bot(flow="callback"):
        redirected = urlsplit(await google.consent(await ask_link(ann), "amy@example.com"))
    async with start_bot(flow="device") as bot:
        code = await ask_device_code(bob)
        moved = redirected._replace(netloc=f"127.0.0.1:{bot.settings.web_port}")
        status, page = await open_page(urlunsplit(moved))
        assert status == 200
        await ann.wait_for("Google says yes")
        await ann.start("guessed-code")
        await ann.wait_for("does not belong to your latest request")
        await ann.start(claim_code(page))
        await confirm(ann, "amy@example.com")
        await google.approve_device(code, "ben@example.com")
        await confirm(bob, "ben@example.com")
        status, page = await open_page(urlunsplit(moved))
        assert (status, "This link is over" in page) == (404, True)


async def test_where_nobody_is_sent_to_the_page_there_is_none(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Nor is another flow's state one of its own."""
    ann = people()
    async with start_bot(flow="paste") as bot:
        redirected = urlsplit(await google.consent(await ask_link(ann), "amy@example.com"))
        base = f"http://127.0.0.1:{bot.settings.web_port}/api/auth/google/callback"
        states = ("", "?state=", "?code=x", "?state=" + "x" * 43 + "&code=x")
        for query in (*states, f"?{redirected.query}"):
            status, page = await open_page(base + query)
            assert (status, "This link is over" in page) == (404, True), query
        assert await exchanges(google) == 0
        await ann.send(urlunsplit(redirected))
        await confirm(ann, "amy@example.com")


async def test_a_code_that_was_with_google_at_a_crash_ends_with_a_word(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Nobody knows what became of it: the chat says so after the start, and the page too."""
    ann = people()
    async with start_bot(flow="callback") as bot:
        redirected = urlsplit(await google.consent(await ask_link(ann), "amy@example.com"))
        consents = PendingConsents(storage_in(bot.folder, bot.keyring))
    pending = consents.load(Owner.user(501))
    assert pending is not None
    consents.replace(pending, stage="redeeming")
    async with start_bot(flow="callback") as bot:
        again = await ann.wait_for("used already")
        assert again.button("connect") is not None
        moved = urlunsplit(redirected._replace(netloc=f"127.0.0.1:{bot.settings.web_port}"))
        assert (await open_page(moved))[0] == 400
    assert await exchanges(google) == 0


async def test_three_hundred_strangers_at_once_keep_nobody_waiting(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Unknown states, and Ann's with codes that are not hers: she still gets her answer."""
    ann = people()
    redirected = await google.consent(await ask_link(ann), "amy@example.com")
    _, page = await open_page(redirected)
    base = urlsplit(redirected)
    queries = [f"state={'x' * 40}{number}&code=4/0A" for number in range(100, 300)]
    queries += [f"{state_alone(redirected)}&code=4/0A{number}" for number in range(100)]
    asked = asyncio.gather(*(open_page(urlunsplit(base._replace(query=q))) for q in queries))
    await ann.send("/status")
    await ann.wait_for("not connected")
    assert {status for status, _ in await asked} == {400}
    await ann.start(claim_code(page))
    await confirm(ann, "amy@example.com")


async def test_the_health_page_tells_whether_telegram_answers(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """What a container's health check asks."""
    base = f"http://127.0.0.1:{bot.settings.web_port}"
    status, body = await open_page(f"{base}/healthz")
    assert (status, body) == (200, '{"alive":true}')
    await google.fault("telegram.getUpdates", "hang", count=0)
    await people().send("hello?")  # the poll that is under way ends, and no later one
    await until_struck(google, "telegram.getUpdates")
    bot.services.telegram_health._last_answer -= 1000
    status, body = await open_page(f"{base}/healthz")
    assert (status, body) == (503, '{"alive":false}')
