"""Administrators hear of trouble: once when it begins, and once when it is over."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.admin import alerts
from bot.texts import admin_texts
from bot.texts.catalogue import Texts
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.clients.telegram_controls import TelegramControls
from security.credential import Owner
from security.encryption import TokenEncryption
from tests.bot.upkeep import Upkeep, by_hand, logged, said_to, sweep
from tests.fixtures import StartBot
from tests.journeys import until, until_struck
from tests.security.kit import new_key

People = Callable[..., Person]
REFUSED = "Google refuses this bot's OAuth client"
ON_HOLD = "on hold"

# None of this depends on how credentials are kept.
pytestmark = pytest.mark.one_way("on")


async def greet(*everybody: Person) -> None:
    """They have a chat with the bot."""
    for person in everybody:
        await person.start()
        await person.wait_for("Drivekeeper")


async def test_a_wrong_client_secret_is_one_alert_and_one_end_for_each_administrator(
    start_bot: StartBot, upkeep: Upkeep, google: GoogleControls, people: People
) -> None:
    """Over five sweeps, a Telegram that fails at first, a restart; other people hear none."""
    root, chen, ann = people(900, "Root"), people(901, "陳", "zh-hant"), people(501, "Ann")
    for number in range(4):
        await upkeep.connect(Owner.user(501 + number))
    settings = {"ADMIN_USER_IDS": "900,901", "ALLOWED_USER_IDS": "501,502,503,504"}
    async with start_bot(**settings) as bot:
        by_hand(bot)
        await greet(root, chen, ann)
        await google.act("client", state="wrong_secret")
        away = [
            await google.fault("telegram.sendMessage", "status", status=502, owner=str(person.id))
            for person in (root, chen)
        ]
        await sweep(bot, 3)
        assert {rule["id"] for rule in await google.faults() if not rule["remaining"]} == set(away)
        (message,) = await said_to(root, REFUSED)
        assert "GOOGLE_CLIENT_SECRET" in message.text
        assert "Owners affected: 4" in message.text
        assert re.search(r"Since \d{4}-\d\d-\d\d \d\d:\d\d UTC", message.text)
        (opened,) = logged(bot, "incident_opened")
        assert (opened["result"], opened["count"]) == ("invalid_client", 4)
    async with start_bot(**settings) as bot:
        by_hand(bot)
        await sweep(bot, 2)
        assert logged(bot, "incident_opened") == []
    await google.act("client", state="ok")
    async with start_bot(**settings) as bot:  # who has waited is asked for at once
        by_hand(bot)
        await sweep(bot, 2)
        _, last = await said_to(root, REFUSED)
        assert "Over:" in last.text
        assert "It lasted" in last.text
        assert len(await said_to(chen, "拒絕這個機器人的 OAuth 用戶端")) == 2
        assert await said_to(ann, "OAuth") == []
        assert logged(bot, "incident_opened") == []
        (closed,) = logged(bot, "incident_closed")
        assert closed["result"] == "invalid_client"
    assert upkeep.told() == []


async def test_many_revoked_at_once_are_held_until_an_administrator_says_so(
    start_bot: StartBot, upkeep: Upkeep, people: People
) -> None:
    """Three of ten: asked by buttons; only an administrator's tap counts, and owners hear once."""
    root, ann, bo = people(900, "Root"), people(501, "Ann"), people(502, "Bo")
    for number in range(10):
        await upkeep.connect(Owner.user(501 + number))
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await greet(root, ann, bo)
        await upkeep.revoke(*(Owner.user(501 + number) for number in range(3)))
        await sweep(bot, 2)
        (alert,) = await said_to(root, ON_HOLD)
        assert "Owners affected: 3" in alert.text
        assert upkeep.told() == []
        # Ann comes by and is told then; a forged tap of hers does nothing.
        await ann.send("/status")
        shown = await ann.wait_for("has stopped working")
        user = {"id": 501, "is_bot": False, "first_name": "Ann", "language_code": "en"}
        async with TelegramControls(ann.base_url) as telegram:
            query = {"id": "9", "from": user, "message": shown.raw, "chat_instance": "9"}
            await telegram.inject("callback_query", {**query, "data": "hold:yes"})
        await until(lambda: '"not_allowed"' in bot.log.getvalue())
        assert upkeep.told() == []
        await root.tap("Show", alert)
        listed = await root.wait_for("On hold: 3")
        assert len(re.findall(r"u_[a-z2-7]{16} – Google no longer accepts it", listed.text)) == 3
        await root.tap("Set 3 aside", alert)
        await root.wait_for("Set 3 credentials aside?")
        await root.tap("No, leave them")
        await root.wait_for("stay where they are")
        assert upkeep.told() == []
        await root.tap("Set 3 aside", alert)
        await root.wait_for("Set 3 credentials aside?")
        await root.tap("Yes, set 3 aside")
        await root.wait_for("Set aside: 3.")
        await root.wait_for("Over:")
        await until(lambda: upkeep.told() == [True, True, True])
        await sweep(bot)
        assert len(await said_to(bo, "is no longer connected")) == 1
        assert await said_to(ann, "is no longer connected") == []
        assert len(await said_to(root, "Over:")) == 1
        assert bot.actions()[-4:] == ["confirmed", *["quarantined"] * 3]
        assert "denied" in bot.actions()


@pytest.mark.encryption("on")
async def test_files_that_no_key_opens_are_told_right_after_the_start(
    start_bot: StartBot, upkeep: Upkeep, people: People, tmp_path: Path
) -> None:
    """Everybody else is served; without administrators the log says it all the same."""
    for number in range(2):
        await upkeep.connect(Owner.user(501 + number), minutes_left=60)
    cy = people(503, "Cy")
    async with start_bot():
        await cy.send_document(b"wages", "wages.pdf")  # waits for Cy's connection
        await cy.wait_for("wages.pdf")
    stranger = TokenEncryption([new_key()])
    (tmp_path / "user_data" / "token_503.json").write_bytes(stranger.encrypt(b"{}"))
    async with start_bot() as bot:
        await until(lambda: logged(bot, "incident_opened") != [])
        (opened,) = logged(bot, "incident_opened")
        assert (opened["result"], opened["count"]) == ("unknown_key", 1)
    assert upkeep.told() == []


async def test_a_sweep_that_fails_is_told_and_the_next_one_ends_it(
    start_bot: StartBot, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect of the program must not pass unseen."""
    root = people(900, "Root")
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await greet(root)
        with monkeypatch.context() as broken:
            broken.setattr(bot.services.core.sweep, "run", lambda: 1 / 0)
            await sweep(bot, 2)
        await sweep(bot)
        first, last = await said_to(root, "The sweeps over the credentials fail")
        assert "sweep_failed" in first.text
        assert "Over:" in last.text


async def test_an_alert_that_meets_the_stop_is_told_by_the_next_start(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """It counted as told before it went out, and Telegram has never taken it."""
    root, settings = people(900, "Root"), {"ADMIN_USER_IDS": "900"}
    async with start_bot(**settings) as bot:
        by_hand(bot)
        await greet(root)
        hanging = await google.fault("telegram.sendMessage", "hang", count=None)
        memory = bot.services.core.state
        memory.incidents.see("invalid_client", datetime.now(UTC).timestamp(), 4)
        telling = asyncio.create_task(alerts.tell_administrators(bot.application.bot, bot.services))
        await until_struck(google, "telegram.sendMessage")
        telling.cancel()
    assert [rule["id"] for rule in await google.faults() if rule["hits"]] == [hanging]
    await google.clear_faults()
    async with start_bot(**settings) as bot:
        by_hand(bot)
        await alerts.tell_administrators(bot.application.bot, bot.services)
        assert len(await said_to(root, REFUSED)) == 1


def test_what_to_do_follows_full_width_signs_without_a_blank() -> None:
    said = [admin_texts.what_to_do("x <b>y</b>", Texts(language)) for language in ("en", "zh_Hant")]
    assert said == ["<b>What to do:</b> x <b>y</b>", "<b>處理方式：</b>x <b>y</b>"]
