"""The rules of custody are the fleet's, not a process's: holds, incidents, pauses, idle days."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from processes.wiring import Custody
from security.credential import Owner
from security.maintenance.documents import ENDED, INCIDENT, MAINTENANCE
from security.maintenance.incidents import CLOCK_SKEW, HOLD
from security.maintenance.sweep import SweepOptions
from tests.security.kit import ANN, BOB, World
from tests.security.processes import Processes

pytestmark = pytest.mark.one_way("on")


def users(count: int) -> list[Owner]:
    return [Owner.user(1000 + number) for number in range(count)]


class Administrators:
    """What they hear from any of the processes."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []

    async def hear(self, custody: Custody) -> None:
        """What this process has to tell, after its sweep."""
        async with custody.fleet.telling() as may_tell:
            assert may_tell()
            for incident in custody.state.incidents.to_tell(custody.storage.now()):
                self.heard.append((incident.code, "over" if incident.over else "begins"))
                custody.state.incidents.told(incident)

    async def after_a_sweep(self, custody: Custody) -> None:
        await custody.fleet.learn(await custody.sweep.run())
        await self.hear(custody)


# Holds


async def test_many_rejected_by_four_processes_at_once_are_one_hold_and_one_message(
    anywhere: Processes,
) -> None:
    """Each has seen a part; nobody is moved, by whichever process."""
    owners, administrators = users(200), Administrators()
    anywhere.connect(*owners)
    anywhere.endpoint.end(*owners)
    options = SweepOptions(concurrency=16)
    custodies = [anywhere.start(sweep=options) for _ in range(4)]
    await asyncio.gather(*map(administrators.after_a_sweep, custodies))
    assert administrators.heard == [(HOLD, "begins")]
    for custody in custodies:
        await administrators.after_a_sweep(custody)
        assert len(custody.state.rejections.held()) == len(owners)
    assert administrators.heard == [(HOLD, "begins")]
    assert custodies[0].store.copies.size() == 0


async def test_rejections_that_are_few_in_each_process_are_many_in_all(
    anywhere: Processes,
) -> None:
    """Two of ten in each of four, one process after the other: from the third one on they stay."""
    everybody = [users(40)[n : n + 10] for n in range(0, 40, 10)]
    moved = 0
    for part in everybody:
        anywhere.connect(*part)
        anywhere.endpoint.end(*part[:2])
        moved += (await anywhere.start().sweep.run()).quarantined
    assert moved == 2
    assert len(anywhere.start().store.owners()) == 38


async def test_a_few_rejected_of_very_many_elsewhere_are_moved(anywhere: Processes) -> None:
    """Three of three in this process; of a hundred in all."""
    anywhere.connect(*users(100))
    assert (await anywhere.start().sweep.run()).refreshed == 100
    anywhere.connect(*[Owner.user(n) for n in (1, 2, 3)])
    anywhere.endpoint.end(*[Owner.user(n) for n in (1, 2, 3)])
    report = await anywhere.start().sweep.run()
    assert (report.quarantined, report.held) == (3, 0)


async def test_an_administrators_word_moves_those_whom_other_processes_hold(
    anywhere: Processes,
) -> None:
    """By whichever process it is said; the incident is over everywhere."""
    owners, administrators = users(4), Administrators()
    anywhere.connect(*owners)
    anywhere.endpoint.end(*owners)
    one, other = anywhere.start(), anywhere.start()
    await administrators.after_a_sweep(one)
    assert await other.rejecting.confirm_held() == 4
    await administrators.after_a_sweep(other)  # the one that opened it has not looked yet
    await administrators.after_a_sweep(one)
    assert administrators.heard == [(HOLD, "begins"), (HOLD, "over")]
    assert one.state.rejections.held() == {}
    assert one.store.copies.size() == 4


async def test_whoever_works_again_is_released_by_whichever_process_refreshes_them(
    anywhere: Processes,
) -> None:
    """And is on hold nowhere any more."""
    owners = users(4)
    anywhere.connect(*owners)
    valid = dict(anywhere.endpoint.valid)
    anywhere.endpoint.end(*owners)
    one, other = anywhere.start(), anywhere.start()
    assert (await one.sweep.run()).held == 4
    anywhere.endpoint.valid = valid
    for owner in owners:
        assert (await other.custodian.refresh(owner)).asked
    await other.sweep.run()
    assert (await one.sweep.run()).held == 0
    assert one.storage.find(MAINTENANCE, "rejected", "yes") == []


async def test_whoever_is_released_between_sweeps_is_so_in_all_processes(
    anywhere: Processes,
) -> None:
    """By a refresh or by a new authorisation: the other one's sweep counts them no more."""
    owners = users(4)
    connected = anywhere.connect(*owners)
    valid = dict(anywhere.endpoint.valid)
    anywhere.endpoint.end(*owners)
    one, other = anywhere.start(), anywhere.start()
    assert (await one.sweep.run()).held == 4
    anywhere.endpoint.valid = valid
    for owner in owners[1:]:
        assert (await other.custodian.refresh(owner)).asked
    async with other.leases.held(owners[0]) as lease:
        await other.custodian.save_consent(connected[0], lease)
    async with asyncio.timeout(10):
        while (await one.sweep.run()).held:  # noqa: ASYNC110 - by itself, in the background
            await asyncio.sleep(0.05)


# Incidents


async def test_trouble_is_over_when_no_process_sees_it_any_more(processes: Processes) -> None:
    """Two have wrong clocks, and one is mended: administrators hear of it twice, not four times."""
    administrators = Administrators()
    one, other = processes.start(), processes.start()
    processes.shelf.ahead = 3600
    for custody in (one, other):
        await administrators.after_a_sweep(custody)
    one.storage.skew = lambda: 0.0  # type: ignore[method-assign]
    await administrators.after_a_sweep(one)
    assert administrators.heard == [(CLOCK_SKEW, "begins")]
    other.storage.skew = lambda: 0.0  # type: ignore[method-assign]
    await administrators.after_a_sweep(other)
    assert administrators.heard == [(CLOCK_SKEW, "begins"), (CLOCK_SKEW, "over")]


async def test_trouble_of_a_process_that_died_is_over_in_half_an_hour(
    processes: Processes,
) -> None:
    """It says nothing any more."""
    administrators = Administrators()
    dead, alive = processes.start(), processes.start()
    processes.shelf.ahead = 3600
    await administrators.after_a_sweep(dead)
    alive.storage.skew = lambda: 0.0  # type: ignore[method-assign]
    await administrators.after_a_sweep(alive)
    processes.shelf.tick(1801)
    await administrators.after_a_sweep(alive)
    assert administrators.heard == [(CLOCK_SKEW, "begins"), (CLOCK_SKEW, "over")]


async def test_what_a_dead_process_has_not_told_the_next_one_tells(processes: Processes) -> None:
    """It had seen the trouble, and written it down."""
    administrators = Administrators()
    dead, alive = processes.start(), processes.start()
    processes.shelf.ahead = 3600
    await dead.fleet.learn(await dead.sweep.run())
    await administrators.after_a_sweep(alive)
    assert administrators.heard == [(CLOCK_SKEW, "begins")]


async def test_while_one_process_tells_no_other_does(processes: Processes) -> None:
    """It waits, and finds that it is told."""
    administrators = Administrators()
    one, other = processes.start(), processes.start()
    processes.shelf.ahead = 3600
    async with one.fleet.telling():
        waiting = asyncio.create_task(administrators.after_a_sweep(other))
        await asyncio.sleep(0.05)
        one.state.learn(await one.sweep.run())
        for incident in one.state.incidents.to_tell(processes.shelf.now()):
            one.state.incidents.told(incident)
    await waiting
    assert administrators.heard == []


# What is remembered of owners


async def test_a_pause_holds_for_every_process(processes: Processes) -> None:
    """Google was away for one of them a moment ago: no other asks again, nor is it forgotten."""
    processes.connect(ANN)
    one, other = processes.start(), processes.start()
    one.state.pauses.extend(ANN, processes.shelf.now())
    await one.state.save()
    report = await other.sweep.run()
    assert (report.skipped, report.refreshed) == (1, 0)
    processes.shelf.tick(200)
    assert (await other.sweep.run()).refreshed == 1
    assert other.storage.names(MAINTENANCE, "owner.") == []


async def test_what_two_processes_remember_of_one_owner_is_kept_side_by_side(
    anywhere: Processes,
) -> None:
    """None undoes what it does not know of."""
    one, other = anywhere.start(), anywhere.start()
    one.state.terms.note(ANN, anywhere.now() + timedelta(days=5))
    other.state.organisations.refuse(ANN, "org_policy")
    await one.state.save()
    await other.state.save()
    third = anywhere.start()
    await third.state.recall([ANN])
    assert third.state.organisations.untold() == [(ANN, "org_policy")]
    assert third.state.terms.owners() == {ANN}
    third.state.organisations.mark_told(ANN)
    await third.state.save()
    await other.state.recall([ANN])
    assert other.state.organisations.untold() == []


async def test_idle_days_are_counted_from_what_any_process_saw(processes: Processes) -> None:
    """Who is idle is left alone by all, and read by each once; a sign of life ends it."""
    processes.connect(ANN, BOB)
    week = timedelta(days=7)
    one, other = processes.start(idle_after=week), processes.start(idle_after=week)
    long_ago = processes.shelf.now() - timedelta(days=30).total_seconds()
    one.state.activity.begin(ANN, long_ago)
    one.state.activity.begin(BOB, processes.shelf.now())
    await one.state.save()
    assert (await other.sweep.run()).refreshed == 1
    assert processes.endpoint.asked == {"502": 1}
    other.storage.asked.clear()  # type: ignore[attr-defined]
    assert (await other.sweep.run()).refreshed == 0
    assert other.storage.asked["read"] == 0  # type: ignore[attr-defined]
    assert one.state.activity.note(ANN, processes.shelf.now())
    assert (await one.custodian.access_token(ANN)).generation == 2


# Told once


@pytest.mark.parametrize("dies", ["before it is sent", "before it is marked"])
async def test_whoever_takes_over_tells_what_the_dead_one_has_not(
    anywhere: Processes, dies: str
) -> None:
    """Sent, then marked: nothing is lost by a death in between."""
    one, other = anywhere.start(), anywhere.start()
    one.state.organisations.refuse(ANN, "org_policy")
    await one.state.save()
    heard: list[str] = []

    async def tell(custody: Custody, name: str) -> None:
        await custody.state.recall([ANN])
        for owner, _ in custody.state.organisations.untold():

            async def mark(told: bool, owner: Owner = owner) -> None:
                if name == "one" and dies == "before it is marked":
                    raise asyncio.CancelledError
                custody.state.organisations.mark_told(owner, told=told)
                await custody.state.save()

            async def send() -> str:
                if name == "one" and dies == "before it is sent":
                    raise asyncio.CancelledError
                heard.append(name)
                return "sent"

            await custody.fleet.tell_once(mark, send, lambda outcome: outcome == "later")

    with pytest.raises(asyncio.CancelledError):
        await tell(one, "one")
    for _ in range(2):
        await tell(other, "other")
    assert heard.count("other") == 1


async def test_on_files_what_is_told_is_marked_first(world: World) -> None:
    """A crash in between costs one message rather than sending two; who could not be reached is
    told another time."""
    fleet, done = world.custody.fleet, list[object]()

    async def mark(told: bool) -> None:
        done.append(told)

    async def send() -> str:
        done.append("sent")
        return "later"

    await fleet.tell_once(mark, send, lambda outcome: outcome == "later")
    assert done == [True, "sent", False]


async def test_where_the_storage_is_away_trouble_is_told_all_the_same(
    processes: Processes,
) -> None:
    """Nobody can be asked whether another process tells it; and once it is back it stays told."""
    administrators = Administrators()
    one = processes.start()
    await one.sweep.run()
    processes.shelf.is_away = True
    await administrators.after_a_sweep(one)
    assert administrators.heard == [("database_unreachable", "begins")]
    processes.shelf.is_away = False
    await administrators.after_a_sweep(one)
    assert administrators.heard == [
        ("database_unreachable", "begins"),
        ("database_unreachable", "over"),
    ]


async def test_what_was_told_while_the_storage_was_away_is_over_though_it_was_not_written_down(
    processes: Processes,
) -> None:
    """By the process that told of it."""
    administrators, one = Administrators(), processes.start()
    processes.shelf.is_away = True
    one.state.incidents.see("database_unreachable", processes.shelf.now(), 0)
    await administrators.hear(one)
    processes.shelf.is_away = False
    one.state.incidents.end("database_unreachable", processes.shelf.now())
    await administrators.hear(one)
    assert administrators.heard == [
        ("database_unreachable", "begins"),
        ("database_unreachable", "over"),
    ]


async def test_whoever_takes_a_dead_processs_place_ends_its_trouble_at_once(
    processes: Processes,
) -> None:
    """Of those who are the bot there is one at a time; no half an hour is to be waited for."""
    administrators = Administrators()
    dead = processes.start(seen_as="bot")
    processes.shelf.is_away = True
    await administrators.after_a_sweep(dead)
    processes.shelf.is_away = False
    await dead.state.save()
    alive = processes.start(seen_as="bot")
    await administrators.after_a_sweep(alive)
    assert administrators.heard == [
        ("database_unreachable", "begins"),
        ("database_unreachable", "over"),
    ]


async def test_what_a_dead_process_writes_down_late_is_not_over_twice(
    processes: Processes,
) -> None:
    """Its successor had seen the trouble itself, and told of its end."""
    administrators, code = Administrators(), "database_unreachable"
    dead, alive = processes.start(seen_as="bot"), processes.start(seen_as="bot")
    processes.shelf.is_away = True
    await administrators.after_a_sweep(dead)
    since = processes.shelf.now()
    processes.shelf.is_away = False
    processes.shelf.tick(2)
    async with alive.fleet.telling():
        alive.state.incidents.end_of_another(code, since, processes.shelf.now())
    await administrators.hear(alive)
    await dead.state.save()
    assert alive.storage.names(MAINTENANCE, INCIDENT) == [INCIDENT + code]
    await administrators.after_a_sweep(alive)
    assert administrators.heard == [(code, "begins"), (code, "over")]
    assert alive.storage.names(MAINTENANCE, INCIDENT) == []


_AWAY = "database_unreachable"


@pytest.mark.parametrize("later", ["one", "other"])
@pytest.mark.parametrize(
    "turns",
    [
        "one, one, other",
        "one, other, one",
        "one, one, other saves, other",
        "other saves, one, one, other",
        "other saves, one saves, one, one, other",
    ],
)
async def test_what_two_processes_have_met_is_over_once_whoever_comes_first(
    processes: Processes, turns: str, later: str
) -> None:
    """The storage was away: each has said so, and what Google gave meanwhile was tried until after
    their sweeps. It is over once, and has not begun again for the one that comes last."""
    administrators = Administrators()
    both = {"one": processes.start(), "other": processes.start()}
    processes.shelf.is_away = True
    for custody in both.values():
        await administrators.after_a_sweep(custody)
        custody.state.unsaved(_AWAY)
    processes.shelf.is_away = False
    for turn in turns.split(", "):
        processes.shelf.tick(0.5)
        name, _, saves = turn.partition(" ")
        if saves:
            await both[name].state.save()
        else:
            await administrators.after_a_sweep(both[name])
    for name in sorted(both, key=lambda name: name == later) * 2:
        processes.shelf.tick(0.5)
        await administrators.after_a_sweep(both[name])
    assert administrators.heard == [(_AWAY, "begins"), (_AWAY, "begins"), (_AWAY, "over")]
    assert both["one"].storage.names(MAINTENANCE, INCIDENT) == []


async def test_a_sweep_that_began_before_the_end_was_told_does_not_begin_it_again(
    processes: Processes,
) -> None:
    """It met the outage, and went on until after another process had told that it is over."""
    processes.connect(ANN)
    administrators, one, other = Administrators(), processes.start(), processes.start()
    processes.shelf.is_away = True
    await administrators.after_a_sweep(one)
    late = await other.sweep.run()
    processes.shelf.is_away = False
    for _ in range(2):
        processes.shelf.tick(0.5)
        await administrators.after_a_sweep(one)
    processes.shelf.tick(0.5)
    await other.fleet.learn(late.model_copy(update={"seconds": 1.5}))
    await administrators.hear(other)
    await administrators.after_a_sweep(other)
    assert administrators.heard == [(_AWAY, "begins"), (_AWAY, "over")]


async def test_trouble_that_is_back_after_its_end_was_told_is_told_again(
    processes: Processes,
) -> None:
    """Though the process that meets it knew of the first one alone."""
    administrators, one, other = Administrators(), processes.start(), processes.start()
    processes.shelf.is_away = True
    for custody in (one, other):
        await administrators.after_a_sweep(custody)
    processes.shelf.is_away = False
    processes.shelf.tick(0.5)
    await administrators.after_a_sweep(one)
    processes.shelf.tick(0.5)
    await administrators.after_a_sweep(other)
    other.state.unsaved(_AWAY)
    for _ in range(2):
        processes.shelf.tick(0.5)
        await administrators.after_a_sweep(other)
    first = [(_AWAY, "begins"), (_AWAY, "begins"), (_AWAY, "over")]
    assert administrators.heard == [*first, (_AWAY, "begins"), (_AWAY, "over")]


async def test_that_it_was_told_to_be_over_is_kept_for_a_day(processes: Processes) -> None:
    """By then every process has looked."""
    administrators, one = Administrators(), processes.start()
    processes.shelf.is_away = True
    await administrators.after_a_sweep(one)
    processes.shelf.is_away = False
    await administrators.after_a_sweep(one)
    assert one.storage.names(MAINTENANCE, ENDED) == [ENDED + _AWAY]
    processes.shelf.tick(86_300)
    await processes.start().state.last_full()
    assert one.storage.names(MAINTENANCE, ENDED) == [ENDED + _AWAY]
    processes.shelf.tick(200)
    await processes.start().state.last_full()
    assert one.storage.names(MAINTENANCE, ENDED) == []
