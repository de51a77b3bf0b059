"""What people can ask the bot, and who may."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest
from telegram import Bot
from telegram.error import Conflict

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from security.credential import Owner
from tests.fixtures import RunningBot, StartBot
from tests.journeys import (
    ask_device_code,
    connect,
    unfinished,
    until,
    until_in_menu,
    until_struck,
)

People = Callable[..., Person]
pytestmark = pytest.mark.one_way("on")


async def test_start_offers_to_connect(bot: RunningBot, people: People) -> None:
    """The first thing a person sees has a button to tap."""
    ann = people()
    await ann.start()
    message = await ann.wait_for("your own Google Drive")
    assert message.button("connect") is not None


async def test_start_with_a_strange_payload_is_a_start(bot: RunningBot, people: People) -> None:
    """Somebody's link with a parameter of theirs is no error."""
    ann = people()
    await ann.start("campaign42")
    await ann.wait_for("your own Google Drive")


async def test_the_menu_lists_every_command_in_the_persons_language(
    bot: RunningBot, people: People
) -> None:
    """Telegram's menu, not only /help."""
    ann, chen = people(501, "Ann", "en"), people(502, "陳", "zh-hant")
    await ann.start()
    await ann.wait_for("Drivekeeper")
    await chen.start()
    await chen.wait_for("Drivekeeper")
    for person in (ann, chen):
        await until_in_menu(person, "help")
    names = [
        *("start", "connect", "uploads", "files", "get", "folder"),
        *("status", "disconnect", "cancel", "language", "privacy", "help"),
    ]
    assert [name for name, _ in await ann.commands()] == names
    meanings = dict(await chen.commands())
    assert list(meanings) == names
    assert meanings["connect"] != dict(await ann.commands())["connect"]


async def test_help_lists_the_commands(bot: RunningBot, people: People) -> None:
    """With what can be sent, and how large."""
    ann = people()
    await ann.send("/help")
    message = await ann.wait_for("20 MiB")
    assert "/disconnect" in message.text


async def test_status_says_account_date_and_room(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """What a person wants to know, in one message."""
    ann = people()
    await connect(ann, google, "amy@example.com")
    await ann.send("/status")
    message = await ann.wait_for("amy@example.com")
    assert "Since" in message.text
    assert "15 GiB" in message.text


async def test_status_of_a_revoked_grant_asks_to_connect_again(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """The credential is in quarantine, and the person is told what to do."""
    ann = people()
    await connect(ann, google, "amy@example.com")
    await google.revoke("amy@example.com")
    await ann.send("/status")
    message = await ann.wait_for("has stopped working")
    assert message.button("connect") is not None
    assert await bot.services.core.custodian.was_quarantined(Owner.user(501))


async def test_status_while_google_is_down_blames_nobody(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """And keeps the credential."""
    ann = people()
    await connect(ann, google, "amy@example.com")
    await google.fault("google.drive.about", "status", status=503, count=0)
    await ann.send("/status")
    await ann.wait_for("does not answer just now", timeout=30)
    assert await bot.services.core.custodian.load(Owner.user(501)) is not None


async def test_disconnect_asks_revokes_and_deletes(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Google's grant is gone, and so is the file."""
    ann = people()
    await connect(ann, google, "amy@example.com")
    await ann.send("/disconnect")
    await ann.wait_for("Disconnect your Google Drive?")
    await ann.tap("No, keep everything")
    await ann.wait_for("stays as it is")
    await ann.send("/disconnect")
    await ann.wait_for("Disconnect your Google Drive?")
    await ann.tap("Yes, disconnect")
    await ann.wait_for("Disconnected")
    assert not (await google.state())["grants"].get("amy@example.com")
    assert not (bot.folder / "token_501.json").exists()


async def test_disconnect_deletes_even_when_revoking_fails_and_says_so(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """With where to remove the app by hand."""
    ann = people()
    await connect(ann, google, "amy@example.com")
    await google.fault("google.revoke", "status", status=503, count=0)
    await ann.send("/disconnect")
    await ann.wait_for("Disconnect your Google Drive?")
    await ann.tap("Yes, disconnect")
    message = await ann.wait_for("Disconnected")
    assert "myaccount.google.com/connections" in message.text
    assert not (bot.folder / "token_501.json").exists()


async def test_disconnect_leaves_another_person_on_the_same_account_connected(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """Google's revoke would end both."""
    ann, bo = people(501, "Ann"), people(502, "Bo")
    await connect(ann, google, "family@example.com")
    await connect(bo, google, "family@example.com")
    await ann.send("/disconnect")
    await ann.wait_for("Disconnect your Google Drive?")
    await ann.tap("Yes, disconnect")
    message = await ann.wait_for("Disconnected")
    assert "somebody else uses the same account" in message.text
    await bo.send("/status")
    await bo.wait_for("Connected as family@example.com")


async def test_privacy_deletes_everything_but_a_counter(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """What is said to be deleted is deleted."""
    ann = people(501, "Ann", "zh-hant")
    await ann.send("/language")
    await ann.wait_for("語言")
    await ann.tap("language:en")
    await ann.wait_for("From now on I speak English")
    await connect(ann, google, "amy@example.com")
    await ann.send("/privacy")
    await ann.wait_for("What I keep about you")
    await ann.tap("Delete all my data")
    await ann.wait_for("Delete everything I keep about you")
    await ann.tap("Yes, delete everything")
    await ann.wait_for("deleted too")
    left = {p.relative_to(bot.folder).as_posix() for p in bot.folder.rglob("*501*")}
    assert left == {"locks/token_501.lock", "tombstones/token_501.json"}


async def test_the_language_chosen_stays_chosen(start_bot: StartBot, people: People) -> None:
    """Over a restart, and against the language of the person's Telegram."""
    ann = people(501, "Ann", "en")
    async with start_bot():
        await ann.send("/language")
        await ann.wait_for("Which language?")
        await ann.tap("繁體中文")
        await ann.wait_for("繁體中文")
    async with start_bot():
        await ann.send("/privacy")
        await ann.wait_for("雲端硬碟")


async def test_cancel_without_anything_under_way_says_so(bot: RunningBot, people: People) -> None:
    """/cancel is never answered by silence."""
    ann = people()
    await ann.send("/cancel")
    await ann.wait_for("nothing to cancel")


async def test_cancel_ends_a_request_and_a_waiting_file(bot: RunningBot, people: People) -> None:
    """Both messages say so."""
    ann = people()
    await ann.send_document(b"x", "waiting.txt")
    await ann.wait_for("is waiting")
    await ask_device_code(ann)
    await ann.send("/cancel")
    await ann.wait_for("waiting.txt was cancelled")
    await ann.wait_for("Nothing was connected")
    assert not unfinished(bot.settings)


async def test_an_unknown_command_points_to_help(bot: RunningBot, people: People) -> None:
    """Rather than silence."""
    ann = people()
    await ann.send("/upload")
    await ann.wait_for("/help")


async def test_plain_text_is_answered(bot: RunningBot, people: People) -> None:
    """With what to do instead."""
    ann = people()
    await ann.send("hello?")
    await ann.wait_for("Send me a file")


@pytest.mark.parametrize("kind", ["contact", "location"])
async def test_what_cannot_be_uploaded_gets_an_answer(
    bot: RunningBot, people: People, kind: str
) -> None:
    """No silence."""
    ann = people()
    await getattr(ann, f"send_{kind}")()
    await ann.wait_for("cannot put this into a Drive")


async def test_strangers_are_refused_and_logged(start_bot: StartBot, people: People) -> None:
    """ALLOWED_USER_IDS; the log names a mask, never an id."""
    ann, eve = people(501, "Ann"), people(987654321, "Eve")
    async with start_bot(ALLOWED_USER_IDS="501") as bot:
        await eve.start()
        await eve.wait_for("This bot is private")
        await eve.send_document(b"x", "evil.txt")
        await eve.send("/connect")
        await ann.start()
        await ann.wait_for("your own Google Drive")
        await until(lambda: bot.log.getvalue().count('"access_denied"') == 3)
        assert len([m for m in eve.messages() if m.from_bot]) == 1  # told once, not every time
        assert "987654321" not in bot.log.getvalue()
        denied = list(
            bot.services.core.storage.events(action="denied")
        )  # as often as they were told
        assert [entry.result for entry in denied] == ["not_allowed"]
        assert "987654321" not in str(denied)
        assert not unfinished(bot.settings)


async def test_strangers_whose_updates_come_together_are_refused_once_for_each(
    start_bot: StartBot, people: People
) -> None:
    """One answer of Telegram's is taken in as a whole, and then put by the library."""
    ann, eve = people(501, "Ann"), people(987654321, "Eve")
    for text in ("/start", "one", "two"):
        await eve.send(text)
    await ann.start()
    async with start_bot(ALLOWED_USER_IDS="501") as bot:
        await ann.wait_for("your own Google Drive")
        await eve.wait_for("This bot is private")
        await until(lambda: bot.log.getvalue().count('"access_denied"') >= 3)
        await ann.send("/help")
        await ann.wait_for("Send me files")
        assert bot.log.getvalue().count('"access_denied"') == 3


async def test_anonymous_administrators_and_groups_are_refused(
    bot: RunningBot, people: People
) -> None:
    """They all arrive as one user; a group would show one person's files to others."""
    ann = people()
    await ann.start()
    await ann.wait_for("Drivekeeper")
    async with TelegramControls(ann.base_url) as telegram:
        group = await telegram.make_group("Friends", [501], told=False)
        await telegram.group_message(group, 501, "/status")
        await telegram.anonymous_message(group, "/connect")
    await ann.send("/help")
    await ann.wait_for("20 MiB")
    await until(lambda: '"not_private"' in bot.log.getvalue())
    await until(lambda: '"anonymous_sender"' in bot.log.getvalue())


async def test_whoever_blocked_the_bot_is_left_in_peace(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """No incident, no error, and the file still arrives for when they come back."""
    ann = people()
    await connect(ann, google, "amy@example.com")
    await google.fault("google.upload.chunk", "latency", seconds=60)
    await ann.send_document(b"x" * 3_000_000, "slow.bin")
    await ann.wait_for("slow.bin")
    await until_struck(google, "google.upload.chunk")
    await ann.block()
    await google.clear_faults()
    await until(lambda: '"upload_finished"' in bot.log.getvalue())
    await until(lambda: '"user_blocked_bot"' in bot.log.getvalue())
    await until(lambda: not unfinished(bot.settings))
    assert '"handler_failed"' not in bot.log.getvalue()


async def test_a_second_instance_is_named_clearly(
    bot: RunningBot, start_bot: StartBot, people: People, sandbox: object
) -> None:
    """Telegram's 409 is one clear event, not a traceback of a library."""
    second = Bot(
        bot.settings.telegram_bot_token.get_secret_value(),  # type: ignore[union-attr]
        base_url=f"{bot.settings.telegram_api_base_url}/bot",
    )
    async with second:
        for _ in range(3):
            with contextlib.suppress(Conflict):  # the two end each other's polls
                await second.get_updates(timeout=1)
    ann = people()
    await ann.send("/help")
    await ann.wait_for("20 MiB")
    assert '"polling_conflict"' in bot.log.getvalue()
    assert '"second_instance"' in bot.log.getvalue()
