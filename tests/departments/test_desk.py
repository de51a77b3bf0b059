"""Whose requests go on: keys, limits and alarms, case by case, over every storage."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import structlog
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory

from departments.clients.clients import Client, May
from departments.clients.desk import ClientDesk, Wants
from departments.clients.keys import checksum, new_key
from departments.clients.refusals import NotAllowed, Refused, TooOften, WrongKey
from departments.clients.use import WRITTEN_EVERY, Seen
from departments.limits import Limits, place_of
from departments.names import Department
from departments.secret import AccessSecret
from security.custody.workers import Workers
from security.encryption import TokenEncryption
from security.storage.protocol import Storage
from tests.stores import storage_in

pytestmark = pytest.mark.encryption("on")
ANN = "user:501"
TANHAE, ANPING = Department("tanhae", "淡海"), Department("anping", "安坑")
OFFICE, HOME = "192.0.2.10", "198.51.100.7"
NEVER = f"dkc_{'0' * 32}{checksum('0' * 32)}"


@pytest.fixture
def clock() -> Iterator[FrozenDateTimeFactory]:
    """The time, which passes as the test says; the event loop has its own."""
    hour = datetime.now(UTC).replace(minute=0, second=10, microsecond=0)
    begin = hour + timedelta(hours=2)
    with freeze_time(begin, real_asyncio=True) as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield frozen


@dataclass
class Office:
    """A process that computers come to."""

    desk: ClientDesk
    clock: FrozenDateTimeFactory
    withdrawn: list[str]
    """Ids of computers whose handed sessions were ended."""

    def add(self, *may: May, label: str = "Desk 1") -> tuple[Client, str]:
        client, key = self.desk.clients.add("tanhae", label, may, ANN)
        return client, key.get_secret_value()

    async def come(self, key: str, wants: Wants = "upload", **how: Any) -> Client:
        said = {"address": OFFICE, "machine": "desk-1", "department": TANHAE, **how}
        return await self.desk.admit(key, wants=wants, **said)

    async def refused(self, key: str, wants: Wants = "upload", **how: Any) -> str:
        with pytest.raises(Refused) as refused:
            await self.come(key, wants, **how)
        return refused.value.code

    async def written(self) -> None:
        """Everything counted is with the others."""
        await self.desk.write_all()

    def alarms(self) -> list[str]:
        return [alarm.code for alarm in self.desk.alarms.open()]


Start = Callable[..., Office]


@pytest.fixture
async def start(
    clock: FrozenDateTimeFactory,
    storage: Storage,
    secret: AccessSecret,
    folder: Path,
    keyring: TokenEncryption,
) -> AsyncIterator[Start]:
    """`start()`, `start(blocks=True)`: a process; the second one is another."""
    opened: list[Storage] = []
    async with AsyncExitStack() as stack:

        def make(*, blocks: bool = False) -> Office:
            its = storage_in(folder, keyring) if opened else storage
            opened.append(its)
            workers = Workers()
            withdrawn: list[str] = []

            async def withdraw(client: Client) -> None:
                withdrawn.append(client.id)

            limits = Limits()
            desk = ClientDesk(its, workers, secret, limits, blocks=blocks, withdraw=withdraw)
            if its is not storage:
                stack.callback(its.close)
            stack.push_async_callback(workers.close)
            stack.push_async_callback(desk.close)
            return Office(desk, clock, withdrawn)

        yield make


@pytest.fixture
def office(start: Start) -> Office:
    return start()


# Whose key


async def test_a_key_opens_what_it_is_for(office: Office) -> None:
    client, key = office.add("token")
    for wants in ("status", "upload", "token"):
        assert (await office.come(key, wants)).id == client.id
    assert (await office.come(key, "status", department=None)).id == client.id


@pytest.mark.parametrize("key", ["", NEVER, NEVER[:-1] + "!", "Bearer x", "x" * 9000, "\0", "dkc_"])
async def test_what_is_nobodys_key_opens_nothing(office: Office, key: str) -> None:
    office.add()
    assert await office.refused(key) == "wrong_key"


async def test_a_key_of_another_department_opens_nothing(office: Office) -> None:
    _, key = office.add("token")
    with pytest.raises(NotAllowed):
        await office.come(key, department=ANPING)
    assert await office.refused(key, "status", department=ANPING) == "other_department"


async def test_a_key_gets_tokens_only_where_that_was_said(office: Office) -> None:
    _, key = office.add()
    assert await office.refused(key, "token") == "token_not_allowed"


async def test_each_refusal_is_logged_once_and_says_whose_key_it_was(office: Office) -> None:
    client, key = office.add()
    with structlog.testing.capture_logs() as log:
        await office.refused(NEVER)
        await office.refused(key, "token")
    lines = [line for line in log if line["event"] == "access_denied"]
    assert [line["result"] for line in lines] == ["wrong_key", "token_not_allowed"]
    assert lines[1]["client"] == client.id
    assert key not in repr(log)


async def test_a_revoked_key_opens_nothing_in_another_process_after_a_second(start: Start) -> None:
    one, other = start(), start()
    client, key = one.add()
    for office in (one, other):
        await office.come(key)
    await one.desk.revoke(client.id, ANN)
    assert await one.refused(key) == "key_revoked"
    one.clock.tick(1.0)
    assert await other.refused(key) == "key_revoked"


async def test_within_that_second_the_storage_is_not_asked_again(start: Start) -> None:
    one, other = start(), start()
    client, key = one.add()
    await other.come(key)
    await one.desk.revoke(client.id, ANN)
    one.clock.tick(0.9)
    await other.come(key)


async def test_a_blocked_key_opens_nothing_until_it_is_unblocked(office: Office) -> None:
    client, key = office.add()
    await office.desk.block(client.id, ANN)
    assert await office.refused(key) == "key_blocked"
    assert office.withdrawn == [client.id]
    await office.desk.unblock(client.id, ANN)
    await office.come(key)
    assert office.withdrawn == [client.id]


async def test_a_code_is_paired_by_one_of_twenty(office: Office) -> None:
    code = office.desk.pairing.make("tanhae", "Desk 2", (), ANN).code.get_secret_value()
    came = await asyncio.gather(
        *(office.desk.pair(code, address=f"192.0.2.{n}") for n in range(20)),
        return_exceptions=True,
    )
    [(client, key)] = [pair for pair in came if isinstance(pair, tuple)]
    assert (await office.come(key.get_secret_value())).id == client.id
    assert {one.code for one in came if isinstance(one, WrongKey)} == {"wrong_code"}


# Limits


@pytest.mark.parametrize(("wants", "most"), [("token", 30), ("sheets", 60)])
async def test_a_key_is_asked_for_so_much_a_minute(office: Office, wants: Wants, most: int) -> None:
    _, key = office.add("token")
    other = office.add("token", label="Desk 2")[1]
    for _ in range(most):
        await office.come(key, wants)
    with pytest.raises(TooOften) as refused:
        await office.come(key, wants)
    assert refused.value.code == "rate_limited"
    assert refused.value.retry_after == 60
    await office.come(other, wants)
    await office.come(key, "upload")
    office.clock.tick(61)
    await office.come(key, wants)


def test_limits_forget_whom_they_counted_and_want_no_thread(
    clock: FrozenDateTimeFactory,
) -> None:
    """Whoever has many addresses fills no memory, and holds nobody up."""
    limits = Limits()
    timer = limits.counts.timer
    for number in range(1000):
        assert limits.failures.count(f"2001:db8:{number:x}::/64") is None
    clock.tick(61)
    limits.failures.count(OFFICE)
    assert len(limits.counts.storage) == 1
    timer.join(10)  # it was told to end, and may not have had its turn
    assert limits.counts.timer is timer
    assert not timer.is_alive()


async def test_after_ten_failures_an_address_waits_and_the_storage_is_not_asked(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(10):
        assert await office.refused(new_key().get_secret_value()) == "wrong_key"
    _, key = office.add()
    with monkeypatch.context() as patched:
        patched.setattr(office.desk.clients, "by_name", _never)
        assert await office.refused(NEVER) == "rate_limited"
        assert await office.refused("") == "rate_limited"
        assert await office.refused(key) == "rate_limited"
    await office.come(key, address=HOME)
    office.clock.tick(61)
    await office.come(office.add(label="Desk 2")[1])


def _never(name: str) -> Client | None:
    raise AssertionError("the storage was asked")


async def test_a_key_found_good_within_the_hour_passes_where_others_fail(office: Office) -> None:
    """An office stands behind one address."""
    _, key = office.add()
    await office.come(key)
    for _ in range(11):
        await office.refused(NEVER)
    office.clock.tick(30)
    assert await office.refused(NEVER) == "rate_limited"
    await office.come(key)
    for _ in range(10):
        office.clock.tick(360)
        await office.refused(NEVER)
    for _ in range(11):
        await office.refused(NEVER)
    assert await office.refused(key) == "rate_limited"


async def test_many_at_once_are_no_way_round_the_limit(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(office.desk.clients, "by_name", asked.append)
    came = await asyncio.gather(*(office.refused(new_key().get_secret_value()) for _ in range(200)))
    assert len(asked) < 20
    assert came.count("rate_limited") == 200 - len(asked)


async def test_wrong_pairing_codes_count_like_wrong_keys(office: Office) -> None:
    for _ in range(10):
        with pytest.raises(WrongKey):
            await office.desk.pair("ABCD-EFGH", address=OFFICE)
    with pytest.raises(TooOften):
        await office.desk.pair("ABCD-EFGH", address=OFFICE)
    assert await office.refused(NEVER) == "rate_limited"


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8:1:2::3", "2001:db8:1:2:ffff::4", True),
        ("2001:db8:1:2::3", "2001:db8:1:3::3", False),
        ("fe80::1%eth0", "fe80::1", True),
        ("", "", True),
    ],
)
def test_an_address_is_counted_as_what_one_subscriber_has(
    one: str, other: str, are_one: bool
) -> None:
    assert (place_of(one) == place_of(other)) is are_one


# Alarms


async def used(office: Office, key: str, times: int, **how: Any) -> None:
    for _ in range(times):
        await office.come(key, **how)


async def with_history(office: Office, times: int) -> tuple[Client, str]:
    """A key that was used so often in an hour some days ago."""
    client, key = office.add()
    for _ in range(times):
        await office.come(key)
        office.clock.tick(61)
    await office.written()
    office.clock.tick(3 * 86400)
    return client, key


@pytest.mark.parametrize(
    ("busiest", "times", "alarms"),
    [(1, 20, []), (1, 21, ["client_busy"]), (6, 24, []), (6, 25, ["client_busy"])],
)
async def test_a_key_that_is_used_as_never_before_is_told_of(
    office: Office, busiest: int, times: int, alarms: list[str]
) -> None:
    client, key = await with_history(office, busiest)
    await used(office, key, times)
    assert office.alarms() == alarms
    for alarm in office.desk.alarms.open():
        assert (alarm.client, alarm.count, alarm.busiest) == (client.id, times, busiest)


async def test_what_is_spread_over_an_hour_is_no_alarm(office: Office) -> None:
    _, key = await with_history(office, 1)
    for _ in range(4):
        await used(office, key, 15)
        office.clock.tick(120)
    assert office.alarms() == []


async def test_a_key_that_was_never_used_has_nothing_to_be_compared_with(office: Office) -> None:
    _, key = office.add()
    await used(office, key, 30)
    assert office.alarms() == []


async def test_an_hour_of_more_than_two_weeks_ago_counts_no_more(office: Office) -> None:
    _, key = await with_history(office, 10)
    office.clock.tick(86400)
    await office.come(key)
    await office.written()
    office.clock.tick(11 * 86400)
    await used(office, key, 25)
    assert office.alarms() == ["client_busy"]


async def test_what_several_processes_count_is_one_keys_use(start: Start) -> None:
    """Neither sees enough by itself."""
    one, other = start(), start()
    _, key = await with_history(one, 1)
    for office in (one, other):
        await used(office, key, 11)
    assert one.alarms() == []
    for office in (one, other):
        await office.written()
    assert one.alarms() == ["client_busy"]


async def test_counting_in_several_processes_loses_nothing(start: Start) -> None:
    offices = [start() for _ in range(4)]
    client, key = offices[0].add()
    for _ in range(3):
        for office in offices:
            await used(office, key, 7)
        await asyncio.gather(*(office.written() for office in offices))
        offices[0].clock.tick(90)
    for office in offices:
        [record] = office.desk.use.of([client.name]).values()
        assert sum(record.hours.values()) == 3 * 4 * 7
        assert record.by_day(office.clock().timestamp())[-1] == 3 * 4 * 7


async def test_use_is_written_at_most_once_a_minute(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    write = office.desk.use.write

    def counted(name: str) -> Seen:
        seen = write(name)
        written.append(name)  # else what is counted next may go with it
        return seen

    monkeypatch.setattr(office.desk.use, "write", counted)
    _, key = office.add()
    await used(office, key, 5)
    await until(lambda: len(written) == 1)
    await used(office, key, 5)
    await asyncio.sleep(0.05)
    assert len(written) == 1
    assert WRITTEN_EVERY == 60
    await office.written()
    assert len(written) == 2


async def test_asking_how_things_stand_is_no_use(office: Office) -> None:
    client, key = office.add()
    await used(office, key, 50, wants="status")
    [record] = office.desk.use.of([client.name]).values()
    assert not record.hours
    assert record.last_used == office.clock().timestamp()


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - of what threads do, the storage alone tells
            await asyncio.sleep(0.005)


async def test_a_second_machine_with_one_key_is_told_of_once(office: Office) -> None:
    _, key = office.add()
    await used(office, key, 3)
    assert office.alarms() == []
    with structlog.testing.capture_logs() as log:
        await used(office, key, 3, machine="desk-2")
    assert office.alarms() == ["client_second_machine"]
    opened = [line for line in log if line["event"] == "incident_opened"]
    assert [line["result"] for line in opened] == ["client_second_machine"]


async def test_a_second_machine_is_noticed_when_it_comes_to_another_process(start: Start) -> None:
    one, other = start(), start()
    _, key = one.add()
    await one.come(key)
    await one.written()
    await other.come(key, machine="desk-2")
    await until(lambda: other.alarms() == ["client_second_machine"])


async def test_a_second_machine_that_is_fine_is_no_news_to_another_process(start: Start) -> None:
    """Which did not know it yet."""
    one, other = start(), start()
    client, key = one.add()
    for office in (one, other):
        await office.come(key)
        await office.written()
    await one.come(key, machine="desk-2")
    assert one.alarms() == ["client_second_machine"]
    await one.desk.dismiss(f"client_second_machine.{client.id}")
    for office in (other, one):
        await office.come(key, machine="desk-2")
        await office.written()
    assert one.alarms() == []
    await other.come(key, machine="desk-3")
    assert one.alarms() == ["client_second_machine"]


async def test_a_third_machine_is_told_of_though_the_second_was_found_fine_elsewhere(
    start: Start,
) -> None:
    """By the chat, or in another process: a moment before."""
    one, other = start(), start()
    client, key = one.add()
    await one.come(key)
    await one.come(key, machine="desk-2")
    await other.desk.dismiss(f"client_second_machine.{client.id}")
    await one.come(key, machine="desk-2")
    assert one.alarms() == []
    await one.come(key, machine="desk-3")
    assert one.alarms() == ["client_second_machine"]


async def test_a_computer_that_says_nothing_is_told_by_its_address(office: Office) -> None:
    _, key = office.add()
    await office.come(key, machine=None, address=OFFICE)
    await office.come(key, machine=None, address=f"::ffff:{OFFICE}")
    assert office.alarms() == []
    await office.come(key, machine=None, address=HOME)
    assert office.alarms() == ["client_second_machine"]


@pytest.mark.parametrize("change", ["revoke", "block"])
async def test_a_key_that_is_used_after_it_was_stopped_is_told_of(
    office: Office, change: str
) -> None:
    client, key = office.add()
    await getattr(office.desk, change)(client.id, ANN)
    for _ in range(3):
        await office.refused(key)
    assert office.alarms() == ["client_stopped_key"]


async def test_a_key_used_for_another_department_is_told_of(office: Office) -> None:
    _, key = office.add()
    for _ in range(3):
        await office.refused(key, department=ANPING)
    assert office.alarms() == ["client_other_department"]


async def test_over_fifty_wrong_keys_from_one_address_are_told_of(office: Office) -> None:
    for minute in range(5):
        for _ in range(10):
            assert await office.refused(NEVER) == "wrong_key"
        assert office.alarms() == [], minute
        office.clock.tick(61)
    assert await office.refused(NEVER, address=HOME) == "wrong_key"
    assert office.alarms() == []
    assert await office.refused(NEVER) == "wrong_key"
    assert office.alarms() == ["client_keys_guessed"]
    office.clock.tick(3700)
    assert office.alarms() == []


async def test_fifty_wrong_keys_over_a_longer_time_are_mistakes(office: Office) -> None:
    for _ in range(70):
        await office.refused(NEVER)
        office.clock.tick(13)
    assert office.alarms() == []


async def test_every_process_sees_an_alarm_and_tells_of_it_once(start: Start) -> None:
    one, other = start(), start()
    _, key = one.add()
    for office in (one, other):
        await office.refused(key, department=ANPING)
    assert one.alarms() == other.alarms() == ["client_other_department"]
    [untold] = one.desk.alarms.untold()
    one.desk.alarms.mark_told(untold, told=True)
    assert other.desk.alarms.untold() == []
    assert other.alarms() == ["client_other_department"]


async def test_what_an_administrator_finds_fine_is_no_alarm_for_a_while(office: Office) -> None:
    client, key = office.add()
    await office.refused(key, department=ANPING)
    name = f"client_other_department.{client.id}"
    assert await office.desk.dismiss(name)
    assert not await office.desk.dismiss(name)
    assert not await office.desk.dismiss("nothing")
    await office.refused(key, department=ANPING)
    assert office.alarms() == []
    office.clock.tick(3700)
    await office.refused(key, department=ANPING)
    assert office.alarms() == ["client_other_department"]


async def test_an_alarm_goes_on_until_somebody_deals_with_it(office: Office) -> None:
    client, key = office.add()
    await office.refused(key, department=ANPING)
    office.clock.tick(30 * 86400)
    assert office.alarms() == ["client_other_department"]
    await office.desk.revoke(client.id, ANN)
    assert office.alarms() == []


async def test_an_alarm_blocks_the_key_where_that_is_set(start: Start) -> None:
    office, other = start(blocks=True), start()
    client, key = office.add()
    await office.come(key)
    assert await office.refused(key, machine="desk-2") == "key_blocked"
    blocked = office.desk.clients.find(client.id)
    assert blocked is not None
    assert (blocked.state, blocked.because) == ("blocked", "client_second_machine")
    assert await office.refused(key) == "key_blocked"
    assert set(office.withdrawn) == {client.id}
    assert await other.refused(key) == "key_blocked"
    await office.desk.unblock(client.id, ANN)
    await office.come(key)
    await office.come(key, machine="desk-2")
    assert "client_second_machine" not in office.alarms()


async def test_a_second_machine_is_blocked_at_once_while_the_first_is_written(start: Start) -> None:
    office = start(blocks=True)
    _, key = office.add()
    turns = office.desk._turns
    async with turns, turns:  # others write: the first machine's use waits
        await office.come(key)
        await asyncio.sleep(0.01)
        second = asyncio.create_task(office.refused(key, machine="desk-2"))
        await asyncio.sleep(0.01)
    assert await second == "key_blocked"


@pytest.mark.parametrize("kind", ["busy", "department"])
async def test_every_alarm_about_a_key_blocks_it(start: Start, kind: str) -> None:
    office = start(blocks=True)
    client, key = await with_history(office, 1)
    if kind == "busy":
        await used(office, key, 20)
        assert await office.refused(key) == "key_blocked"
    else:
        assert await office.refused(key, department=ANPING) == "other_department"
    assert await office.refused(key) == "key_blocked"
    found = office.desk.clients.find(client.id)
    assert found is not None
    assert not found.is_active
