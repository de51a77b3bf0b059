"""What can be done with a file once it is in Drive, by the buttons under it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aiohttp
import pytest

from bot.texts.file_keyboards import files_data
from bot.texts.filenames import new_name
from drive import DriveRefused
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from security.credential import Owner
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


async def arrived(ann: Person, name: str = "a.txt", content: bytes = b"one") -> Message:
    """The message that says it has arrived, with its buttons."""
    await ann.send_document(content, name)
    return await ann.wait_for("is in your Drive")


async def drive_file(google: GoogleControls, name: str) -> dict[str, Any]:
    """The only file of this name."""
    [found] = [file for file in await google.files(AMY) if file["name"] == name]
    return found


async def test_rename_asks_for_a_name_and_keeps_the_ending(
    ann: Person, google: GoogleControls
) -> None:
    """The answer is a reply to the question."""
    message = await arrived(ann, "scan.pdf")
    await ann.tap("Rename", message)
    question = await ann.wait_for("What shall scan.pdf be called")
    await ann.send("...", reply_to=question.id)
    await ann.wait_for("That cannot be a file's name")
    assert (await drive_file(google, "scan.pdf"))["trashed"] is False
    await ann.send("Rechnung <März>", reply_to=question.id)
    card = await ann.wait_for("It has its new name")
    assert "Rechnung <März>.pdf" in card.text
    assert (await drive_file(google, "Rechnung <März>.pdf"))["trashed"] is False


@pytest.mark.parametrize(
    ("wanted", "old", "name"),
    [
        ("b", "a.txt", "b.txt"),
        ("b.md", "a.txt", "b.md"),
        ("b", "a", "b"),
        ("v", "a. longer than an ending is", "v"),
        ("../b\n\u202ex", "a", ".._b x"),
        ("", "a.txt", "file.txt"),
    ],
)
def test_a_new_name_is_clean_and_keeps_an_ending_left_out(wanted: str, old: str, name: str) -> None:
    """A name is no path, and never empty."""
    assert new_name(wanted, old) == name


async def test_a_file_moves_into_a_nested_folder_and_the_card_says_so(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """Folders are buttons; those with more inside can be looked into, and left again."""
    message = await arrived(ann)
    top = (await drive_file(google, "a.txt"))["parents"][0]
    drives = bot.services.core.drives
    made = await drives.run(ANN, lambda drive: drive.ensure_subfolder("Work", top))
    await drives.run(ANN, lambda drive: drive.ensure_subfolder("Other"))
    await ann.tap("Move", message)
    shown = await ann.wait_for("Where shall a.txt go")
    assert [button.text for button in shown.buttons][:3] == [
        "📁 Other",
        "📁 Telegram",
        "Look inside ▸",
    ]
    await ann.tap("Look inside", shown)
    inside = await ann.wait_for("Inside “Telegram”")
    await ann.tap("Up", inside)
    await ann.wait_for("Where shall a.txt go")
    await ann.tap("Look inside")
    await ann.tap("📁 Work", await ann.wait_for("Inside “Telegram”"))
    card = await ann.wait_for("It has been moved")
    assert card.id == message.id
    assert "In the folder “Work”" in card.text
    assert (await drive_file(google, "a.txt"))["parents"] == [made.id]


async def test_a_file_is_not_offered_the_folder_it_lies_in(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """Where there is no other one, it says how to make one."""
    message = await arrived(ann)
    await ann.tap("Move", message)
    shown = await ann.wait_for("I have made no other folder yet: /folder")
    assert [button.text for button in shown.buttons] == ["No, leave it"]
    await bot.services.core.drives.run(ANN, lambda drive: drive.ensure_subfolder("Other"))
    await ann.tap("No, leave it", shown)
    await ann.tap("Move", await ann.wait_for("a.txt"))
    shown = await ann.wait_for("Where shall a.txt go")
    assert [button.text for button in shown.buttons] == ["📁 Other", "No, leave it"]
    await ann.tap("Other", shown)
    assert "In the folder “Other”" in (await ann.wait_for("It has been moved")).text


async def test_a_folder_that_is_gone_meanwhile_is_named(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """The file stays where it is."""
    message = await arrived(ann)
    before = (await drive_file(google, "a.txt"))["parents"]
    made = await bot.services.core.drives.run(ANN, lambda drive: drive.ensure_subfolder("Other"))
    await ann.tap("Move", message)
    await ann.wait_for("Where shall")
    await google.act("trash", file_id=made.id)
    await ann.tap("📁 Other")
    await ann.wait_for("That folder is no longer in your Drive")
    assert (await drive_file(google, "a.txt"))["parents"] == before


async def test_sharing_asks_first_shows_the_link_and_can_be_undone(
    ann: Person, google: GoogleControls
) -> None:
    """Anyone can open it meanwhile, and nobody else afterwards."""
    message = await arrived(ann)
    await ann.tap("Share", message)
    await ann.wait_for("Share a.txt?")
    assert (await drive_file(google, "a.txt"))["shared"] == {}
    await ann.tap("No, leave it")
    await ann.wait_for("a.txt")
    await ann.tap("Share")
    await ann.wait_for("Share a.txt?")
    await ann.tap("Yes, share it")
    card = await ann.wait_for("Anyone with this link can open it")
    link = card.text.rsplit("\n", 1)[1]

    async def opens() -> bool:
        async with (
            aiohttp.ClientSession() as http,
            http.get(f"{link}?as=anyone", allow_redirects=False) as answer,
        ):
            return answer.status == 200

    assert await opens()
    await ann.tap("Stop sharing", card)
    card = await ann.wait_for("no longer opens for others")
    assert card.button("Share") is not None
    assert not await opens()


async def test_an_organisation_that_forbids_links_is_named(
    ann: Person, google: GoogleControls
) -> None:
    """And a button leads back to the file."""
    await google.act("link_sharing", account=AMY, on=False)
    message = await arrived(ann)
    await ann.tap("Share", message)
    await ann.wait_for("Share a.txt?")
    await ann.tap("Yes, share it")
    told = await ann.wait_for("the organisation your Google account belongs to")
    assert told.text.startswith("📄 a.txt\n🔒 I could not share it")
    await ann.tap("Back to the file")
    await ann.wait_for("a.txt")
    assert (await drive_file(google, "a.txt"))["shared"] == {}


async def test_delete_asks_first_and_can_be_undone(ann: Person, google: GoogleControls) -> None:
    """To the bin, and out of it."""
    message = await arrived(ann)
    await ann.tap("Delete", message)
    await ann.wait_for("Put a.txt into your Drive's bin?")
    assert (await drive_file(google, "a.txt"))["trashed"] is False
    await ann.tap("Yes, into the bin")
    gone = await ann.wait_for("is in your Drive's bin")
    assert (await drive_file(google, "a.txt"))["trashed"] is True
    await ann.tap("Undo", gone)
    await ann.wait_for("out of the bin again")
    assert (await drive_file(google, "a.txt"))["trashed"] is False


async def test_a_file_whose_folder_is_in_the_bin_cannot_come_out_alone(
    ann: Person, google: GoogleControls
) -> None:
    """Which is said."""
    message = await arrived(ann)
    await ann.tap("Delete", message)
    await ann.wait_for("into your Drive's bin?")
    await ann.tap("Yes, into the bin")
    await ann.wait_for("is in your Drive's bin")
    await google.act("trash", file_id=(await drive_file(google, "a.txt"))["parents"][0])
    await ann.tap("Undo")
    await ann.wait_for("Its folder is in the bin as well")


async def test_a_file_that_is_gone_is_said_to_be(ann: Person, google: GoogleControls) -> None:
    """Deleted in Drive by hand; whichever button is tapped then."""
    for number, verb in enumerate(("Rename", "Move", "Share", "Delete", "Send here")):
        message = await arrived(ann, f"{number}.txt", verb.encode())
        await google.act("delete", file_id=(await drive_file(google, f"{number}.txt"))["id"])
        await ann.tap(verb, message)
        told = await ann.wait_for("no longer in your Drive")
        assert told.text.splitlines()[0] == f"📄 {number}.txt"


async def test_what_is_tapped_in_a_list_or_answered_is_named_too(
    ann: Person, google: GoogleControls
) -> None:
    """The list's button has its name, and so has the question; as text, whatever it is called."""
    message = await arrived(ann, "<b>שלום & co.txt")
    await ann.tap("Rename", message)
    question = await ann.wait_for("What shall")
    await ann.send("/files")
    listed = await ann.wait_for("Your files")
    await google.act("delete", file_id=(await drive_file(google, "<b>שלום & co.txt"))["id"])
    await ann.tap("co.txt", listed)
    told = await ann.wait_for("no longer in your Drive")
    assert "<b>שלום & co.txt" in told.text.splitlines()[0]
    await ann.send("new name", reply_to=question.id)
    told = await ann.wait_for("no longer in your Drive")
    assert "<b>שלום & co.txt" in told.text.splitlines()[0]


async def test_google_away_and_a_lost_connection_are_told_apart(
    ann: Person, google: GoogleControls
) -> None:
    """Neither is the person's fault; only one of them needs the person."""
    message = await arrived(ann)
    await google.fault("google.drive.files.get", "status", status=503, count=0)
    await ann.tap("Share", message)
    told = await ann.wait_for("does not answer just now", timeout=20)
    assert told.text.startswith("📄 a.txt\n")
    await google.clear_faults()
    await ann.tap("Back to the file")
    await ann.wait_for("a.txt")
    await google.revoke(AMY)
    await ann.tap("Delete")
    lost = await ann.wait_for("is not connected")
    assert lost.button("connect") is not None


async def test_somebody_elses_button_finds_nothing_in_ones_own_drive(
    bot: RunningBot, ann: Person, google: GoogleControls, people: People
) -> None:
    """A button acts on the Drive of whoever taps it."""
    await arrived(ann)
    file_id = (await drive_file(google, "a.txt"))["id"]
    bob = people(502, "Bob")
    await connect(bob, google, "bob@example.com")
    with pytest.raises(DriveRefused):
        await bot.services.core.drives.run(Owner.user(502), lambda d: d.trash(file_id))
    assert (await drive_file(google, "a.txt"))["trashed"] is False


def test_every_button_fits_into_telegrams_sixty_four_bytes() -> None:
    """With Drive's longest identifiers, and whatever is searched for."""
    for verb in ("file-share-yes", "file-unshare", "file-bin-yes"):
        assert len(f"{verb}:{'x' * 44}") <= 64
    assert len(f"file-to:{'x' * 44}:{'k' * 8}") <= 64
    assert len(files_data(9999, "好" * 100).encode()) <= 64
