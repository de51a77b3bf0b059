"""Who cannot be written to: blocking is said of those alone who have written in private.

Telegram refuses in the same way whoever has never pressed START; its sentence alone is another,
and that is for people. https://core.telegram.org/bots/api#making-requests
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from bot.admin import alerts
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.group import Group
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from tests.bot.upkeep import by_hand, logged
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, until, until_in_menu

People = Callable[..., Person]
BOT = "@drivekeeper_sandbox_bot"
ROOT = 900
pytestmark = pytest.mark.one_way("off")


@pytest.mark.timing(menu=0)
async def test_an_administrator_who_never_started_the_bot_has_not_blocked_it(
    start_bot: StartBot, people: People
) -> None:
    """A start and an alert say that they have to press START; once they have, all is well."""
    root = await people(ROOT, "Root").open()
    async with start_bot(WEB_PORT=0, ADMIN_USER_IDS=str(ROOT)) as bot:
        by_hand(bot)
        await until(lambda: levels(bot, "administrator_not_reached") == ["info"])
        await alert(bot)
        assert levels(bot, "administrator_not_reached") == ["info", "warning"]
        assert [line["result"] for line in logged(bot, "message_not_sent")] == ["refused"]
        await root.start()
        await root.wait_for("Drivekeeper")
        await until_in_menu(root, "health")
        bot.services.core.state.incidents.end("invalid_client", datetime.now(UTC).timestamp())
        await alerts.tell_administrators(bot.application.bot, bot.services)
        await root.wait_for("Over:")
        assert logged(bot, "menu_not_published") == logged(bot, "user_blocked_bot") == []


async def test_an_administrator_known_from_a_group_alone_has_not_blocked_it(
    start_bot: StartBot, telegram: TelegramControls, people: People
) -> None:
    """There Telegram answers 403, as it does once they have; that it tells by itself."""
    root = await people(ROOT, "Root").open()
    number = await telegram.make_group("Depot", [ROOT], told=False)
    settings = {"ADMIN_USER_IDS": str(ROOT), "ALLOWED_CHAT_IDS": str(number)}
    async with start_bot(WEB_PORT=0, **settings) as bot:
        by_hand(bot)
        async with Group(root.base_url, number) as group:
            await group.by(root).send(f"hello {BOT}")
            await group.wait_for("Here I take files only")
        await alert(bot)
        assert levels(bot, "administrator_not_reached")[-1] == "warning"
        assert logged(bot, "user_blocked_bot") == []
        await root.start()
        await root.wait_for("Drivekeeper")
        await root.block()
        await until(lambda: logged(bot, "user_blocked_bot") != [])


async def test_a_member_of_a_group_who_never_started_the_bot_has_not_blocked_it(
    start_bot: StartBot, google: GoogleControls, telegram: TelegramControls, people: People
) -> None:
    """What is told in private alone has nowhere to go; and a group blocks no bot."""
    ann = await people().open()
    number = await telegram.make_group("Depot", [ann.id], told=False)
    async with (
        start_bot(WEB_PORT=0, ALLOWED_CHAT_IDS=str(number)) as bot,
        Group(ann.base_url, number) as group,
    ):
        await group.by(ann).send_document(b"wages", "wages.txt", caption=f"/save{BOT}")
        await until(lambda: logged(bot, "message_not_sent") != [])
        await google.fault(
            "telegram.sendMessage", "status", status=403, owner=str(number), reason="Forbidden"
        )
        await group.by(ann).send(f"hello {BOT}")
        await until(lambda: len(logged(bot, "message_not_sent")) == 2)
        assert {line["result"] for line in logged(bot, "message_not_sent")} == {"refused"}
        assert logged(bot, "user_blocked_bot") == logged(bot, "handler_failed") == []


async def test_whoever_blocks_the_bot_while_their_file_is_on_its_way_has(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """It was sent in that private chat."""
    ann = people()
    async with start_bot(WEB_PORT=0) as bot:
        await connect(ann, google, "amy@example.com")
        await google.fault("google.upload.start", "latency", seconds=60)
        await ann.send_document(b"wages", "wages.txt")
        await ann.wait_for("upload starts in a moment")
        await ann.block()
        await google.clear_faults()
        await until(lambda: len(logged(bot, "user_blocked_bot")) == 2)
        assert logged(bot, "message_not_sent") == []


async def alert(bot: RunningBot) -> None:
    """Trouble that administrators are told of."""
    moment = datetime.now(UTC).timestamp()
    bot.services.core.state.incidents.see("invalid_client", moment, 4)
    await alerts.tell_administrators(bot.application.bot, bot.services)


def levels(bot: RunningBot, event: str) -> list[str]:
    """Of the log's lines of this event."""
    return [line["level"] for line in logged(bot, event)]
