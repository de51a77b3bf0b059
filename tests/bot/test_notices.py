"""The owner of a quarantined credential hears of it: once, and only if need be."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sandbox.clients.google_controls import GoogleControls
from sandbox.clients.person import Person
from sandbox.run import bot_settings
from sandbox.server import Sandbox
from security.credential import Owner
from tests.bot.upkeep import Upkeep, account_of, among_many, by_hand, logged, said_to, sweep
from tests.fixtures import RunningBot, StartBot
from tests.journeys import connect, until
from tests.security.kit import ROOT, TOWN, secret

People = Callable[..., Person]
GONE = "is no longer connected"

# None of this depends on how credentials are kept.
pytestmark = pytest.mark.one_way("on")


async def test_owners_are_told_once_over_sweeps_and_restarts(
    start_bot: StartBot, upkeep: Upkeep, people: People
) -> None:
    """Each by reason and in their language, with a button; of a department, the administrators."""
    ann, chen, root = people(501, "Ann"), people(502, "陳", "zh-hant"), people(509, "Root")
    for owner in (ann, chen, TOWN):
        await upkeep.connect(owner)
    async with start_bot(ADMIN_USER_IDS="509") as bot:
        by_hand(bot)
        for person in (ann, chen, root):
            await person.start()
            await person.wait_for("Drivekeeper")
        await upkeep.revoke(ann, TOWN)
        (bot.folder / "token_502.json").write_text("{")
        await sweep(bot, 3)
        assert len(logged(bot, "owner_told")) == 3
    async with start_bot(ADMIN_USER_IDS="509") as bot:
        by_hand(bot)
        await sweep(bot)
        (message,) = await said_to(ann, GONE)
        assert "Google no longer accepts" in message.text
        assert "in line for seven days" in message.text
        assert message.button("connect") is not None
        (message,) = await said_to(chen, "已經不再連接")
        assert "損壞" in message.text
        assert message.button("connect") is not None
        (message,) = await said_to(root, "A department is no longer connected")
        assert TOWN.key in message.text
        assert "Google no longer accepts it" in message.text
        assert message.button("quarantine:new") is not None
        for person in (ann, chen):
            assert await said_to(person, TOWN.key) == []
        assert logged(bot, "owner_told") == []
    assert upkeep.told() == [True, True, True]


async def test_a_departments_loss_is_told_of_as_soon_as_there_is_an_administrator_to_reach(
    start_bot: StartBot, upkeep: Upkeep, google: GoogleControls, people: People
) -> None:
    """Until then it counts as not told: without any, and while Telegram does not answer."""
    ann, root = people(501, "Ann"), people(509, "Root")
    await upkeep.connect(TOWN)
    async with start_bot() as bot:
        by_hand(bot)
        for person in (ann, root):
            await person.start()
            await person.wait_for("Drivekeeper")
        await upkeep.revoke(TOWN)
        await sweep(bot, 2)
        assert upkeep.told() == [False]
        assert logged(bot, "owner_told") == []
    async with start_bot(ADMIN_USER_IDS="509") as bot:
        by_hand(bot)
        # As often as an answer is given again.
        await google.fault("telegram.sendMessage", "status", status=502, owner="509", count=4)
        await sweep(bot)
        assert upkeep.told() == [False]
        await sweep(bot, 2)
        assert len(await said_to(root, "A department is no longer connected")) == 1
        assert upkeep.told() == [True]
        assert len(logged(bot, "owner_told")) == 1


async def test_whoever_has_been_told_in_person_or_is_connected_gets_no_notice(
    bot: RunningBot, upkeep: Upkeep, google: GoogleControls, people: People
) -> None:
    """Ann asked for /status, Bo sent a file, Cy has connected anew before anybody told him."""
    by_hand(bot)
    among_many(bot)
    ann, bo, cy = people(501, "Ann"), people(502, "Bo"), people(503, "Cy")
    for person in (ann, bo):
        await upkeep.connect(person)
        await upkeep.revoke(person)
    await ann.send("/status")
    await ann.wait_for("has stopped working")
    await bo.send_document(b"waits", "a.txt")
    await bo.wait_for("has ended")
    await until(lambda: upkeep.told() == [True, True])
    await upkeep.connect(cy)
    await upkeep.revoke(cy)
    await bot.services.core.sweep.run()  # sets aside, and tells nobody yet
    assert upkeep.told() == [True, True, False]
    await cy.start()
    await connect(cy, google, account_of(Owner.user(503)))
    await sweep(bot, 2)
    for person in (ann, bo, cy):
        assert await said_to(person, GONE) == []
    assert upkeep.told() == [True, True, True]
    assert logged(bot, "owner_told") == []


async def test_a_notice_that_telegram_did_not_take_comes_later_but_not_to_who_has_left(
    start_bot: StartBot, upkeep: Upkeep, google: GoogleControls, people: People
) -> None:
    """A fault of Telegram's passes; whoever blocked the bot, or may not use it, is left alone."""
    ann, bo, cy = people(501, "Ann"), people(502, "Bo"), people(503, "Cy")
    async with start_bot(ALLOWED_USER_IDS="501,502") as bot:
        by_hand(bot)
        for person in (ann, bo, cy):
            await person.start()
            await person.wait_for("Drivekeeper" if person is not cy else "private")
        await bo.block()
        for person in (ann, bo, cy):
            await upkeep.connect(person)
            (bot.folder / f"token_{person.id}.json").write_text("{")
        among_many(bot)
        # As often as an answer is given again.
        await google.fault("telegram.sendMessage", "status", status=502, owner="501", count=4)
        await sweep(bot)
        assert sorted(upkeep.told()) == [False, True, True]
        assert logged(bot, "owner_told") == []
        await sweep(bot, 2)
        assert len(await said_to(ann, GONE)) == 1
        assert upkeep.told() == [True, True, True]
        assert len(logged(bot, "owner_told")) == 1


async def test_owners_whose_locks_are_held_keep_no_thread_from_the_others(
    bot: RunningBot, upkeep: Upkeep
) -> None:
    """Whoever waits for a lock waits on the event loop: threads are few, and saves need them."""
    store, core = upkeep.world.store, bot.services.core
    owners = [Owner.user(600 + number) for number in range(40)]
    locks = [store.lease(owner) for owner in owners]
    waiting = [asyncio.create_task(core.note_owner_told(owner)) for owner in owners]
    await asyncio.sleep(0.1)
    async with asyncio.timeout(20):
        await core.workers.run(store.storage.check_writable)
    for lock in locks:
        assert lock is not None
        lock.release()
    await asyncio.gather(*waiting)


async def test_what_a_sweep_by_hand_sets_aside_is_told_as_if_the_bot_had_found_it(
    start_bot: StartBot, upkeep: Upkeep, sandbox: Sandbox, people: People, tmp_path: Path
) -> None:
    """`drivekeeper maintenance run` beside a running bot: in the trail at once, told once."""
    ann = people(501, "Ann")
    await upkeep.connect(ann)
    async with start_bot() as bot:
        by_hand(bot)
        await ann.start()
        await ann.wait_for("Drivekeeper")
        await upkeep.revoke(ann)
        settings = bot_settings(sandbox, bot.folder, "device") | {
            "TOKEN_ENCRYPTION_KEY": ",".join(map(secret, bot.settings.encryption_keys))
        }
        env_file = tmp_path / "by-hand.env"
        env_file.touch(mode=0o600)
        env_file.write_text("".join(f"{name}={value}\n" for name, value in settings.items()))
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli", "maintenance", "run", "--env-file", str(env_file)),
            cwd=ROOT,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            _, errors = await process.communicate()
        assert b'"token_quarantined"' in errors
        assert b'"count": 1' in errors
        trail = {(entry.action, entry.result) for entry in bot.services.core.storage.events()}
        assert ("quarantined", "invalid_grant") in trail
        assert upkeep.told() == [False]
        await sweep(bot, 2)
        (message,) = await said_to(ann, GONE)
        assert message.button("connect") is not None
        assert len(logged(bot, "owner_told")) == 1
        # Once more within a month: the second copy.
        await upkeep.connect(ann)
        await upkeep.revoke(ann)
        among_many(bot)
        await sweep(bot)
        (line,) = logged(bot, "token_quarantined")
        assert line["count"] == 2
