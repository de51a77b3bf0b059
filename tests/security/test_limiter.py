"""How many refreshes are in our own hands at once: few, however many Google has in its."""

from __future__ import annotations

import asyncio

from security.custody.limiter import IN_HAND, RefreshLimiter, RefreshSlot


async def turns(pace: RefreshLimiter, count: int) -> list[RefreshSlot]:
    """So many, taken one after the other."""
    async with asyncio.timeout(30):
        return [await pace.slot() for _ in range(count)]


async def has_turn(pace: RefreshLimiter) -> bool:
    """Whether one more would be given; it is given back."""
    try:
        async with asyncio.timeout(0.02):
            turn = await pace.slot()
    except TimeoutError:
        return False
    turn.end()
    return True


async def test_few_are_in_hand() -> None:
    """The next one has its turn when one of them ends, and everyone has it in the end."""
    pace = RefreshLimiter(64)
    first, *others = await turns(pace, IN_HAND)
    waiting = [asyncio.create_task(pace.slot()) for _ in range(3)]
    await asyncio.sleep(0.01)
    assert not any(task.done() for task in waiting)
    first.end()
    async with asyncio.timeout(30):
        turn = await waiting[0]
        await asyncio.sleep(0.01)
        assert not waiting[1].done()
        for each in (turn, *others):
            each.end()
        await asyncio.gather(*waiting)


async def test_whoever_asks_google_is_not_in_hand() -> None:
    """As many ask as the settings allow, and no more."""
    pace, asked, answer = RefreshLimiter(40), 0, asyncio.Event()

    async def refresh() -> None:
        nonlocal asked
        turn = await pace.slot()
        async with turn:
            asked += 1
            await answer.wait()
        turn.end()

    async with asyncio.timeout(30), asyncio.TaskGroup() as group:
        for _ in range(60):
            group.create_task(refresh())
        while asked < 40:  # noqa: ASYNC110 - a loop's turn for each of them
            await asyncio.sleep(0)
        await asyncio.sleep(0.02)
        assert asked == 40
        answer.set()
    assert asked == 60


async def test_answers_are_taken_up_whatever_is_in_hand() -> None:
    """Google's answers wait for nobody; who begins anew waits for them."""
    pace = RefreshLimiter(32)
    for turn in (asking := await turns(pace, IN_HAND)):
        await turn.__aenter__()
    busy = await turns(pace, IN_HAND)
    for turn in asking:
        await turn.__aexit__(None, None, None)
    for turn in busy:
        turn.end()
    assert not await has_turn(pace)
    asking[0].end()
    assert await has_turn(pace)


async def test_what_takes_too_long_keeps_nobody_from_a_turn() -> None:
    """Given up while Google was asked: its answer, when it comes, is no longer counted."""
    pace = RefreshLimiter(32)
    for turn in (slow := await turns(pace, IN_HAND)):
        await turn.__aenter__()
        turn.end()
    for turn in slow:
        await turn.__aexit__(None, None, None)
    for turn in await turns(pace, IN_HAND):
        turn.end()
        turn.end()  # once more changes nothing
    assert len(await turns(pace, IN_HAND)) == IN_HAND
    assert not await has_turn(pace)


async def test_a_wait_for_google_that_is_cancelled_leaves_nothing_behind() -> None:
    """Neither a turn nor a place at Google."""
    pace = RefreshLimiter(1)
    first, second = await turns(pace, 2)
    async with first:
        waiting = asyncio.create_task(second.__aenter__())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.wait({waiting})
        second.end()
    first.end()
    assert len(await turns(pace, IN_HAND)) == IN_HAND
    async with asyncio.timeout(30), asyncio.TaskGroup():
        await pace.asking.acquire()
