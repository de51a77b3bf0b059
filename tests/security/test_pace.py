"""How many refreshes at once: as many as allowed, fewer where the event loop cannot bear them."""

from __future__ import annotations

import asyncio
import time

from security.pace import Pace

LATE, IN_TIME = 0.05, 0.0


async def most_at_once(pace: Pace, works: int) -> int:
    """How many of so many were under way together."""
    now = most = 0

    async def work() -> None:
        nonlocal now, most
        async with pace:
            now += 1
            most = max(most, now)
            await asyncio.sleep(0)
            now -= 1

    async with asyncio.timeout(5), asyncio.TaskGroup() as group:
        for _ in range(works):
            group.create_task(work())
    return most


async def test_as_many_as_the_settings_allow() -> None:
    """To begin with, and again once nothing is late any more."""
    pace = Pace(32)
    assert await most_at_once(pace, 100) == 32
    pace.learn(LATE)
    assert await most_at_once(pace, 100) < 32
    for _ in range(20):
        pace.learn(IN_TIME)
    assert await most_at_once(pace, 100) == 32


async def test_never_fewer_than_a_few() -> None:
    """Nor more than allowed, where that is fewer still."""
    for most, fewest in ((64, 4), (2, 2)):
        pace = Pace(most)
        for _ in range(50):
            pace.learn(LATE)
        assert await most_at_once(pace, 20) == fewest


async def test_whoever_waits_goes_on_when_there_may_be_more() -> None:
    """Without anybody's end to wait for."""
    pace = Pace(8)
    for _ in range(20):
        pace.learn(LATE)
    never = asyncio.Event()
    begun = 0

    async def work() -> None:
        nonlocal begun
        async with pace:
            begun += 1
            await never.wait()

    tasks = [asyncio.create_task(work()) for _ in range(8)]
    await asyncio.sleep(0)
    assert begun == 4
    for _ in range(10):
        pace.learn(IN_TIME)
    async with asyncio.timeout(5):
        while begun < 8:  # noqa: ASYNC110 - they tell nobody
            await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_busy_loop_is_noticed_and_one_burst_is_not() -> None:
    """Many answers that come together are no trouble if there is time behind them."""
    pace = Pace(32)
    watching = asyncio.create_task(pace.watch())
    await asyncio.sleep(0.01)
    time.sleep(0.02)  # noqa: ASYNC251 - the burst
    await asyncio.sleep(0.1)
    assert pace.limit == 32
    deadline = time.monotonic() + 5
    while pace.limit == 32 and time.monotonic() < deadline:
        time.sleep(0.01)  # noqa: ASYNC251 - a loop with too much to do
        await asyncio.sleep(0)
    assert pace.limit < 32
    watching.cancel()
