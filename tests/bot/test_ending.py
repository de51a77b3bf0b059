"""A grant that Google will end on a date: said ahead, once, and never where Google sets no date."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from bot.texts.catalogue import Texts
from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from security.credential import Owner
from security.maintenance.owners import AHEAD
from tests.bot.upkeep import Upkeep, by_hand, logged, said_to, sweep
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect
from tests.security.kit import TOWN

People = Callable[..., Person]
AMY = "amy@example.com"
ENDS = "Google ends your connection"
SOON = (AHEAD - timedelta(hours=1)).total_seconds()
pytestmark = pytest.mark.one_way("on")


async def test_whose_connection_ends_soon_is_told_once_over_sweeps_and_restarts(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """With the date and a button; connected again without a term, they hear no more of it."""
    ann = people()
    async with start_bot(WEB_PORT=0) as bot:
        by_hand(bot)
        await google.act("limit_access", account=AMY, seconds=SOON)
        await connect(ann, google, AMY)
        date = Texts("en").date(datetime.now(UTC) + timedelta(seconds=SOON))
        await sweep(bot, 2)
        (message,) = await said_to(ann, ENDS)
        assert f"On {date} Google ends" in message.text
        assert message.button("connect") is not None
        assert [line["result"] for line in logged(bot, "owner_told")] == ["grant_ends"]
        await ann.send("/status")
        shown = await ann.wait_for(f"Until {date}")
    async with start_bot(WEB_PORT=0) as bot:
        by_hand(bot)
        await sweep(bot)
        assert len(await said_to(ann, ENDS)) == 1
        await google.act("limit_access", account=AMY)
        await connect(ann, google, AMY)
        assert bot.services.core.state.terms.owners() == set()
        await ann.send("/status")
        shown = await ann.wait_for(AMY)
        assert "Until" not in shown.text


async def test_a_new_consent_with_another_end_is_told_anew(
    start_bot: StartBot, google: GoogleControls, people: People
) -> None:
    """In the person's language."""
    chen = people(502, "陳", "zh-hant")
    async with start_bot(WEB_PORT=0) as bot:
        by_hand(bot)
        await chen.start()
        await chen.wait_for("雲端硬碟")
        terms = bot.services.core.state.terms
        for seconds in (SOON, SOON - 7200):
            terms.note(Owner.user(502), datetime.now(UTC) + timedelta(seconds=seconds))
            assert len(terms.to_tell(datetime.now(UTC).timestamp())) == 1
            terms.mark_told(Owner.user(502))
        # What is left is told in whole seconds: the same end is no other.
        terms.note(Owner.user(502), datetime.now(UTC) + timedelta(seconds=SOON - 7203))
        assert terms.to_tell(datetime.now(UTC).timestamp()) == []


async def test_an_end_that_is_far_or_that_google_does_not_tell_is_not_spoken_of(
    bot: RunningBot, google: GoogleControls, people: People
) -> None:
    """A week from now, or never."""
    by_hand(bot)
    ann, ben = people(), people(502, "Ben")
    await google.act("limit_access", account=AMY, seconds=7 * 86400)
    await connect(ann, google, AMY)
    await connect(ben, google, "ben@example.com")
    await sweep(bot)
    assert await said_to(ann, ENDS) == await said_to(ben, ENDS) == []
    assert logged(bot, "owner_told") == []


async def test_an_end_is_learnt_of_at_a_refresh_and_a_departments_told_to_administrators(
    start_bot: StartBot, upkeep: Upkeep, google: GoogleControls, people: People
) -> None:
    """Connections from before this was looked at; who cannot be reached is tried again."""
    ann, root = people(), people(900, "Root")
    for owner, account in ((Owner.user(501), "501"), (TOWN, TOWN.key)):
        await upkeep.connect(owner)
        await google.act("limit_access", account=f"{account}@example.com", seconds=SOON)
    async with start_bot(WEB_PORT=0, ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        for person in (ann, root):
            await person.start()
            await person.wait_for("Drivekeeper")
        await google.fault("telegram.sendMessage", "status", status=502, owner="501", count=4)
        await sweep(bot)
        (message,) = await said_to(root, "Google ends a department's connection")
        assert TOWN.key in message.text
        assert message.buttons == []
        await sweep(bot)
        assert len(await said_to(ann, ENDS)) == 1
        assert len(await said_to(root, "department's connection")) == 1


async def test_a_departments_end_is_told_as_soon_as_there_is_an_administrator(
    start_bot: StartBot, upkeep: Upkeep, google: GoogleControls, people: People
) -> None:
    """Without any, it counts as not told."""
    root = people(900, "Root")
    await upkeep.connect(TOWN)
    await google.act("limit_access", account=f"{TOWN.key}@example.com", seconds=SOON)
    async with start_bot(WEB_PORT=0) as bot:
        by_hand(bot)
        await root.start()
        await root.wait_for("Drivekeeper")
        await sweep(bot, 2)
        assert logged(bot, "owner_told") == []
    async with start_bot(WEB_PORT=0, ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await sweep(bot, 2)
        assert len(await said_to(root, "department's connection")) == 1
