"""/files and /get: what the bot has put into Drive, found again and brought back."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from drive import Drive
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from security.credential import Owner
from tests.drive.conftest import put
from tests.fixtures import RunningBot
from tests.journeys import connect

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"
ANN = Owner.user(501)


@pytest.fixture
async def ann(bot: RunningBot, google: GoogleControls, people: People) -> Person:
    """Somebody connected."""
    person = people()
    await connect(person, google, AMY)
    return person


async def put_many(bot: RunningBot, *names: str) -> None:
    """Files in Drive, the last the newest."""

    def work(drive: Drive) -> None:
        for name in names:
            put(name)(drive)
            time.sleep(0.002)  # Drive tells times in milliseconds: none has another's

    await bot.services.core.drives.run(ANN, work)


async def test_files_are_paged_newest_first_and_searched(bot: RunningBot, ann: Person) -> None:
    """Eight a page; a search is a command's word, or the answer to a question."""
    await put_many(bot, *(f"note {number}.txt" for number in range(18)), "report.pdf")
    await ann.send("/files")
    page = await ann.wait_for("Your files, newest first")
    names = [button.text.partition(" ·")[0] for button in page.buttons]
    assert names[:3] == ["report.pdf", "note 17.txt", "note 16.txt"]
    assert names[8:] == ["▶", "🔎 Search"]
    assert "Page 1 of 3" in page.text
    await ann.tap("▶", page)
    page = await ann.wait_for("Page 2 of 3")
    await ann.tap("▶", page)
    page = await ann.wait_for("Page 3 of 3")
    names = [button.text.partition(" ·")[0] for button in page.buttons]
    assert names == ["note 2.txt", "note 1.txt", "note 0.txt", "◀", "🔎 Search"]
    await ann.tap("Search", page)
    question = await ann.wait_for("What is it called")
    await ann.send("repo", reply_to=question.id)
    found = await ann.wait_for("Files with “repo”")
    assert found.buttons[0].text.startswith("report.pdf")
    await ann.send("/files note")
    found = await ann.wait_for("Files with “note”")
    await ann.tap("▶", found)
    found = await ann.wait_for("Page 2")
    assert "Files with “note”" in found.text
    await ann.tap("All files", found)
    await ann.wait_for("Your files, newest first")


async def test_nothing_found_and_nothing_there_are_told_apart(bot: RunningBot, ann: Person) -> None:
    """With what can be done."""
    await ann.send("/files")
    await ann.wait_for("I have not put anything into your Drive yet")
    await ann.send("/files <nothing>")
    await ann.wait_for("I found nothing for “<nothing>”")


async def test_a_file_of_the_list_opens_its_card(bot: RunningBot, ann: Person) -> None:
    """In a message of its own, with its buttons."""
    await put_many(bot, "report.pdf")
    await ann.send("/files")
    page = await ann.wait_for("Your files")
    await ann.tap("report.pdf", page)
    card = await ann.wait_for("📄 report.pdf")
    assert card.id != page.id
    for wanted in ("Open in Drive", "Send here", "Rename", "Move", "Share", "Delete"):
        assert card.button(wanted) is not None


async def test_get_sends_the_only_match_and_offers_several(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """As it lies in Drive; of several a tap chooses."""
    await ann.send_document(b"the content", "invoice.txt")
    await ann.wait_for("is in your Drive")
    await ann.send("/get invo")
    sent = await ann.wait_for(lambda m: m.media is not None)
    assert sent.media is not None
    assert sent.media[1]["file_name"] == "invoice.txt"
    await put_many(bot, "invoice 2.txt")
    await ann.send("/get")
    question = await ann.wait_for("Which file shall I send")
    await ann.send("invoice", reply_to=question.id)
    offer = await ann.wait_for("Which one shall I send")
    assert len(offer.buttons) == 2
    await ann.tap("invoice 2.txt", offer)
    await ann.wait_for(lambda m: m.media is not None)
    await ann.send("/get nothing")
    await ann.wait_for("I found nothing")


@pytest.mark.parametrize("command", ["/files", "/get a"])
async def test_without_a_connection_one_is_offered(
    bot: RunningBot, people: People, command: str
) -> None:
    """By a button."""
    ann = people()
    await ann.send(command)
    message = await ann.wait_for("Your Google Drive is not connected")
    assert message.button("connect") is not None


async def test_google_away_is_said(ann: Person, google: GoogleControls) -> None:
    """Nothing is lost by it."""
    await google.fault("google.drive.files.list", "status", status=503, count=0)
    await ann.send("/files")
    await ann.wait_for("does not answer just now", timeout=20)
