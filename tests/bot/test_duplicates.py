"""What is in Drive already is named: which file, where it lies, and what can be done with it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from typing import Any

import pytest

from bot.uploads.jobs import JobFile, Whereabouts
from bot.uploads.names import named
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from security.credential import Owner
from tests.bot.upload_line import ANN, job
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, forge_tap, until, until_struck

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY, BEN = "amy@example.com", "ben@example.com"
CONTENT = b"one and the same"


@pytest.fixture
async def ann(bot: RunningBot, google: GoogleControls, people: People) -> Person:
    """Connected, and "album1.txt" has arrived."""
    person = people()
    await connect(person, google, AMY)
    await person.send_document(CONTENT, "album1.txt")
    await person.wait_for("is in your Drive")
    return person


async def first(google: GoogleControls) -> dict[str, Any]:
    """The oldest file in Drive."""
    files = [file for file in await google.files(AMY) if file["md5"]]
    return min(files, key=lambda file: str(file["createdTime"]))


async def again(ann: Person, name: str = "album1.txt", **options: Any) -> Message:
    """Send the same once more; what is said of it."""
    await ann.send_document(CONTENT, name, **options)
    return await ann.wait_for("already")


async def test_a_duplicate_is_named_with_its_folder_link_and_buttons(
    ann: Person, google: GoogleControls
) -> None:
    """Whatever it was sent as; rename and move stand below, and so does uploading it again."""
    message = await again(ann)
    assert message.text == (
        "♻️ It is there already as album1.txt in “Telegram”, so I did not upload it again."
    )
    message = await again(ann, "other.txt")
    assert message.text.splitlines() == [
        "♻️ It is there already as album1.txt in “Telegram”, so I did not upload it again.",
        "You sent it as other.txt.",
    ]
    assert [button.text for button in message.buttons] == [
        *("Open in Drive", "⬇️ Send here", "✏️ Rename", "📁 Move", "🔗 Share", "🗑 Delete"),
        *("✏️ Call it other.txt", "Upload it all the same"),
    ]
    link = (await first(google))["id"]
    assert link in str(message.buttons[0].url)
    assert link in str(message.raw["entities"])
    await ann.tap("Move", message)
    await ann.wait_for("Where shall album1.txt go?")


async def test_its_wished_name_is_one_tap_away(ann: Person, google: GoogleControls) -> None:
    """Then the same tap says that it has that name."""
    message = await again(ann, "scan.txt", caption="#name Invoice 7")
    assert "You sent it as Invoice 7.txt." in message.text
    await ann.tap("Call it Invoice 7.txt", message)
    card = await ann.wait_for("It has its new name")
    assert card.id == message.id
    assert "Invoice 7.txt" in card.text
    assert (await first(google))["name"] == "Invoice 7.txt"
    job_id = next(
        str(b.callback_data).partition(":")[2]
        for b in message.buttons
        if (b.callback_data or "").startswith("upload-named:")
    )
    await forge_tap(ann, f"upload-named:{job_id}")
    await forge_tap(ann, "upload-named:501-99")
    assert (await first(google))["name"] == "Invoice 7.txt"
    await ann.send("/uploads")
    await ann.wait_for(lambda m: "♻️ Invoice 7.txt (it was there before" in m.text)


async def test_a_name_that_comes_late_undoes_nothing_that_was_done_meanwhile(
    ann: Person, bot: RunningBot, google: GoogleControls
) -> None:
    """It is uploaded all the same while Google takes its time for the name: it stays uploaded."""
    message = await again(ann, "other.txt")
    await google.fault("google.drive.files.update", "latency", seconds=60)
    naming = asyncio.create_task(ann.tap("Call it other.txt", message))
    await until_struck(google, "google.drive.files.update")
    await ann.tap("Upload it all the same", message)
    await ann.wait_for("is in your Drive", since=message.seq)
    await google.clear_faults()
    await naming
    await ann.wait_for("It has its new name", since=message.seq)
    await ann.send("/uploads")
    listed = await ann.wait_for("Your uploads")
    assert [line for line in listed.text.splitlines() if "other.txt" in line] == ["✅ other.txt"]


async def test_somebody_elses_tap_renames_nothing(
    bot: RunningBot, ann: Person, google: GoogleControls, people: People
) -> None:
    """The job in the button is not theirs."""
    message = await again(ann, "other.txt")
    data = next(
        str(b.callback_data)
        for b in message.buttons
        if (b.callback_data or "").startswith("upload-named:")
    )
    bob = people(502, "Bob")
    await connect(bob, google, BEN)
    await forge_tap(bob, data)
    await until(lambda: '"not_yours"' in bot.log.getvalue())
    assert (await first(google))["name"] == "album1.txt"


async def test_a_photo_is_offered_no_name_of_ours(ann: Person, google: GoogleControls) -> None:
    """Its name says nothing but when it was sent."""
    await ann.send_photo(CONTENT)
    message = await ann.wait_for("already as album1.txt")
    assert "You sent it as" not in message.text
    assert message.button("Call it") is None


async def test_where_it_lies_is_said_as_far_as_the_bot_sees_it(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """In a folder within another, in one of the person's own, in a shared drive."""
    file = await first(google)
    drives = bot.services.core.drives
    top = file["parents"][0]
    inner = await drives.run(ANN, lambda drive: drive.ensure_subfolder("2026", top))
    await drives.run(ANN, lambda drive: drive.move(file["id"], inner.id))
    assert "in “Telegram / 2026”" in (await again(ann)).text
    await google.act("move", file_id=file["id"], parent="root")
    message = await again(ann)
    assert message.text.splitlines() == [
        "♻️ It is there already as album1.txt, so I did not upload it again.",
        "📁 It lies in a folder that I cannot see.",
    ]
    shared = await google.act("shared_drive", account=AMY)
    await google.act("move", file_id=file["id"], parent=shared["id"])
    assert (await again(ann)).text.splitlines()[-1] == "👥 It lies in a shared drive."
    await google.act("move", file_id=top, parent=shared["id"])
    await drives.run(ANN, lambda drive: drive.move(file["id"], top))
    message = await again(ann)
    assert "as album1.txt in “Telegram”" in message.text
    assert message.text.splitlines()[-1] == "👥 It lies in a shared drive."


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("<b>&amp; 'x'</b>", "<b>&amp; 'x'<_b>"),
        ("😀" * 3000 + ".txt", "😀" * 251 + ".txt"),
        ("\u202egpj.exe", "gpj.exe"),
    ],
)
async def test_whatever_it_is_called_it_can_be_said(
    bot: RunningBot, ann: Person, google: GoogleControls, name: str, shown: str
) -> None:
    """As text, short enough, and readable."""
    file = await first(google)
    await bot.services.core.drives.run(ANN, lambda drive: drive.rename(file["id"], name))
    message = await again(ann)
    assert f"It is there already as {shown} in “Telegram”" in message.text
    await ann.tap("Rename", message)
    await ann.wait_for("What shall")


async def test_a_file_without_a_name_is_said_to_be_there(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """By the name it was sent under; the folder is told all the same."""
    file = await first(google)
    await bot.services.core.drives.run(ANN, lambda drive: drive.rename(file["id"], " "))
    message = await again(ann)
    assert message.text.splitlines() == [
        "♻️ album1.txt is in your Drive already, so I did not upload it again.",
        "📁 In the folder “Telegram”",
    ]


async def test_of_several_the_one_of_that_name_is_named_and_the_others_are_counted(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """Else the one in the folder it would go into, else the oldest."""
    for name in ("second.txt", "third.txt"):
        await ann.tap("Upload it all the same", await again(ann, name))
        await ann.wait_for(f"{name} (16 bytes) is in your Drive")
    message = await again(ann, "third.txt")
    assert "already as third.txt" in message.text
    assert message.text.splitlines()[-1] == "Files with the same content beside it: 2"
    file = await first(google)
    await google.act("move", file_id=file["id"], parent="root")
    assert "already as second.txt" in (await again(ann, "fourth.txt")).text
    await google.act("trash", file_id=file["id"])
    message = await again(ann, "fourth.txt")
    assert message.text.splitlines()[-1] == "Files with the same content beside it: 1"


@pytest.mark.parametrize("fault", [{"kind": "status", "status": 404}])
async def test_what_is_gone_by_the_time_it_was_compared_is_uploaded(
    ann: Person, google: GoogleControls, fault: dict[str, Any]
) -> None:
    """A large file takes a while to compare."""
    await google.fault("google.drive.files.get", **fault, count=1)
    await ann.send_document(CONTENT, "again.txt")
    await ann.wait_for("again.txt (16 bytes) is in your Drive")


async def test_in_an_albums_summary_each_is_named(ann: Person, google: GoogleControls) -> None:
    """Beside what is new."""
    await ann.send_album([("document", CONTENT, "a.txt"), ("document", os.urandom(9), "new.txt")])
    message = await ann.wait_for("2 of 2 files are in your Drive, in", timeout=20)
    assert message.text.splitlines()[1:] == [
        "♻️ a.txt (there already as album1.txt in “Telegram”)",
        "• new.txt",
    ]


async def test_a_button_of_before_a_restart_still_renames(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """The name is in the job."""
    ann = people()
    async with start_bot(WEB_PORT=0):
        await connect(ann, google, AMY)
        await ann.send_document(CONTENT, "album1.txt")
        await ann.wait_for("is in your Drive")
        message = await again(ann, "other.txt")
    async with start_bot(WEB_PORT=0):
        await ann.tap("Call it other.txt", message)
        await ann.wait_for("It has its new name")
    assert (await first(google))["name"] == "other.txt"


async def test_a_button_of_another_account_says_so(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """Whoever has connected another one since."""
    message = await again(ann, "other.txt")
    await connect(ann, google, BEN)
    await ann.tap("Call it other.txt", message)
    await ann.wait_for("in another Google account")
    assert (await first(google))["name"] == "album1.txt"


async def test_a_button_of_a_forgotten_upload_says_so(
    bot: RunningBot, ann: Person, google: GoogleControls
) -> None:
    """After seven days."""
    message = await again(ann, "other.txt")
    await bot.services.uploads.forget(Owner.user(501))
    answer = await ann.tap("Call it other.txt", message)
    assert answer.text == "I no longer know which name that was. Use the Rename button instead."
    assert answer.show_alert


def test_only_a_name_that_somebody_chose_is_offered() -> None:
    """By itself, or by a wish; also in an album, whose files have numbers."""

    def file(own: str, *, made: bool, wish: str = "", place: int = 1) -> JobFile:
        return JobFile(
            **{"telegram_file_id": own, "kind": "photo", "mime_type": "", "size": 1},
            **{"name": own, "own_name": own, "is_made": made, "wish": wish},
            **{"place": (place, 0), "there": Whereabouts(name="there.jpg")},
        )

    def offered(*files: JobFile) -> list[str]:
        return [file.other_name for file in named(job(ANN, 1, files=files)).files]

    made, own = file("photo_1.jpg", made=True), file("own.jpg", made=False, place=2)
    assert offered(made, own) == ["", "own.jpg"]
    wish = file("photo_1.jpg", made=True, wish="Trip")
    assert offered(wish) == ["Trip.jpg"]
    assert offered(wish, own) == ["Trip_1.jpg", "Trip_2.jpg"]
