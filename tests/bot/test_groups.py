"""In a group: only when meant, for whoever asked, and nobody's links for others to read."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from bot.delivery.rate_limits import Window
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.group import Group
from sandbox.clients.messages import Message
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from sandbox.server import Sandbox
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, md5_of, until, until_called, until_uploading

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")
AMY, BEN = "amy@example.com", "ben@example.com"
BOT = "@drivekeeper_sandbox_bot"


@pytest.fixture
async def members(people: People) -> tuple[Person, Person]:
    """Ann and Ben, who have accounts and have not spoken to the bot."""
    return await people(501, "Ann").open(), await people(502, "<b>Ben").open()


@pytest.fixture
async def group(
    sandbox: Sandbox, telegram: TelegramControls, members: tuple[Person, Person]
) -> AsyncIterator[Group]:
    """Their group, with the bot in it since long ago; its privacy mode is on."""
    number = await telegram.make_group("Depot", [501, 502], told=False)
    async with Group(sandbox.url, number) as group:
        yield group


class Desktop(Group):
    """A group seen at Telegram Desktop, which puts an album's caption under its last document."""

    async def send_album(self, items: list[Any], caption: str = "") -> list[Message]:
        """Likewise."""
        drafts = [await self._draft(kind, source, name, "", {}) for kind, source, name in items]
        drafts[-1]["caption"] = caption
        body = {"items": drafts} | self._actor()
        answer = await self.ask("POST", f"/chats/{self.id}/albums", body)
        seq = await self._settled(answer)
        return [Message(raw["message_id"], seq, False, raw) for raw in answer["messages"]]


@pytest.fixture
async def bot(start_bot: StartBot, group: Group) -> AsyncIterator[RunningBot]:
    """The bot, whose settings name the group."""
    async with start_bot(ALLOWED_CHAT_IDS=str(group.id), ADMIN_USER_IDS="502") as running:
        yield running


def said(group: Group) -> list[str]:
    """What the bot has said in the group."""
    return [message.text for message in group.messages() if message.from_bot]


def links_in(message: Message) -> str:
    """Everything of a message that could lead into a Drive."""
    return f"{message.raw.get('entities')} {message.raw.get('reply_markup')} {message.text}"


async def test_a_file_that_names_the_bot_goes_to_its_sender_and_the_link_to_their_private_chat(
    bot: RunningBot, google: GoogleControls, group: Group, members: tuple[Person, Person]
) -> None:
    """The group reads that it is there; the rest of the caption describes the file."""
    ann, _ = members
    await connect(ann, google, AMY)
    content = os.urandom(3000)
    await group.by(ann).send_document(content, "plan.bin", caption=f"{BOT} the new plan")
    result = await group.wait_for("plan.bin is in Ann's Drive")
    assert "http" not in links_in(result)
    assert "Telegram" not in result.text
    private = await ann.wait_for("plan.bin (2.9 KiB) is in your Drive", since=0)
    assert private.button("Open in Drive") is not None
    (file,) = [f for f in await google.files(AMY) if f["md5"]]
    assert (file["md5"], file["description"]) == (md5_of(content), "the new plan")


async def test_another_members_file_goes_to_who_asked_for_it(
    bot: RunningBot, google: GoogleControls, group: Group, members: tuple[Person, Person]
) -> None:
    """By a reply to it; that it was there before concerns nobody else."""
    ann, ben = members
    await connect(ann, google, AMY)
    await connect(ben, google, BEN)
    sent = await group.by(ben).send_document(b"Ben's", "ben.txt")
    for words in (BOT, f"/save{BOT}", f"please, {BOT.upper()}!"):
        await group.by(ann).send(words, reply_to=sent.id)
        await group.wait_for("ben.txt is in Ann's Drive")
    await ann.wait_for("It is there already as ben.txt in “Telegram”", since=0)
    assert not any("already" in text or "“Telegram”" in text for text in said(group))
    assert [f["name"] for f in await google.files(AMY) if f["md5"]] == ["ben.txt"]
    assert [f for f in await google.files(BEN) if f["md5"]] == []


async def test_whoever_does_not_mean_the_bot_gets_no_answer(
    start_bot: StartBot,
    google: GoogleControls,
    telegram: TelegramControls,
    members: tuple[Person, Person],
    sandbox: Sandbox,
) -> None:
    """Though, as an administrator of the group, it reads everything; nor is there a line of log."""
    ann, _ = members
    number = await telegram.make_group("Depot", [501], told=False, admin=True)
    async with (
        start_bot(ALLOWED_CHAT_IDS=str(number)) as bot,
        Group(sandbox.url, number) as group,
    ):
        await connect(ann, google, AMY)
        before = bot.log.getvalue()
        group.by(ann)
        sent = await group.send_document(b"x", "not_meant.txt", caption="for @another_bot")
        for words in ("hello", "/save", "/status", "/save@another_bot", "a@drivekeeper"):
            await group.send(words, reply_to=sent.id)
        await telegram.anonymous_message(number, "among ourselves")
        await ann.send("/help")
        await ann.wait_for("20 MiB")
        assert said(group) == []
        assert "access_denied" not in bot.log.getvalue().removeprefix(before)
        await group.send("Thank you", reply_to=0)
        await group.send(f"Thank you {BOT}")
        await group.wait_for("Here I take files only")


async def test_all_of_an_album_belongs_to_the_caption_that_names_the_bot(
    start_bot: StartBot,
    google: GoogleControls,
    telegram: TelegramControls,
    members: tuple[Person, Person],
    sandbox: Sandbox,
) -> None:
    """Its other parts come without one."""
    ann, _ = members
    number = await telegram.make_group("Depot", [501], told=False, admin=True)
    parts: list[Any] = [("document", os.urandom(500), f"{letter}.bin") for letter in "abc"]
    async with start_bot(ALLOWED_CHAT_IDS=str(number)), Group(sandbox.url, number) as group:
        await connect(ann, google, AMY)
        await group.by(ann).send_album(parts, "not for a bot")
        await group.by(ann).send_album(parts, BOT)
        result = await group.wait_for("An album of 3 files is in Ann's Drive")
        assert len([f for f in await google.files(AMY) if f["md5"]]) == 3
        private = await ann.wait_for("3 of 3 files are in your Drive", since=0)
        assert [button.text for button in result.buttons] == ["Show the link here"]
        await ann.tap("Its files", private)
        await ann.wait_for("An album of 3 files. In your Drive: 3")
        assert "http" not in links_in(result)
        await group.by(ann).tap("Show the link here", result)
        shown = await group.wait_for("b.bin")
        assert links_in(shown).count("'text_link'") == 3


async def test_an_album_whose_last_caption_names_the_bot_is_taken_whole(
    start_bot: StartBot,
    google: GoogleControls,
    telegram: TelegramControls,
    members: tuple[Person, Person],
    sandbox: Sandbox,
) -> None:
    """Its first parts have come before anybody could know; of another album nothing is taken."""
    ann, _ = members
    number = await telegram.make_group("Depot", [501], told=False, admin=True)
    contents = [os.urandom(500 + number) for number in range(3)]
    parts = [("document", content, f"{n}.bin") for n, content in enumerate(contents)]
    others = [("document", os.urandom(500), f"other {n}.bin") for n in range(2)]
    async with start_bot(ALLOWED_CHAT_IDS=str(number)), Desktop(sandbox.url, number) as group:
        await connect(ann, google, AMY)
        await group.by(ann).send_album(others, "not for a bot")
        await group.by(ann).send_album(parts, f"{BOT} all of it")
        await group.wait_for("An album of 3 files is in Ann's Drive")
        await ann.wait_for("3 of 3 files are in your Drive", since=0)
        await group.by(ann).send_document(b"next", "next.txt", caption=BOT)
        await group.wait_for("next.txt is in Ann's Drive")
        files = {f["name"]: (f["md5"], f["description"]) for f in await google.files(AMY)}
        assert sum("files" in text for text in said(group)) == 1
    assert set(files) == {"Telegram", "0.bin", "1.bin", "2.bin", "next.txt"}
    assert [files[f"{n}.bin"][0] for n in range(3)] == [md5_of(content) for content in contents]
    assert [files[f"{n}.bin"][1] for n in range(3)] == [None, None, "all of it"]


async def test_a_button_serves_only_who_asked(
    bot: RunningBot, google: GoogleControls, group: Group, members: tuple[Person, Person]
) -> None:
    """Not even an administrator of the bot; and a link is shown when its owner says so."""
    ann, ben = members
    await connect(ann, google, AMY)
    await group.by(ann).send_document(b"Ann's", "ann.txt", caption=BOT)
    result = await group.wait_for("is in Ann's Drive")
    answer = await group.by(ben).tap("Show the link here", result)
    assert answer.text == "This button is not yours."
    assert '"not_yours"' in bot.log.getvalue()
    assert "http" not in links_in(group.last())
    await group.by(ann).tap("Show the link here", result)
    shown = await group.wait_for(lambda m: "http" in links_in(m))
    assert shown.id == result.id
    assert "Ann" in shown.text


async def test_a_cancel_in_a_group_is_said_there_and_what_has_arrived_in_private_alone(
    bot: RunningBot, google: GoogleControls, group: Group, members: tuple[Person, Person]
) -> None:
    """At once, and then the truth, in the one message; a link only for its owner."""
    ann, _ = members
    await connect(ann, google, AMY)
    await google.rate("google.upload.chunk", 100_000)
    await group.by(ann).send_document(os.urandom(2_000_000), "long.bin", caption=BOT)
    message = await group.wait_for("long.bin is on its way")
    await until_uploading(google)
    await google.fault("google.upload.cancel", "latency", seconds=2)
    await group.by(ann).tap("Cancel", message)
    await group.wait_for("Cancelling long.bin …")
    ended = await group.wait_for("long.bin was cancelled, nothing of it is in your Drive.")
    assert ended.id == message.id
    await google.rate("google.upload.chunk", 20)
    await group.by(ann).send_document(b"hello", "late.txt", caption=BOT)
    message = await group.wait_for("late.txt is on its way")
    while not [f for f in await google.files(AMY) if f["md5"]]:  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    await group.by(ann).tap("Cancel", message)
    told = await group.wait_for("late.txt is in Ann's Drive")
    assert told.id == message.id
    assert "http" not in links_in(told)
    private = await ann.wait_for("It was too late to cancel.\n✅ late.txt", since=0)
    assert private.button("Delete") is not None
    assert not any("long.bin" in m.text for m in ann.messages())


async def test_who_is_not_connected_is_asked_in_private_and_the_file_waits(
    bot: RunningBot, google: GoogleControls, group: Group, members: tuple[Person, Person]
) -> None:
    """Nothing about connecting is said in the group; the button leads out of it."""
    ann, ben = members
    await group.by(ben).send_document(b"x", "first.txt", caption=BOT)
    waiting = await group.wait_for("first.txt is waiting. <b>Ben, write to me privately")
    assert waiting.button("Write to me privately").url.endswith("/drivekeeper_sandbox_bot")  # type: ignore[union-attr]
    assert "Connect" not in links_in(waiting)
    await ann.start()
    await group.by(ann).send_document(b"y", "second.txt", caption=BOT)
    await ann.wait_for("second.txt is waiting. Connect your Google Drive", since=0)
    await connect(ann, google, AMY)
    await group.wait_for("second.txt is in Ann's Drive")
    await ann.wait_for("second.txt (1 byte) is in your Drive", since=0)
    answer = await group.by(ann).tap("Cancel", waiting)
    assert answer.text == "This button is not yours."
    await group.by(ben).tap("Cancel", waiting)
    await group.wait_for("first.txt was cancelled")


async def test_commands_are_for_the_private_chat(
    bot: RunningBot, group: Group, members: tuple[Person, Person]
) -> None:
    """One sentence and a button; an administrator's are no different."""
    _, ben = members
    for command in ("/connect", "/health", "/disconnect"):
        await group.by(ben).send(f"{command}{BOT}")
        message = await group.wait_for("Everything else is for our private chat")
        assert [button.text for button in message.buttons] == ["💬 Write to me privately"]
    assert len(said(group)) == 3


async def test_buttons_of_the_private_chat_do_nothing_in_a_group(
    bot: RunningBot,
    google: GoogleControls,
    telegram: TelegramControls,
    group: Group,
    members: tuple[Person, Person],
) -> None:
    """Whoever makes one up: consent, erasing and administration are refused at the gate."""
    ann, ben = members
    await connect(ben, google, BEN)
    await group.by(ben).send(f"/help{BOT}")
    shown = await group.wait_for("Here I take files only")
    sender = {"id": ben.id, "is_bot": False, "first_name": "Ben"}
    for data in ("connect", "erase:yes", "disconnect:yes", "health", "quarantine", "language:en"):
        query = {"id": "1", "from": sender, "message": shown.raw, "chat_instance": "1"}
        await telegram.inject("callback_query", {**query, "data": data})
    await until(lambda: bot.log.getvalue().count('"not_yours"') == 6)
    await ann.send("/help")
    await ann.wait_for("20 MiB")
    assert (bot.folder / "token_502.json").exists()
    assert len(said(group)) == 1


async def test_why_it_failed_is_told_in_private_and_tried_again_from_either_chat(
    bot: RunningBot, google: GoogleControls, group: Group, members: tuple[Person, Person]
) -> None:
    """How full somebody's Drive is concerns nobody else."""
    ann, _ = members
    await connect(ann, google, AMY)
    fault = {"status": 403, "reason": "storageQuotaExceeded"}
    for retry_in_group in (True, False):
        await google.fault("google.upload.start", "status", **fault, count=1)
        await group.by(ann).send_document(os.urandom(9), f"{retry_in_group}.txt", caption=BOT)
        failed = await group.wait_for("was not uploaded. Ann, I tell you why")
        why = await ann.wait_for(f"{retry_in_group}.txt was not uploaded: your Google", since=0)
        if retry_in_group:
            await group.by(ann).tap("Try again", failed)
        else:
            await ann.tap("Try again", why)
            await ann.wait_gone(why.id)
        done = await group.wait_for(f"{retry_in_group}.txt is in Ann's Drive", since=failed.seq)
        assert done.id == failed.id
        await ann.wait_for(f"{retry_in_group}.txt (9 bytes) is in your Drive", since=0)


async def test_a_restart_ends_in_the_same_message_of_the_group(
    start_bot: StartBot, google: GoogleControls, group: Group, members: tuple[Person, Person]
) -> None:
    """The job knows where it was asked for, and by whom."""
    ann, _ = members
    async with start_bot(ALLOWED_CHAT_IDS=str(group.id)):
        await connect(ann, google, AMY)
        await google.rate("google.upload.chunk", 500_000)
        await group.by(ann).send_document(os.urandom(2_000_000), "long.bin", caption=BOT)
        shown = await group.wait_for("long.bin is on its way into Ann's Drive")
        await until_uploading(google)
    await google.rate("google.upload.chunk", None)
    async with start_bot(ALLOWED_CHAT_IDS=str(group.id)):
        done = await group.wait_for("long.bin is in Ann's Drive")
        assert done.id == shown.id
        await ann.wait_for("long.bin (1.9 MiB) is in your Drive", since=0)
    assert len([f for f in await google.files(AMY) if f["name"] == "long.bin"]) == 1


async def test_anonymous_senders_are_told_why_once(
    bot: RunningBot, telegram: TelegramControls, group: Group
) -> None:
    """They all arrive as one user: whose Drive would it be?"""
    for _ in range(3):
        await telegram.anonymous_message(group.id, f"/save{BOT}")
    await group.wait_for("write as yourself", since=0)
    await until(lambda: bot.log.getvalue().count('"anonymous_sender"') == 3)
    assert len(said(group)) == 1


async def test_who_may_not_use_the_bot_may_not_in_a_group_either(
    start_bot: StartBot, group: Group, members: tuple[Person, Person]
) -> None:
    """And whose id it is stays between them and the bot."""
    ann, _ = members
    async with start_bot(ALLOWED_CHAT_IDS=str(group.id), ALLOWED_USER_IDS="77") as bot:
        await group.by(ann).send_document(b"x", "x.txt", caption=BOT)
        refusal = await group.wait_for("This bot is private")
        assert str(ann.id) not in refusal.text
        assert '"not_allowed"' in bot.log.getvalue()


async def test_a_group_that_is_not_named_is_told_its_number_and_left(
    bot: RunningBot, telegram: TelegramControls, sandbox: Sandbox, members: tuple[Person, Person]
) -> None:
    """One where the bot has been all along gets no answer."""
    ann, _ = members
    old = await telegram.make_group("Before", [501], told=False)
    new = await telegram.make_group("Now", [501])
    async with Group(sandbox.url, new) as added, Group(sandbox.url, old) as silent:
        message = await added.wait_for("Send them this group's ID", since=0)
        assert str(new) in message.text
        assert "ALLOWED_CHAT_IDS" not in message.text  # which says nothing to Ann
        await until(lambda: '"not_allowed"' in bot.log.getvalue())
        await silent.by(ann).send(f"/help{BOT}")
        await until(lambda: '"not_private"' in bot.log.getvalue())
        assert said(silent) == []
    async with GoogleControls(sandbox.url) as calls:
        await until_called(calls, "telegram.leaveChat")
    assert (await telegram.state())["calls"]["leaveChat"] == 1


async def test_an_administrator_who_adds_the_bot_to_a_group_is_told_which_setting(
    bot: RunningBot, telegram: TelegramControls, sandbox: Sandbox, members: tuple[Person, Person]
) -> None:
    """They can do something about it."""
    number = await telegram.make_group("Now", [502])
    async with Group(sandbox.url, number) as added:
        await added.wait_for("put it into ALLOWED_CHAT_IDS, restart me", since=0)


async def test_a_group_that_becomes_a_supergroup_is_told_its_new_number(
    bot: RunningBot,
    telegram: TelegramControls,
    sandbox: Sandbox,
    group: Group,
    members: tuple[Person, Person],
) -> None:
    """Which the settings do not name: an operator reads so in the log."""
    ann, _ = members
    new = await telegram.make_group("Depot", [501], told=False)
    sent = await group.by(ann).send("soon a supergroup")
    await telegram.inject("message", {**sent.raw, "text": "", "migrate_to_chat_id": new})
    async with Group(sandbox.url, new) as moved:
        message = await moved.wait_for("Send it to whoever runs this bot", since=0)
    assert str(new) in message.text
    assert '"group_moved"' in bot.log.getvalue()


async def test_no_more_than_a_window_allows_wherever_it_begins() -> None:
    """A bucket would let twice as much through in its first minute."""
    spans = []
    for _ in range(4):  # a machine that stands still meanwhile does so once
        window, times = Window(3, 0.3), []
        for _ in range(8):
            await window.acquire()
            times.append(window._times[-1])
        assert all(later - earlier >= 0.3 for earlier, later in zip(times, times[3:], strict=False))
        spans.append(times[-1] - times[0])
        if spans[-1] < 1.5:
            break
    assert spans[-1] < 1.5, spans


async def test_telegrams_limit_for_groups_is_kept(
    bot: RunningBot,
    google: GoogleControls,
    telegram: TelegramControls,
    group: Group,
    members: tuple[Person, Person],
) -> None:
    """A file costs two messages, however long it takes."""
    ann, _ = members
    await connect(ann, google, AMY)
    await google.rate("google.upload.chunk", 500_000)
    for number in range(3):
        content = os.urandom(700_000)
        await group.by(ann).send_document(content, f"{number}.bin", caption=BOT)
    await group.wait_for("2.bin is in Ann's Drive", timeout=25, since=0)
    assert len([m for m in group.versions() if m.from_bot]) == 6
    assert [v for v in (await telegram.state())["recent_violations"] if v["chat_id"] < 0] == []


async def test_a_local_servers_copy_stays_while_anybody_reads_it(
    start_bot: StartBot,
    google: GoogleControls,
    group: Group,
    telegram: TelegramControls,
    members: tuple[Person, Person],
) -> None:
    """The server has one for both; the faster must not take it from under the other."""
    await telegram.local_mode(True)
    async with start_bot(ALLOWED_CHAT_IDS=str(group.id), TELEGRAM_LOCAL_MODE="true"):
        for person, account in zip(members, (AMY, BEN), strict=True):
            await connect(person, google, account)
        # Ann's is cut, and has to open the file again when Ben's has long ended.
        await google.fault("google.upload.chunk", "cut_body", after_bytes=1_000_000, owner=AMY)
        await google.fault("google.upload.status", "latency", seconds=3, owner=AMY)
        sent = await group.by(members[0]).send_document(os.urandom(2_000_000), "plan.bin")
        await group.by(members[0]).send(BOT, reply_to=sent.id)
        await until_uploading(google)
        await group.by(members[1]).send(BOT, reply_to=sent.id)
        await group.wait_for("plan.bin is in <b>Ben's Drive", since=0)
        await group.wait_for("plan.bin is in Ann's Drive", since=0, timeout=30)
