"""/folder: which of the bot's folders a person's files go into, and what becomes of a choice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from bot.preferences.folder_choices import clean_template, folders_for
from bot.texts.catalogue import Texts
from bot.texts.folder_names import NoFolderNames, explain, folder_names
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from security.credential import Owner
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, until_uploading

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY = "amy@example.com"
TEXT = "text/plain"


async def named(google: GoogleControls, name: str, account: str = AMY) -> list[dict[str, Any]]:
    """What Drive has under this name, the oldest first."""
    found = [file for file in await google.files(account) if file["name"] == name]
    return sorted(found, key=lambda file: str(file["createdTime"]))


async def path_of(google: GoogleControls, name: str, account: str = AMY) -> list[str]:
    """The names of the folders the one file of this name lies in, from the outermost."""
    [file] = await named(google, name, account)
    by_id, path = {f["id"]: f for f in await google.files(account)}, list[str]()
    while (parent := by_id.get(file["parents"][0])) is not None:
        file = parent
        path.insert(0, str(file["name"]))
    return path


async def make_folder(person: Person, name: str, level: Message | None = None) -> Message:
    """From the level that is shown: "New folder here", and the question answered."""
    await person.tap("New folder here", level)
    question = await person.wait_for("be called?")
    await person.send(name, reply_to=question.id)
    return await person.wait_for(lambda m: f"Inside “{name}”" in m.text or f"/ {name}”" in m.text)


async def send(person: Person, name: str) -> Message:
    """A file, from the message to its end."""
    await person.send_document(name.encode(), name, TEXT)
    return await person.wait_for(lambda m: name in m.text and "is in your Drive" in m.text)


async def test_a_new_folder_is_chosen_and_stays_so_after_a_restart(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Nested, by buttons alone; the message names the whole way."""
    ann = people()
    async with start_bot() as bot:
        await connect(ann, google, AMY)
        await ann.send("/folder")
        top = await ann.wait_for("Your files go into the folder Telegram")
        assert "no folders in your Drive yet" in top.text
        work = await make_folder(ann, "Work", top)
        plans = await make_folder(ann, "Plans", work)
        await ann.tap("Use it", plans)
        await ann.wait_for("Your files go into the folder Work / Plans")
        arrived = await send(ann, "a.txt")
        assert "in the folder “Work / Plans”" in arrived.text
        assert ("Work" in bot.stored_text()) == (not bot.settings.encryption_keys)
    async with start_bot():
        await send(ann, "b.txt")
    assert await path_of(google, "a.txt") == await path_of(google, "b.txt") == ["Work", "Plans"]
    assert await named(google, "Telegram") == []


async def test_a_new_folder_is_there_and_chosen_by_a_tap_alone(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Whoever puts folders in order makes several; the message says where files still go."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send("/folder")
    made = await make_folder(ann, "Work", await ann.wait_for("Your files go into"))
    assert made.text.startswith("📂 Your files go into the folder Telegram.")
    assert "I have made Work. Tap “Use it”, and your files go there." in made.text
    await send(ann, "a.txt")
    assert await path_of(google, "a.txt") == ["Telegram"]
    await ann.tap("Use it", made)
    used = await ann.wait_for("Your files go into the folder Work.")
    assert "Use it" not in used.text
    assert used.button("folder-use") is None
    await send(ann, "b.txt")
    assert await path_of(google, "b.txt") == ["Work"]


async def test_slashes_make_folders_within_folders_and_take_those_that_are_there(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Below the one that is shown, or from the top by the command; capitals make no other."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send("/folder Invoices / 2026/November")
    made = await ann.wait_for("I have made Invoices / 2026 / November")
    await ann.tap("Use it", made)
    await ann.wait_for("Your files go into the folder Invoices / 2026 / November")
    await send(ann, "a.txt")
    assert await path_of(google, "a.txt") == ["Invoices", "2026", "November"]
    await ann.send("/folder invoices/2026/December")
    await ann.wait_for("I have made Invoices / 2026 / December")
    await ann.send("/folder Invoices/2026")
    there = await ann.wait_for("Invoices / 2026 is there already")
    await ann.tap("New folder here", there)
    question = await ann.wait_for("be called?")
    await ann.send("Q4/Taxes", reply_to=question.id)
    await ann.wait_for("I have made Invoices / 2026 / Q4 / Taxes")
    for name in ("Invoices", "2026", "November", "December", "Q4", "Taxes"):
        assert len(await named(google, name)) == 1
    await ann.send("/folder Invoices/2026/November")
    chosen = await ann.wait_for("Your files go into the folder Invoices / 2026 / November")
    assert "Use it" not in chosen.text


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("Work//Plans", "Write a name before and after each “/”"),
        ("/Work", "Write a name before and after each “/”"),
        ("Work/", "Write a name before and after each “/”"),
        ("/", "Write a name before and after each “/”"),
        ("Work/ /Plans", "Write a name before and after each “/”"),
        ("../Work", "Dots lead nowhere"),
        ("Work/./Plans", "Dots lead nowhere"),
        ("發票／2026", "write “/” and not “／”"),
        ("Work∕Plans", "write “/” and not “∕”"),
        ("/".join("abcdefghijk"), "too deep: at most 10 folders"),
        ("Work/" + "x" * 101, "too long: a folder's name has at most 100"),
        ("Work/\u200b", "cannot be a folder's name"),
        ("...", "cannot be a folder's name"),
    ],
)
def test_what_names_no_folders_is_told_in_one_sentence(written: str, said: str) -> None:
    with pytest.raises(NoFolderNames) as raised:
        folder_names(written)
    sentence = explain(raised.value, Texts("en"))
    assert said in sentence
    assert "\n" not in sentence


def test_what_names_folders_is_read_as_it_is_meant() -> None:
    assert folder_names(" Invoices / 2026\n") == ("Invoices", "2026")
    assert folder_names("a\\b") == ("a_b",)
    assert folder_names("x" * 100) == ("x" * 100,)


async def test_an_odd_name_changes_nothing_wherever_it_is_written(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Also one that looks like a command, as an answer."""
    ann = people()
    await connect(ann, google, AMY)
    before = await google.files(AMY)
    await ann.send("/folder Work//Plans")
    await ann.wait_for("Write a name before and after each")
    await ann.send("/folder")
    await ann.tap("New folder here", await ann.wait_for("Your files go into"))
    question = await ann.wait_for("be called?")
    await ann.send("/2026", reply_to=question.id)
    await ann.wait_for("Write a name before and after each")
    assert await google.files(AMY) == before


async def test_folders_are_walked_through_up_and_down_and_page_by_page(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Eight to a page; one that is gone by now cannot be chosen."""
    ann = people()
    await connect(ann, google, AMY)

    def fill(drive: Any) -> None:
        outer = drive.ensure_subfolder("Outer")
        for number in range(10):
            drive.ensure_subfolder(f"Inner {number}", outer.id)

    await bot.services.core.drives.run(Owner.user(501), fill)
    await ann.send("/folder")
    await ann.wait_for("The folders I have made")
    await ann.tap("Outer")
    level = await ann.wait_for("Inside “Outer”")
    shown = [button.text for button in level.buttons if "Inner" in button.text]
    assert shown == [f"📁 Inner {number}" for number in range(8)]
    assert "Page 1 of 2" in level.text
    await ann.tap("▶")
    level = await ann.wait_for(lambda m: m.button("Inner 9") is not None)
    assert level.button("▶") is None
    assert "Page 2 of 2" in level.text
    await ann.tap("Inner 9")
    await ann.wait_for("Inside “Outer / Inner 9” there are no folders")
    [gone] = await named(google, "Inner 9")
    await google.act("trash", file_id=gone["id"])
    await ann.tap("Use this one")
    await ann.wait_for("no longer in your Drive")
    await ann.send("/folder")
    await ann.wait_for("The folders I have made")
    await ann.tap("Outer")
    await ann.wait_for("Inside “Outer”")
    await ann.tap("Up")
    await ann.wait_for("The folders I have made")


async def test_sub_folders_by_date_are_chosen_by_taps_or_in_words(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """A template of unknown fields is refused in one message, and changes nothing."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send("/folder")
    await ann.wait_for("Your files go into")
    await ann.tap("By date: off")
    await ann.wait_for(lambda m: m.button("By date: year") is not None)
    await ann.tap("By date: year")
    await ann.wait_for(lambda m: m.button("By date: year and month") is not None)
    before = datetime.now(UTC)
    await send(ann, "a.txt")
    dates = [["Telegram", f"{m:%Y}", f"{m:%m}"] for m in (before, datetime.now(UTC))]
    assert await path_of(google, "a.txt") in dates
    await ann.send("/folder template {year}/{hour}")
    await ann.wait_for("I do not understand this template")
    await ann.send("/folder template Year {year}")
    await ann.wait_for("sub-folders by date; today: Year 2")
    await send(ann, "b.txt")
    assert (await path_of(google, "b.txt"))[1] in (f"Year {date[1]}" for date in dates)
    await ann.send("/folder template off")
    await ann.wait_for(lambda m: m.button("By date: off") is not None)
    await send(ann, "c.txt")
    assert await path_of(google, "c.txt") == ["Telegram"]


@pytest.mark.parametrize("how", ["delete", "trash"])
async def test_a_chosen_folder_that_is_gone_is_made_again_where_it_was_and_said(
    bot: RunningBot, google: GoogleControls, people: People, how: str
) -> None:
    """Once: the next file goes into the new one without a word."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send("/folder")
    work = await make_folder(ann, "Work", await ann.wait_for("Your files go into"))
    plans = await make_folder(ann, "Plans", work)
    await ann.tap("Use it", plans)
    await ann.wait_for("Work / Plans")
    assert "made it again" not in (await send(ann, "a.txt")).text
    [folder] = await named(google, "Plans")
    await google.act(how, file_id=folder["id"])
    assert "so I made it again" in (await send(ann, "b.txt")).text
    assert "made it again" not in (await send(ann, "c.txt")).text
    assert await path_of(google, "b.txt") == await path_of(google, "c.txt") == ["Work", "Plans"]
    assert (await named(google, "b.txt"))[0]["parents"] != [folder["id"]]
    [outer] = await named(google, "Work")
    await google.act(how, file_id=outer["id"])
    assert "so I made it again" in (await send(ann, "d.txt")).text
    assert await path_of(google, "d.txt") == ["Work", "Plans"]


async def test_the_usual_folder_that_is_gone_is_made_again_and_said(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Also for those who have never chosen one."""
    ann = people()
    await connect(ann, google, AMY)
    await send(ann, "a.txt")
    [folder] = await named(google, "Telegram")
    await google.act("delete", file_id=folder["id"])
    assert "so I made it again" in (await send(ann, "b.txt")).text


async def test_a_dated_folder_that_is_gone_is_made_again_and_said(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """It is the bot's as well, and was not missed for nothing."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send("/folder template Year {year}")
    await ann.wait_for("today: Year 2")
    shown = (await send(ann, "a.txt")).text
    assert "made it again" not in shown
    [folder] = [f for f in await google.files(AMY) if str(f["name"]).startswith("Year ")]
    await google.act("delete", file_id=folder["id"])
    assert "so I made it again" in (await send(ann, "b.txt")).text
    assert "made it again" not in (await send(ann, "c.txt")).text


async def test_a_choice_is_of_one_account_and_forgotten_with_the_connection(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Another account has the usual folder; so has the same one after /disconnect."""
    ann = people()
    await connect(ann, google, AMY)
    await ann.send("/folder")
    await make_folder(ann, "Work", await ann.wait_for("Your files go into"))
    await ann.tap("Use it")
    await ann.wait_for("go into the folder Work")
    await connect(ann, google, "other@example.com")
    await send(ann, "a.txt")
    assert await path_of(google, "a.txt", "other@example.com") == ["Telegram"]
    await ann.send("/folder template {year}")
    await ann.wait_for("today: 2")
    await ann.send("/disconnect")
    await ann.wait_for("Disconnect your Google Drive?")
    await ann.tap("Yes, disconnect")
    await ann.wait_for("Disconnected")
    assert not list(bot.folder.glob("preferences/*.folder.json"))
    await ann.send("/folder")
    message = await ann.wait_for("is not connected")
    assert message.button("connect") is not None


@pytest.mark.parametrize(
    "text",
    [
        *("", "/", "{hour}", "{}", "{0}", "{year", "{year:>9}", "{year!r}", "{year.real}"),
        *("a//b", "..", "a/../b", "{year}/\u202e", "a/b/c/d/e/f", "x" * 101),
    ],
)
def test_what_is_no_template_is_refused(text: str) -> None:
    """Whatever the fault: no field but three, and only names of folders."""
    with pytest.raises(ValueError, match=r"template|folder|format|expected"):
        clean_template(text)


def test_a_templates_fields_are_those_of_the_files_day() -> None:
    """With leading zeros, so that folders stand in their order."""
    moment = datetime(2026, 3, 7, tzinfo=UTC)
    template = clean_template(" /Photos {year}/{month}/{day}/ ")
    assert folders_for(template, moment) == ("Photos 2026", "03", "07")
    assert folders_for("", moment) == ()


async def test_a_file_under_way_goes_where_it_was_going_whatever_is_chosen_since(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """Over a restart, too; its message says where it is, and the next file goes elsewhere."""
    ann = people()
    async with start_bot():
        await connect(ann, google, AMY)
        await ann.send("/folder")
        await make_folder(ann, "Work", await ann.wait_for("Your files go into"))
        level = await ann.wait_for("Inside “Work”", since=0)
        await google.rate("google.upload.chunk", 300_000)
        await ann.send_document(bytes(1_000_000), "long.bin")
        await ann.wait_for("long.bin")
        await until_uploading(google)
        await ann.tap("Use it", level)
        await ann.wait_for("go into the folder Work")
    await google.rate("google.upload.chunk", None)
    async with start_bot():
        arrived = await ann.wait_for("long.bin (976.6 KiB) is in your Drive", since=0)
        assert "in the folder “Telegram”" in arrived.text
        await send(ann, "next.txt")
    assert await path_of(google, "long.bin") == ["Telegram"]
    assert await path_of(google, "next.txt") == ["Work"]


async def test_a_second_file_asks_nothing_about_its_folder(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """What was seen or made a moment ago is still there, most likely."""
    ann = people()
    await connect(ann, google, AMY)
    await send(ann, "a.txt")
    before = (await google.calls())["counts"]
    await send(ann, "b.txt")
    after = (await google.calls())["counts"]
    more = {name for name in after if after[name] != before.get(name)}
    assert not more & {"google.drive.files.get", "google.drive.files.create"}
