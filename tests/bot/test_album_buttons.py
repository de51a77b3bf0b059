"""What can be done with all the files of an album at once, by the buttons under its summary."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import aiohttp
import pytest

from bot.texts import album_keyboards
from bot.texts.catalogue import Texts
from bot.uploads.jobs import job_id_of
from drive import DriveFolder
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from security.credential import Owner
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, forge_tap, unfinished, until, until_struck

People = Callable[..., Person]
pytestmark = [pytest.mark.one_way("on"), pytest.mark.timing(album_end=2, get_file_pauses=(0, 0))]
AMY, BEN = "amy@example.com", "ben@example.com"
ANN = Owner.user(501)


@pytest.fixture
async def ann(bot: RunningBot, google: GoogleControls, people: People) -> Person:
    """Connected."""
    person = people()
    await connect(person, google, AMY)
    return person


async def send_album(ann: Person, count: int, contents: Sequence[bytes] = ()) -> Message:
    """Of documents "0.bin" and so on; the summary."""
    several = list(contents) or [os.urandom(100 + number) for number in range(count)]
    await ann.send_album(
        [("document", content, f"{number}.bin") for number, content in enumerate(several)]
    )
    return await ann.wait_for(f"of {count} files are in your Drive", timeout=30)


async def in_drive(google: GoogleControls) -> dict[str, dict[str, Any]]:
    """Of every name what is there."""
    return {str(f["name"]): f for f in await google.files(AMY)}


def labels(message: Message) -> list[str]:
    """Of its buttons."""
    return [button.text for button in message.buttons]


def album_of(message: Message) -> str:
    """What its buttons call it."""
    data = (str(button.callback_data) for button in message.buttons)
    return next(d.partition(":")[2] for d in data if d.startswith("album:"))


async def test_the_summary_opens_the_files_each_with_its_card(
    ann: Person, google: GoogleControls
) -> None:
    """In a message of their own; `/uploads` opens the same."""
    summary = await send_album(ann, 3)
    assert labels(summary) == ["📚 Its files", "🔗 Share all", "📁 Move all"]
    await ann.tap("Its files", summary)
    listed = await ann.wait_for("An album of 3 files. In your Drive: 3")
    assert listed.id != summary.id
    assert labels(listed) == [
        *("0.bin · 100 bytes", "1.bin · 101 bytes", "2.bin · 102 bytes"),
        *("🔗 Share all", "📁 Move all"),
    ]
    await ann.tap("1.bin", listed)
    card = await ann.wait_for("In the folder “Telegram”")
    assert "1.bin" in card.text
    await ann.send("/uploads")
    uploads = await ann.wait_for("✅ An album of 3 files (0.bin …)")
    await ann.tap("📚 0.bin … (3)", uploads)
    again = await ann.wait_for("An album of 3 files. In your Drive: 3")
    assert labels(again) == labels(listed)


async def test_share_all_asks_first_shows_the_links_and_can_be_undone(
    ann: Person, google: GoogleControls
) -> None:
    """Anyone can open each of them meanwhile, and nobody else afterwards."""
    summary = await send_album(ann, 3)
    await ann.tap("Share all", summary)
    question = await ann.wait_for("Share the files of this album? Files: 3")
    assert question.text.splitlines()[-3:] == ["• 0.bin", "• 1.bin", "• 2.bin"]
    assert not any(file["shared"] for file in (await in_drive(google)).values())
    await ann.tap("No, leave it", question)
    assert (await ann.wait_for("In your Drive: 3")).id == question.id
    await ann.tap("Share all")
    await ann.tap("Yes, share them", await ann.wait_for("Share the files"))
    done = await ann.wait_for("Shared: 3 of 3")
    links = [line for line in done.text.splitlines() if line.startswith("http")]
    assert len(links) == 3

    async def opening() -> list[bool]:
        async with aiohttp.ClientSession() as http:
            answers = [await http.get(f"{link}?as=anyone", allow_redirects=False) for link in links]
            return [answer.status == 200 for answer in answers]

    assert await opening() == [True] * 3
    await ann.tap("Stop sharing them", done)
    await ann.wait_for("No longer open for others by their links: 3 of 3")
    assert await opening() == [False] * 3


async def test_move_all_goes_by_the_bots_folders_and_says_where_they_are(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """One tap, level by level; where there is no other folder it says how to make one."""
    summary = await send_album(ann, 3)
    await ann.tap("Move all", summary)
    only = await ann.wait_for("I have made no other folder yet: /folder")
    assert labels(only) == ["No, leave it"]
    drives = bot.services.core.drives
    work = await drives.run(ANN, lambda drive: drive.ensure_subfolder("Work"))
    inner = await drives.run(ANN, lambda drive: drive.ensure_subfolder("2026", work.id))
    await ann.tap("Move all", summary)
    shown = await ann.wait_for("Where shall the files of this album go? Files: 3")
    assert labels(shown) == ["📁 Telegram", "📁 Work", "Look inside ▸", "No, leave it"]
    await ann.tap("Look inside", shown)
    inside = await ann.wait_for("Inside “Work”")
    assert inside.id == shown.id
    await ann.tap("Up", inside)
    await ann.tap("Look inside", await ann.wait_for("Where shall the files"))
    await ann.tap("📁 2026", await ann.wait_for("Inside “Work”"))
    done = await ann.wait_for("In the folder “2026” now: 3 of 3")
    assert done.text.splitlines()[1:] == ["• 0.bin", "• 1.bin", "• 2.bin"]
    assert {f["parents"][0] for f in (await in_drive(google)).values() if f["md5"]} == {inner.id}
    await ann.tap("Its files", done)
    await ann.wait_for("In your Drive: 3")


async def test_of_ten_with_two_failures_and_a_duplicate_each_is_told(
    ann: Person, google: GoogleControls
) -> None:
    """What can be done is done with the eight; after a retry, with all ten."""
    contents = [os.urandom(100 + number) for number in range(10)]
    await ann.send_document(contents[4], "before.bin")
    await ann.wait_for("is in your Drive")
    refusal = {"ok": False, "error_code": 500, "description": "Internal Server Error"}
    await google.fault("telegram.getFile", "status", status=500, body=refusal, skip=7, count=6)
    summary = await send_album(ann, 10, contents)
    assert "8 of 10 files are in your Drive, in the folder “Telegram”" in summary.text
    assert "♻️ 4.bin (there already as before.bin in “Telegram”)" in summary.text
    assert [line for line in summary.text.splitlines() if line.startswith("⚠️")] == [
        "⚠️ 7.bin: it did not work",
        "⚠️ 8.bin: it did not work",
    ]
    assert labels(summary) == [
        *("📚 Its files", "🔗 Share all", "📁 Move all", "✏️ Call them as I sent them"),
        *("🔄 Try again", "Cancel"),
    ]
    await ann.send("/uploads")
    await ann.wait_for("⚠️ An album of 10 files (0.bin …): in your Drive are 8.")
    await ann.tap("📚 0.bin … (10)")
    listed = await ann.wait_for("An album of 10 files. In your Drive: 8")
    assert "⚠️ 7.bin: it did not work" in listed.text
    assert "before.bin · 104 bytes" in labels(listed)
    await ann.tap("Call them as I sent them", summary)
    named = await ann.wait_for("Renamed: 1 of 1")
    assert named.text.splitlines()[1:] == ["• 4.bin"]
    await google.clear_faults()
    await ann.tap("Try again", summary)
    done = await ann.wait_for("10 of 10 files are in your Drive")
    assert done.id == summary.id
    await ann.tap("Its files", done)
    await ann.wait_for("An album of 10 files. In your Drive: 10")
    files = await in_drive(google)
    assert set(files) == {"Telegram", *(f"{number}.bin" for number in range(10))}


async def test_what_is_gone_or_in_the_bin_meanwhile_is_told_beside_what_was_done(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """Neither keeps the others from it."""
    summary = await send_album(ann, 4)
    files = await in_drive(google)
    await google.act("delete", file_id=files["1.bin"]["id"])
    await google.act("trash", file_id=files["2.bin"]["id"])
    gone, binned = "1.bin: it is no longer in your Drive", "2.bin: it is in your Drive's bin"
    await ann.tap("Its files", summary)
    listed = await ann.wait_for("An album of 4 files. In your Drive: 2")
    assert gone in listed.text
    assert binned in listed.text
    assert "🗑 2.bin · 102 bytes" in labels(listed)
    work = await bot.services.core.drives.run(ANN, lambda drive: drive.ensure_subfolder("Work"))
    await ann.tap("Move all", summary)
    await ann.tap("📁 Work", await ann.wait_for("Where shall"))
    moved = await ann.wait_for("In the folder “Work” now: 2 of 4")
    assert gone in moved.text
    assert binned in moved.text
    assert (await in_drive(google))["2.bin"]["parents"] != [work.id]
    await ann.tap("Share all", summary)
    await ann.tap("Yes, share them", await ann.wait_for("Share the files"))
    shared = await ann.wait_for("Shared: 2 of 4")
    assert gone in shared.text
    assert binned in shared.text


async def test_an_organisation_that_forbids_links_is_told_for_each(
    ann: Person, google: GoogleControls
) -> None:
    """And there is nothing to undo."""
    await google.act("link_sharing", account=AMY, on=False)
    summary = await send_album(ann, 2)
    await ann.tap("Share all", summary)
    await ann.tap("Yes, share them", await ann.wait_for("Share the files"))
    told = await ann.wait_for("Nothing of this album could be shared")
    assert told.text.count("the organisation of your Google account does not allow it") == 2
    assert labels(told) == ["📚 Its files"]


async def test_where_google_stops_answering_it_is_said_how_far_it_went(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """What is moved stays so, and the same tap goes on."""
    summary = await send_album(ann, 4)
    work = await bot.services.core.drives.run(ANN, lambda drive: drive.ensure_subfolder("Work"))
    await ann.tap("Move all", summary)
    shown = await ann.wait_for("Where shall")
    await google.fault("google.drive.files.update", "status", status=503, skip=2, count=0)
    await ann.tap("📁 Work", shown)
    told = await ann.wait_for("In the folder “Work” now: 2 of 4", timeout=30)
    assert told.text.count("Google did not answer in time, and may have done it all the same") == 2
    await google.clear_faults()
    await ann.tap("Move all", summary)
    await ann.tap("📁 Work", await ann.wait_for("Where shall"))
    await ann.wait_for("In the folder “Work” now: 4 of 4")
    files = (await in_drive(google)).values()
    assert {f["parents"][0] for f in files if f["md5"]} == {work.id}


async def test_a_lost_connection_is_told_with_the_button_that_mends_it(
    ann: Person, google: GoogleControls
) -> None:
    """The summary stays."""
    summary = await send_album(ann, 2)
    await google.revoke(AMY)
    await ann.tap("Its files", summary)
    lost = await ann.wait_for("is not connected")
    assert lost.id != summary.id
    assert lost.button("connect") is not None


async def test_an_album_in_another_account_is_said_to_be_there(
    ann: Person, google: GoogleControls
) -> None:
    """Whoever has connected another one since."""
    summary = await send_album(ann, 2)
    await connect(ann, google, BEN)
    for label in ("Its files", "Share all", "Move all"):
        await ann.tap(label, summary)
        await ann.wait_for("in another Google account")


async def test_a_forgotten_album_says_so_plainly(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """After seven days; the files themselves are in /files."""
    summary = await send_album(ann, 2)
    await bot.services.uploads.forget(ANN)
    for label in ("Its files", "Share all", "Move all"):
        await ann.tap(label, summary)
        await ann.wait_for("I no longer know which files belonged together here")


async def test_its_buttons_serve_its_owner_alone(
    bot: RunningBot, ann: Person, google: GoogleControls, people: People
) -> None:
    """Any client can send any button's data."""
    album = album_of(await send_album(ann, 2))
    bob = people(502, "Bob")
    await connect(bob, google, BEN)
    verbs = ("album", "album-back", "album-share-yes", "album-unshare", "album-in", "album-named")
    for verb in verbs:
        await forge_tap(bob, f"{verb}:{album}")
    await until(lambda: bot.log.getvalue().count('"not_yours"') == len(verbs))
    assert not any(file["shared"] for file in (await in_drive(google)).values())


async def test_its_buttons_work_after_a_restart(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Which files belong to it is on disk."""
    ann = people()
    async with start_bot(WEB_PORT=0):
        await connect(ann, google, AMY)
        summary = await send_album(ann, 2)
        await ann.tap("Share all", summary)
        question = await ann.wait_for("Share the files")
    async with start_bot(WEB_PORT=0):
        await ann.tap("Yes, share them", question)
        await ann.wait_for("Shared: 2 of 2")
        await ann.tap("Its files", summary)
        await ann.wait_for("In your Drive: 2")


async def test_what_has_arrived_of_a_cancelled_album_can_be_used(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """Its end lists it."""
    await google.fault("google.upload.start", "latency", seconds=60, skip=2, count=1)
    await ann.send_album(
        [("document", os.urandom(100 + number), f"{number}.bin") for number in range(4)]
    )
    await until_struck(google, "google.upload.start")
    await ann.send("/cancel")
    ended = await ann.wait_for(
        lambda m: "In your Drive: 2 of 4 files" in m.text and "• 0.bin" in m.text, since=0
    )
    await google.clear_faults()
    assert ended.text.splitlines()[1:] == ["• 0.bin", "• 1.bin"]
    await ann.tap("Its files", ended)
    listed = await ann.wait_for("An album of 4 files. In your Drive: 2")
    assert labels(listed)[:2] == ["0.bin · 100 bytes", "1.bin · 101 bytes"]
    await until(lambda: not unfinished(bot.settings))
    await ann.send("/uploads")
    await ann.wait_for("⏹ An album of 4 files (0.bin …): in your Drive are 2.")


async def test_a_cancelled_try_again_leaves_what_has_arrived_in_hand(
    ann: Person, google: GoogleControls
) -> None:
    """Links and buttons stay; only the rest is given up."""
    gone = {"ok": False, "error_code": 400, "description": "Bad Request: invalid file_id"}
    await google.fault("telegram.getFile", "status", status=400, body=gone, skip=1, count=1)
    summary = await send_album(ann, 3)
    await ann.tap("Cancel", summary)
    ended = await ann.wait_for("The album was cancelled. In your Drive: 2 of 3 files.")
    assert ended.id == summary.id
    assert ended.text.splitlines()[1:] == ["• 0.bin", "• 2.bin"]
    assert labels(ended) == ["📚 Its files", "🔗 Share all", "📁 Move all"]


async def test_a_move_that_is_cancelled_says_how_far_it_went(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """`/cancel` ends a question to Google; what was moved stays moved."""
    summary = await send_album(ann, 4)
    await bot.services.core.drives.run(ANN, lambda drive: drive.ensure_subfolder("Work"))
    await ann.tap("Move all", summary)
    shown = await ann.wait_for("Where shall")
    await google.fault("google.drive.files.update", "latency", seconds=60, skip=2, count=0)
    await ann.tap("📁 Work", shown)
    await until_struck(google, "google.drive.files.update")
    await ann.send("/cancel")
    told = await ann.wait_for("In the folder “Work” now: 2 of 4", since=0)
    assert told.text.count("cancelled, but it may have been done all the same") == 2


async def test_what_ends_the_rest_of_an_album_names_it(ann: Person, google: GoogleControls) -> None:
    """A full Drive; what has arrived is listed, and what has not."""
    refusal = {"status": 403, "reason": "storageQuotaExceeded"}
    await google.fault("google.upload.start", "status", **refusal, skip=1, count=1)
    await ann.send_album(
        [("document", os.urandom(100 + number), f"{number}.bin") for number in range(3)]
    )
    message = await ann.wait_for("Only 1 of 3 files are in your Drive", timeout=20)
    assert message.text.splitlines()[1] == "• 0.bin"
    assert "The rest of the album (2 files) was not uploaded: your Google Drive is" in message.text
    assert message.text.splitlines()[-1] == "Not in your Drive yet: 1.bin, 2.bin"
    assert labels(message) == [
        *("📚 Its files", "🔗 Share all", "📁 Move all", "🔄 Try again", "Cancel"),
    ]


async def test_twenty_files_of_live_photos_are_two_pages(
    ann: Person, google: GoogleControls
) -> None:
    """A live photo is two files."""
    await ann.send_album([("live_photo", os.urandom(100 + number), "") for number in range(10)])
    summary = await ann.wait_for("20 of 20 files are in your Drive", timeout=60)
    await ann.tap("Its files", summary)
    listed = await ann.wait_for("An album of 20 files. In your Drive: ")
    await ann.tap("▶", listed)
    second = await ann.wait_for(lambda m: m.id == listed.id and m.button("◀") is not None)
    assert second.button("▶") is None


@pytest.mark.parametrize("language", ["en", "zh_Hant", "zh_Hans"])
def test_every_button_fits_into_telegrams_sixty_four_bytes(language: str) -> None:
    """Of the highest numbers that Telegram gives to people and albums."""
    t, job_id = Texts(language), job_id_of(Owner.user(2**52), 1, "9" * 20)
    folder = DriveFolder("x" * 44, "a", "y" * 44, "")
    keyboards = [
        *(album_keyboards.sure_to_share(t, job_id), album_keyboards.back(t, job_id)),
        album_keyboards.after_sharing(t, job_id, is_any=True),
        album_keyboards.destinations(t, job_id, folder, folder, [(folder, True)]),
    ]
    rows = [row for keyboard in keyboards for row in keyboard.inline_keyboard]
    for row in [*rows, *album_keyboards.rows(t, job_id)]:
        for button in row:
            assert 1 <= len(str(button.callback_data).encode()) <= 64
    assert len(f"album-named:{job_id}") <= 64
    assert len(f"upload-named:{job_id}") <= 64
    assert len(f"album-back:{job_id}:9") <= 64
