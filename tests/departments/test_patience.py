"""Nobody waits for minutes behind a database that has frozen."""

from __future__ import annotations

import asyncio

import pytest

from departments.patience import answered_soon
from security.errors import OperatorFault


async def test_a_storage_that_is_silent_counts_as_away() -> None:
    with pytest.raises(OperatorFault) as raised:
        async with answered_soon(0.01):
            await asyncio.Event().wait()
    assert raised.value.code == "database_unreachable"


async def test_a_stop_is_not_taken_for_its_silence() -> None:
    async def wait() -> None:
        async with answered_soon():
            await asyncio.Event().wait()

    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
