"""Administrators hear, once, that a key of a department's computer looks stolen; and decide."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from bot.admin import client_alarms
from departments.clients.alarms import Alarm, Suspicion
from departments.clients.clients import Client, Clients
from departments.names import Department
from departments.secret import AccessSecret
from departments.uploads.handed import HandedUploads
from departments.uploads.records import AnnouncedFile
from sandbox.clients.person import Person
from sandbox.server import Sandbox
from tests.bot.upkeep import Upkeep, by_hand, said_to
from tests.fixtures import RunningBot, StartBot
from tests.journeys import until
from tests.security.kit import TOWN

People = Callable[..., Person]
STOLEN = "A key looks stolen"

# None of this depends on how credentials are kept.
pytestmark = pytest.mark.one_way("on")


async def computer(bot: RunningBot) -> Client:
    """Of 淡海."""
    storage, alarms = bot.services.core.storage, bot.services.core.alerts.alarms

    def add() -> Client:
        clients = Clients(storage, AccessSecret.of(storage), alarms)
        return clients.add("tanhae", "行控中心 <1>", (), "user:900")[0]

    return await asyncio.to_thread(add)


async def see(bot: RunningBot, code: Suspicion, client: Client | None = None) -> None:
    """An alarm, by whatever process; and the bot's look."""
    now = bot.services.core.storage.now()
    about = {} if client is None else {"client": client.id, "department": "tanhae"}
    alarm = Alarm(
        code=code, since=now, seen=now, count=25, busiest=6, label="行控中心 <1>", **about
    )
    await asyncio.to_thread(bot.services.core.alerts.alarms.see, alarm)
    await look(bot)


async def look(bot: RunningBot) -> None:
    """What the scheduler does every minute."""
    jobs = bot.application.job_queue
    assert jobs is not None
    (job,) = jobs.get_jobs_by_name(client_alarms.look.__name__)
    await job.run(bot.application)


async def found(bot: RunningBot, client: Client) -> Client:
    now = await asyncio.to_thread(bot.services.core.alerts.computers.find, client.id)
    assert now is not None
    return now


async def test_each_administrator_is_told_once_what_was_seen_and_of_which_computer(
    start_bot: StartBot, people: People
) -> None:
    root, chen, ann = people(900, "Root"), people(901, "陳", "zh-hant"), people(501, "Ann")
    async with start_bot(ADMIN_USER_IDS="900,901") as bot:
        by_hand(bot)
        for person in (root, chen, ann):
            await person.start()
        client = await computer(bot)
        await see(bot, "client_busy", client)
        await see(bot, "client_busy", client)
        await look(bot)
        (told,) = await said_to(root, STOLEN)
        assert "行控中心 <1>" in told.text
        assert "Department: 淡海" in told.text
        assert "Used 25 times in this hour" in told.text
        assert "client_busy" in told.text
        assert client.name not in told.text
        assert len(await said_to(chen, "金鑰可能外洩")) == 1
        assert await said_to(ann, STOLEN) == []
    async with start_bot(ADMIN_USER_IDS="900,901") as bot:
        by_hand(bot)
        await look(bot)
        assert len(await said_to(root, STOLEN)) == 1


async def test_a_key_is_blocked_by_the_button_below(start_bot: StartBot, people: People) -> None:
    root = people(900, "Root")
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await root.start()
        client = await computer(bot)
        await see(bot, "client_second_machine", client)
        await root.tap("Block this key", await root.wait_for(STOLEN))
        await root.wait_for("is blocked")
        blocked = await found(bot, client)
        assert (blocked.state, blocked.changed_by) == ("blocked", "user:900")


@pytest.mark.encryption("on")
async def test_what_its_computer_was_handed_ends_with_a_blocked_key(
    start_bot: StartBot, people: People, sandbox: Sandbox, upkeep: Upkeep
) -> None:
    """Beside web processes that serve departments, too: the bot itself has it given up."""
    await upkeep.connect(TOWN, minutes_left=60)
    drive = sandbox.google
    assert drive is not None
    root = people(900, "Root")
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await root.start()
        client = await computer(bot)
        core = bot.services.core
        handed = HandedUploads(
            core.storage,
            core.workers,
            core.leases,
            await asyncio.to_thread(AccessSecret.of, core.storage),
            core.drives,
            core.custodian,
        )
        file = AnnouncedFile(name="a.pdf", size=7, md5="0" * 32, mime="application/pdf")
        await handed.begin(client.name, Department("tanhae", "淡海"), file, "a key")
        assert len(drive.sessions) == 1
        await see(bot, "client_second_machine", client)
        await root.tap("Block this key", await root.wait_for(STOLEN))
        await root.wait_for("is blocked")
        await until(lambda: not drive.sessions)


async def test_what_is_fine_ends_the_alarm_and_lets_a_blocked_key_in_again(
    start_bot: StartBot, people: People
) -> None:
    root = people(900, "Root")
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await root.start()
        client = await computer(bot)
        await asyncio.to_thread(
            bot.services.core.alerts.computers.block, client.id, "client_second_machine"
        )
        await see(bot, "client_second_machine", client)
        told = await root.wait_for(STOLEN)
        assert "The key is blocked" in told.text
        assert [button.text for button in told.buttons] == ["👌 It is fine"]
        await root.tap("It is fine", told)
        await root.wait_for("Noted.")
        assert (await found(bot, client)).is_active
        assert await asyncio.to_thread(bot.services.core.alerts.alarms.open) == []
        assert "client_dismissed" in bot.actions()


async def test_of_guessed_keys_there_is_none_to_be_blocked(
    start_bot: StartBot, people: People
) -> None:
    root = people(900, "Root")
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await root.start()
        await see(bot, "client_keys_guessed")
        told = await root.wait_for("Somebody tries keys")
        assert [button.text for button in told.buttons] == ["👌 It is fine"]
        await root.tap("It is fine", told)
        await root.wait_for("Noted.")


async def test_the_button_of_an_earlier_alarm_ends_no_later_one(
    start_bot: StartBot, people: People
) -> None:
    """A third machine has come since, of which whoever taps may not have read yet."""
    root = people(900, "Root")
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await root.start()
        client, alarms = await computer(bot), bot.services.core.alerts.alarms
        await see(bot, "client_second_machine", client)
        first = await root.wait_for(STOLEN)
        assert await asyncio.to_thread(alarms.dismiss, f"client_second_machine.{client.id}")
        await see(bot, "client_second_machine", client)
        await root.tap("It is fine", first)
        await root.wait_for("over already")
        assert len(await asyncio.to_thread(alarms.open)) == 1
        (second,) = await said_to(root, STOLEN)  # in the place of the first it says that it is over
        await root.tap("It is fine", second)
        await root.wait_for("Noted.")
        assert await asyncio.to_thread(alarms.open) == []


async def test_once_it_is_over_its_buttons_change_nothing(
    start_bot: StartBot, people: People
) -> None:
    root = people(900, "Root")
    async with start_bot(ADMIN_USER_IDS="900") as bot:
        by_hand(bot)
        await root.start()
        client = await computer(bot)
        await see(bot, "client_other_department", client)
        told = await root.wait_for(STOLEN)
        [going_on] = await asyncio.to_thread(bot.services.core.alerts.alarms.open)
        assert going_on.id.startswith(f"client_other_department.{client.id}:")
        assert [b.callback_data for b in told.buttons] == [
            f"alarm:block:{going_on.id}",
            f"alarm:fine:{going_on.id}",
        ]
        await asyncio.to_thread(
            bot.services.core.alerts.computers.revoke, client.id, "operator:command"
        )
        await root.tap("Block this key", told)
        await root.wait_for("over already")
        assert (await found(bot, client)).state == "revoked"
