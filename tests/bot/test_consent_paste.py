"""The paste flow: the redirected address, sent into the asker's own chat."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from urllib.parse import parse_qs, quote, urlsplit

import pytest
from pydantic import SecretStr

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from security.consent.pending import PendingConsents
from security.credential import Owner
from tests.fixtures import RunningBot, StartBot
from tests.journeys import ask_link, confirm, until
from tests.stores import storage_in

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("off")


@pytest.fixture
async def bot(start_bot: StartBot) -> AsyncIterator[RunningBot]:
    """The bot with the paste flow."""
    async with start_bot(flow="paste") as running:
        yield running


async def test_pasting_the_address_connects_and_removes_it_from_the_chat(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """It holds a code; spent or not, it does not stay."""
    ann = people()
    pasted = await ann.send(await google.consent(await ask_link(ann), "amy@example.com"))
    await confirm(ann, "amy@example.com")
    assert pasted.id not in [message.id for message in ann.messages()]


async def test_an_address_is_taken_whatever_the_bot_asks_with_now(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Ann has a link from before the setting was changed; something else is no address."""
    ann = people()
    async with start_bot(flow="paste"):
        address = await google.consent(await ask_link(ann), "amy@example.com")
    async with start_bot(flow="device"):
        await ann.send("hello")
        await ann.wait_for("That is not the address I need")
        pasted = await ann.send(address)
        await confirm(ann, "amy@example.com")
        assert pasted.id not in [message.id for message in ann.messages()]


async def test_an_address_works_once(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Pasting it again connects nothing again."""
    ann = people()
    address = await google.consent(await ask_link(ann), "amy@example.com")
    await ann.send(address)
    await confirm(ann, "amy@example.com")
    await ann.send(address)
    await ann.wait_for("You are connected as amy@example.com. Nothing has changed")


async def test_pasting_again_before_confirming_asks_again(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The same question; other text meanwhile is no wrong address."""
    ann = people()
    address = await google.consent(await ask_link(ann), "amy@example.com")
    for _ in range(2):
        await ann.send(address)
        await ann.wait_for("amy@example.com has approved")
    await ann.send("and now?")
    await ann.wait_for("Send me a file")
    assert (await google.calls())["counts"]["google.token.exchange"] == 1
    await ann.tap("Yes, that is mine")
    await ann.wait_for("Connected as amy@example.com")


async def test_a_strangers_account_is_shown_and_refused(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Ann was talked into pasting an address that a stranger's browser had got."""
    ann = people()
    await ann.send_document(b"mine", "mine.txt")
    await ann.wait_for("is waiting")
    await ann.send(await google.consent(await ask_link(ann), "mallory@example.com"))
    await ann.wait_for("mallory@example.com has approved")
    assert await bot.services.core.custodian.load(Owner.user(501)) is None
    await ann.tap("No, not mine")
    await ann.wait_for("Nothing was connected")
    assert await google.files("mallory@example.com") == []
    await until(lambda: "mallory@example.com" not in bot.stored_text())


async def test_an_approval_that_an_earlier_version_left_is_asked_about(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """That one died between the account and the saving: the question comes with the start."""
    ann = people()
    async with start_bot(flow="paste") as bot:
        await ann.send(await google.consent(await ask_link(ann), "amy@example.com"))
        await ann.wait_for("has approved")
        consents = PendingConsents(storage_in(bot.folder, bot.keyring))
    pending = consents.load(Owner.user(501))
    assert pending is not None
    assert pending.stage == "approved"
    consents.replace(pending, code_digest=SecretStr(""), message_id=0)  # as it wrote them
    async with start_bot(flow="paste"):
        await ann.wait_for("amy@example.com has approved")
        await ann.tap("Yes, that is mine")
        await ann.wait_for("Connected as amy@example.com")


async def test_another_persons_address_is_refused(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Ann approves Eve's link and pastes it: her chat knows no such request."""
    ann, eve = people(501, "Ann"), people(666, "Eve")
    await ask_link(ann)
    address = await google.consent(await ask_link(eve), "amy@example.com")
    await ann.send(address)
    await ann.wait_for("If somebody else sent it to you, do not use it")
    assert await bot.services.core.custodian.load(Owner.user(501)) is None
    assert await bot.services.core.custodian.load(Owner.user(666)) is None


async def test_declining_is_understood(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The redirected address then carries error=access_denied."""
    ann = people()
    await ann.send(await google.consent(await ask_link(ann), "amy@example.com", allow=False))
    await ann.wait_for("You declined")


@pytest.mark.parametrize(
    "change",
    [
        lambda address: address.replace("&", "&amp;"),
        lambda address: address.replace("&", "&amp;amp;"),
        lambda address: address.replace("&", "&#38;"),
        lambda address: f"<{address}>",
        lambda address: f"[{address}]({address})",
        lambda address: f"`{address}`",
        lambda address: f'Here it is: "{address}", thanks!',
        lambda address: f"  {address}\nThank you",
        lambda address: address.replace("&code=", "\n&code="),
        lambda address: address.replace("&code=", "&\ncode="),
        lambda address: address.replace("&code=4/", "&code=4/\n"),
        lambda address: address.replace("/?", "/?\n"),
        lambda address: quote(address, safe=""),
        lambda address: quote(quote(address, safe=""), safe=""),
        lambda address: address.replace("4/", "4%252F").replace("4%2F", "4%252F"),
        lambda address: address.replace("http://127.0.0.1:47851", "https://localhost"),
        lambda address: address.partition("?")[2],
        lambda address: address.replace("?", "\u200b?"),
    ],
    ids=range(18),
)
@pytest.mark.one_way
async def test_an_address_is_understood_as_people_bring_it(
    bot: RunningBot, google: GoogleControls, people: People, change: Callable[[str], str]
) -> None:
    """By way of a mail, a note, another chat or another encoder."""
    ann = people()
    await ann.send(change(await google.consent(await ask_link(ann), "amy@example.com")))
    await confirm(ann, "amy@example.com")


async def test_an_address_hidden_behind_words_is_found(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """A link copied out of a page: its text says something else."""
    ann = people()
    address = await google.consent(await ask_link(ann), "amy@example.com")
    link = {"type": "text_link", "offset": 0, "length": 4, "url": address}
    await ann.send("here", extra={"entities": [link]})
    await confirm(ann, "amy@example.com")


@pytest.mark.parametrize("lost", [0, 1, 20], ids=lambda lost: f"and {lost} of the state")
async def test_an_address_whose_end_is_missing_is_asked_for_whole_and_spends_nothing(
    bot: RunningBot, google: GoogleControls, people: People, lost: int
) -> None:
    """Nobody has declined, and it is nobody else's."""
    ann = people()
    address = await google.consent(await ask_link(ann), "amy@example.com")
    begun = address.partition("&code=")[0]
    await ann.send(begun[: len(begun) - lost])
    await ann.wait_for("That is not the address I need")
    await ann.send(address)
    await confirm(ann, "amy@example.com")


@pytest.mark.parametrize(
    "rubbish",
    ["hello", "https://example.com/", "4/0AX4XfWh", "http://[::1", "code=4/abc", "x" * 4000],
)
async def test_pasted_rubbish_gets_a_friendly_answer(
    bot: RunningBot, people: People, rubbish: str
) -> None:
    """And the request stays open."""
    ann = people()
    await ask_link(ann)
    await ann.send(rubbish)
    await ann.wait_for("That is not the address I need")
    assert await bot.services.core.consents.latest(Owner.user(501)) is not None


@pytest.mark.parametrize("rubbish", ["state=", "http://[::1?state=x", "http://127.0.0.1/?state=no"])
async def test_a_wrong_state_is_refused(bot: RunningBot, people: People, rubbish: str) -> None:
    """Whatever surrounds it."""
    ann = people()
    await ask_link(ann)
    await ann.send(rubbish)
    await ann.wait_for("does not belong to your latest request")


async def test_a_code_of_another_request_is_refused(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """PKCE binds the code to the request that began it."""
    ann, eve = people(501, "Ann"), people(666, "Eve")
    hers = await google.consent(await ask_link(ann), "amy@example.com")
    evil = await google.consent(await ask_link(eve), "eve@example.com")
    state = parse_qs(urlsplit(hers).query)["state"][0]
    code = parse_qs(urlsplit(evil).query)["code"][0]
    await ann.send(f"http://127.0.0.1:47851/?state={state}&code={code}")
    await ann.wait_for("used already")
    assert await bot.services.core.custodian.load(Owner.user(501)) is None


async def test_the_pasted_code_is_nowhere_on_disk_afterwards(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Pending consents are deleted with what they held."""
    ann = people()
    address = await google.consent(await ask_link(ann), "amy@example.com")
    await ann.send(address)
    await confirm(ann, "amy@example.com")
    code = parse_qs(urlsplit(address).query)["code"][0]
    await until(lambda: code not in bot.stored_text())  # what was sent goes once it is handled
    assert code not in bot.log.getvalue()
