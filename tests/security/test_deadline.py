"""Until when somebody waits for Google, and that it can be ended at any moment."""

from __future__ import annotations

import asyncio

import pytest

from security.custody.deadline import Deadline, NotWanted
from security.errors import TransientFault


async def test_what_is_ended_in_the_moment_its_time_runs_out_is_not_wanted() -> None:
    """And whoever ends it meets nothing odd."""
    deadline, waits = Deadline.after(0.02), asyncio.Event()

    async def ask() -> None:
        async with deadline.kept():
            waits.set()
            try:
                await asyncio.Event().wait()
            finally:
                assert deadline.is_waiting
                deadline.end()  # before anything else of the waiting has been undone

    asked = asyncio.create_task(ask())
    await waits.wait()
    with pytest.raises(NotWanted):
        await asked


async def test_nobody_waits_for_what_was_ended_before_it_began() -> None:
    deadline = Deadline.after(60)
    deadline.end()
    with pytest.raises(NotWanted):
        async with asyncio.timeout(30), deadline.kept():
            await asyncio.Event().wait()


async def test_once_the_time_is_over_it_is_a_fault_that_may_pass() -> None:
    with pytest.raises(TransientFault) as caught:
        async with asyncio.timeout(30), Deadline.after(0.02).kept():
            await asyncio.Event().wait()
    assert caught.value.code == "timeout"
