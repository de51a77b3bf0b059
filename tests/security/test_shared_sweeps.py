"""Sweeps of several processes over one storage: no leader, and nobody refreshed twice."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from processes.wiring import Custody
from security.credential import Owner
from security.maintenance.sweep import SweepOptions
from security.storage.due import random_parts
from tests.security.kit import ANN
from tests.security.processes import Processes

pytestmark = pytest.mark.one_way("on")
OWNERS = [Owner.user(1000 + number) for number in range(200)]


def start_four(processes: Processes, concurrency: int = 8) -> list[Custody]:
    return [processes.start(sweep=SweepOptions(concurrency=concurrency)) for _ in range(4)]


async def test_four_processes_refresh_each_owner_once(anywhere: Processes) -> None:
    """Together they look at few more than there are, and each does its share."""
    anywhere.connect(*OWNERS)
    anywhere.endpoint.seconds = 0.1  # without, whoever is a moment ahead of the others takes more
    custodies = start_four(anywhere, concurrency=4)
    reports = await asyncio.gather(*(custody.sweep.run() for custody in custodies))
    assert anywhere.endpoint.asked == Counter({owner.key: 1 for owner in OWNERS})
    assert sum(report.refreshed for report in reports) == len(OWNERS)
    assert min(report.refreshed for report in reports) > len(OWNERS) / 10
    assert [report.transient + report.operator + report.quarantined for report in reports] == [
        0
    ] * 4
    assert (await custodies[0].sweep.run()).refreshed == 0


async def test_whom_another_process_is_at_is_skipped_at_once(processes: Processes) -> None:
    """And is nobody's failure."""
    processes.connect(ANN)
    dead, alive = processes.start(), processes.start()
    assert dead.store.lease(ANN) is not None
    report = await alive.sweep.run()
    assert (report.skipped, report.waiting, report.transient) == (1, {"locked": 1}, 0)
    assert report.seconds < 20
    assert not alive.state.pauses.is_paused(ANN, processes.shelf.now())
    processes.shelf.tick(31)
    assert (await alive.sweep.run()).refreshed == 1


async def test_whoever_asks_meanwhile_waits_though_a_sweep_does_not(processes: Processes) -> None:
    """They join its refresh, which gives up at once, and begin one of their own."""
    processes.connect(ANN)
    dead, alive = processes.start(), processes.start()
    assert dead.store.lease(ANN) is not None
    sweep = asyncio.create_task(alive.sweep.run())
    refresh = asyncio.create_task(alive.custodian.refresh(ANN))
    await asyncio.sleep(0.3)
    processes.shelf.tick(31)
    assert (await refresh).asked
    assert (await sweep).transient == 0


async def test_a_fleet_that_was_authorised_together_does_not_stay_due_together(
    processes: Processes,
) -> None:
    """Within two minutes, a little at a time; and none is left for longer."""
    processes.connect(*OWNERS, minutes_left=15.5)
    one = processes.start()
    refreshed = [(await one.sweep.run()).refreshed]
    for _ in range(5):
        processes.shelf.tick(30)
        refreshed.append((await one.sweep.run()).refreshed)
    assert sum(refreshed) == len(OWNERS)
    assert refreshed[0] == 0
    assert max(refreshed) < len(OWNERS) / 2.5


async def test_nothing_due_costs_three_questions_at_most(processes: Processes) -> None:
    """However many there are; how they stand is counted every five minutes at most."""
    processes.connect(*OWNERS, minutes_left=60)
    one = processes.start()
    await one.sweep.run()
    storage = one.storage
    for counted in (0, 1):
        storage.asked.clear()  # type: ignore[attr-defined]
        report = await one.sweep.run()
        asked = storage.asked  # type: ignore[attr-defined]
        assert (report.seen, report.full) == (0, False)
        assert asked["due_counts"] == counted
        assert asked["due"] + asked["due_counts"] + asked["read"] + asked["apply"] <= 3
        processes.shelf.tick(301)
    assert one.sweep.figures.by_minutes[-1][1] == len(OWNERS)


# Parts


def test_parts_together_are_all_there_is_each_once() -> None:
    """In about the order in which it stands."""
    rows = list(range(1000))

    def look(after: int | None, count: int) -> list[int]:
        return [row for row in rows if after is None or row > after][:count]

    given = [row for part in random_parts(look, 10) for row in part]
    assert sorted(given) == rows
    assert all(abs(row - at) < 200 for at, row in enumerate(given))


def test_what_is_due_again_at_once_is_not_given_again() -> None:
    """As tokens are that live for less than the lead: a pass over them has an end."""
    moments = {f"owner {number}": number for number in range(500)}

    def look(after: tuple[int, str] | None, count: int) -> list[tuple[int, str]]:
        rows = sorted((moment, name) for name, moment in moments.items())
        return [row for row in rows if after is None or row > after][:count]

    given = []
    for part in random_parts(look, 10, lambda row: row[1]):
        for _, name in part:
            given.append(name)
            moments[name] += 1000
    assert sorted(given) == sorted(moments)


def test_what_others_have_done_meanwhile_is_not_given() -> None:
    """Two who take turns over the same rows take each about once."""
    rows = set(range(1000))

    def look(after: int | None, count: int) -> list[int]:
        return sorted(row for row in rows if after is None or row > after)[:count]

    takers, taken = [random_parts(look, 10) for _ in range(2)], 0
    while takers:
        for taker in list(takers):
            part = next(taker, None)
            if part is None:
                takers.remove(taker)
            else:
                taken += len(part)
                rows -= set(part)
    assert (rows, taken) == (set(), 1000)
