"""The bot's folder in a shared drive: its owner has moved it there, and everything goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from bot.texts.catalogue import Texts
from config.languages import LANGUAGES
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from tests.bot.test_file_actions import AMY, arrived, drive_file
from tests.bot.test_maintenance import events
from tests.fixtures import RunningBot
from tests.journeys import connect

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")


@pytest.fixture
async def ann(bot: RunningBot, google: GoogleControls, people: People) -> Person:
    """Connected; her first file has made the folder, which she has moved into a shared drive."""
    person = people()
    await connect(person, google, AMY)
    await arrived(person, "first.txt")
    folder = await drive_file(google, "Telegram")
    drive = await google.act("shared_drive", account=AMY)
    await google.act("move", file_id=folder["id"], parent=drive["id"])
    return person


async def folders(google: GoogleControls) -> list[dict[str, Any]]:
    """Every folder there is."""
    return [file for file in await google.files(AMY) if file["size"] is None]


async def test_the_next_file_goes_into_the_folder_in_the_shared_drive(
    ann: Person, google: GoogleControls
) -> None:
    """It is not gone: no second one is made."""
    await arrived(ann, "second.txt", b"two")
    [folder] = await folders(google)
    file = await drive_file(google, "second.txt")
    assert file["parents"] == [folder["id"]]
    assert file["driveId"] == folder["driveId"] != ""


async def test_what_is_there_is_found_renamed_and_sent(ann: Person, google: GoogleControls) -> None:
    """By /files and its buttons, and by its content."""
    await ann.send("/files")
    await ann.wait_for("Your files, newest first")
    await ann.tap("first.txt")
    card = await ann.wait_for("In the folder “Telegram”")
    await ann.tap("Send here", card)
    await ann.wait_for(lambda m: "document" in m.raw and not m.raw.get("caption"))
    await ann.send_document(b"one", "same.txt")
    await ann.wait_for("It is there already as first.txt in “Telegram”")


async def test_a_full_drive_of_ones_own_stops_nothing_there(
    ann: Person, google: GoogleControls
) -> None:
    """A shared drive's space is not its members' own."""
    await google.set_quota(AMY, limit=1000, used=1000)
    await arrived(ann, "second.bin", b"x" * 5000)


async def test_a_full_shared_drive_is_told_as_such(ann: Person, google: GoogleControls) -> None:
    """Nobody frees any space of their own for it."""
    await google.fault("google.upload.start", "status", reason="storageQuotaExceeded", count=0)
    await ann.send_document(b"x", "second.bin")
    await ann.wait_for("the shared drive your folder lies in is full")


async def test_binning_takes_another_role(
    ann: Person, bot: RunningBot, google: GoogleControls
) -> None:
    """A contributor writes, and bins nothing; a content manager does."""
    await google.act("shared_drive", account=AMY, role="writer")
    message = await arrived(ann, "second.txt", b"two")
    await ann.tap("Delete", message)
    await ann.wait_for("into your Drive's bin?")
    await ann.tap("Yes, into the bin")
    await ann.wait_for("your role there is not enough to put it into the bin")
    assert events(bot, "command_handled")[-1]["result"] == "bin_forbidden"
    assert (await drive_file(google, "second.txt"))["trashed"] is False
    await google.act("shared_drive", account=AMY, role="fileOrganizer")
    await ann.tap("Back to the file")
    await ann.wait_for("In the folder “Telegram”")
    await ann.tap("Delete")
    await ann.wait_for("into your Drive's bin?")
    await ann.tap("Yes, into the bin")
    await ann.wait_for("in your Drive's bin")


async def test_who_may_only_read_there_is_told_to_choose_another_folder(
    ann: Person, google: GoogleControls
) -> None:
    """Trying again would not help."""
    await google.act("shared_drive", account=AMY, role="reader")
    await ann.send_document(b"two", "second.txt")
    await ann.wait_for("you are not allowed to put files into that folder")
    assert len(await folders(google)) == 1


async def test_a_cancelled_upload_leaves_nothing_where_nothing_may_be_deleted(
    ann: Person, google: GoogleControls
) -> None:
    """What was not what was sent goes into the bin: deleting takes a manager."""
    await google.act("shared_drive", account=AMY, role="fileOrganizer")
    await google.fault("google.upload.chunk", "odd", set={"md5Checksum": "0" * 32})
    await arrived(ann, "second.txt", b"two")
    found = [file for file in await google.files(AMY) if file["name"] == "second.txt"]
    assert sorted(file["trashed"] for file in found) == [False, True]


async def test_somebody_who_is_no_member_any_more_gets_a_new_folder(
    ann: Person, google: GoogleControls
) -> None:
    """To them it does not exist."""
    await google.act("shared_drive", account=AMY, role=None)
    await arrived(ann, "second.txt", b"two")
    assert {folder["driveId"] for folder in await folders(google)} >= {""}


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_sentence_is_there_in_every_language(language: str) -> None:
    """And another one in each."""
    text = (
        "🔒 This file lies in a shared drive, and your role there is not enough to put it into "
        "the bin. Ask a manager or content manager of that shared drive."
    )
    assert (Texts(language).tr(text) == text) == (language == "en")
