"""Calls that come together are done together; none is held up, or touched, by another's trouble."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from security.custody.batching import MOST, Batches, BatchScheduler
from security.custody.threads import Threads
from security.storage.each import each


class Refused(Exception):
    """What these tests raise."""


@pytest.fixture
async def threads() -> AsyncIterator[Threads]:
    threads = Threads(3, "test")
    yield threads
    await threads.close(5)


class Halves:
    """Work that halves numbers, refuses odd ones, and waits at zero; it remembers its batches."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_end = threading.Event()
        self.begun = threading.Event()

    def __call__(self, numbers: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(numbers))
        self.begun.set()
        if 0 in numbers:
            self.may_end.wait(60)
        return each(self._half, numbers)

    @staticmethod
    def _half(number: int) -> int:
        if number % 2:
            raise Refused
        return number // 2


async def test_what_comes_together_is_done_together(threads: Threads) -> None:
    """As many as a batch holds; everyone gets their own."""
    work = Halves()
    batches = Batches(BatchScheduler(threads), work)
    numbers = range(2 * MOST + 5)
    assert await asyncio.gather(*(batches.run(2 * n + 2) for n in numbers)) == [
        n + 1 for n in numbers
    ]
    assert [len(batch) for batch in work.batches] == [MOST, MOST, 5]


async def test_a_batch_that_gathers_has_what_comes_a_moment_later(threads: Threads) -> None:
    """Where each costs as much however few are in it."""
    work = Halves()
    batches = Batches(BatchScheduler(threads, gathers_seconds=0.2), work)
    first = asyncio.create_task(batches.run(2))
    await asyncio.sleep(0)
    second = asyncio.create_task(batches.run(4))
    assert (await first, await second) == (1, 2)
    assert work.batches == [[2, 4]]


async def test_a_full_batch_gathers_nothing(threads: Threads) -> None:
    """Nobody else would have room in it."""
    work = Halves()
    batches = Batches(BatchScheduler(threads, gathers_seconds=60), work)
    numbers = range(MOST)
    halves = asyncio.gather(*(batches.run(2 * number) for number in numbers[1:]), batches.run(2))
    assert await asyncio.wait_for(halves, 10) == [*numbers[1:], 1]


async def test_one_error_is_nobody_elses(threads: Threads) -> None:
    """Neither in the batch, nor in a later step for what an earlier one has refused."""
    batches = Batches(BatchScheduler(threads), Halves())
    outcomes = await asyncio.gather(*map(batches.run, (2, 3, 4)), return_exceptions=True)
    assert [outcomes[0], outcomes[2]] == [1, 2]
    assert isinstance(outcomes[1], Refused)

    halves = each(Halves._half, [8, 7, 2])
    quarters = each(Halves._half, halves)
    assert quarters[0] == 2
    assert quarters[1] is halves[1]
    assert isinstance(quarters[2], Refused)


async def test_what_comes_during_a_batch_waits_for_its_end_but_not_for_long(
    threads: Threads,
) -> None:
    """One that hangs holds nobody up."""
    work = Halves()
    batches = Batches(BatchScheduler(threads), work)
    hanging = asyncio.create_task(batches.run(0))
    await asyncio.to_thread(work.begun.wait, 10)
    async with asyncio.timeout(30):
        assert list(await asyncio.gather(batches.run(2), batches.run(4))) == [1, 2]
    assert not hanging.done()
    work.may_end.set()
    assert await hanging == 0
    assert work.batches == [[0], [2, 4]]


async def test_work_that_fails_as_a_whole_fails_for_all(threads: Threads) -> None:
    """And the next batch goes on."""
    fails = True

    def work(numbers: Sequence[int]) -> list[int | Exception]:
        if fails:
            raise Refused
        return list(numbers)

    batches = Batches(BatchScheduler(threads), work)
    outcomes = await asyncio.gather(batches.run(1), batches.run(2), return_exceptions=True)
    assert all(isinstance(outcome, Refused) for outcome in outcomes)
    fails = False
    assert await batches.run(3) == 3


async def test_whoever_is_cancelled_before_it_begins_spares_it(threads: Threads) -> None:
    """Later, it is done, and what it gives is dropped."""
    work = Halves()
    batches = Batches(BatchScheduler(threads), work)
    early = asyncio.create_task(batches.run(2))
    late = asyncio.create_task(batches.run(0))
    await asyncio.sleep(0)  # both have asked
    early.cancel()
    await asyncio.to_thread(work.begun.wait, 10)
    late.cancel()
    work.may_end.set()
    outcomes = await asyncio.gather(early, late, return_exceptions=True)
    assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
    assert await batches.run(6) == 3
    assert work.batches == [[0], [6]]


async def test_threads_that_were_given_back_take_nothing_more() -> None:
    """And nobody waits for ever."""
    threads = Threads(1, "test")
    await threads.close(1)
    with pytest.raises(RuntimeError):
        await Batches(BatchScheduler(threads), Halves()).run(2)


async def test_batches_of_different_kinds_are_done_one_after_the_other(threads: Threads) -> None:
    """Each in its turn, however many wait for the other kind."""
    order: list[str] = []

    def work(kind: str) -> Callable[[Sequence[int]], Sequence[int | Exception]]:
        def do(numbers: Sequence[int]) -> Sequence[int]:
            order.append(kind)
            return numbers

        return do

    turns = BatchScheduler(threads)
    looks, saves = Batches(turns, work("look")), Batches(turns, work("save"))
    numbers = range(2 * MOST)
    await asyncio.gather(*map(looks.run, numbers), saves.run(1))
    assert order == ["look", "save", "look"]


async def test_a_batch_that_hangs_holds_no_other_kind_up(threads: Threads) -> None:
    """Ten milliseconds are as long as anybody waits for it."""
    hanging, turns = Halves(), BatchScheduler(threads)
    first = asyncio.create_task(Batches(turns, hanging).run(0))
    await asyncio.to_thread(hanging.begun.wait, 10)
    async with asyncio.timeout(30):
        assert await Batches(turns, Halves()).run(2) == 1
    assert not first.done()
    hanging.may_end.set()
    assert await first == 0


async def test_turns_go_on_when_all_who_asked_were_cancelled(threads: Threads) -> None:
    """Whoever asks next is served, of this kind and of others."""
    turns, spared = BatchScheduler(threads), Halves()
    looks, saves = Batches(turns, spared), Batches(turns, Halves())
    given_up = asyncio.create_task(looks.run(2))
    served = asyncio.create_task(saves.run(4))
    await asyncio.sleep(0)  # both have asked
    given_up.cancel()
    async with asyncio.timeout(30):
        assert await served == 2
        assert await looks.run(6) == 3
    assert spared.batches == [[6]]


@pytest.mark.parametrize("steps", [1, 2], ids=["before they began", "amid"])
async def test_turns_begin_anew_where_they_were_cut_off(threads: Threads, steps: int) -> None:
    """Whoever waited since is served with whoever asks next."""
    batches = Batches(BatchScheduler(threads, gathers_seconds=0.1), Halves())
    ours = asyncio.all_tasks()
    waiting = asyncio.create_task(batches.run(2))
    for _ in range(steps):
        await asyncio.sleep(0)
    [turns] = asyncio.all_tasks() - ours - {waiting}
    turns.cancel()
    await asyncio.wait((turns,))
    async with asyncio.timeout(30):
        assert (await batches.run(4), await waiting) == (2, 1)
