"""How long whoever asks for something waits for the storage to say who they are."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from security.errors import OperatorFault

_SECONDS: Final = 10.0
"""A database that has frozen, or whose machine is gone, is given up by a thread after 30 only, and
there are few threads: the others would wait behind them for minutes."""


@asynccontextmanager
async def answered_soon(seconds: float = _SECONDS) -> AsyncIterator[None]:
    """Whatever is awaited within is cancelled once this takes too long.

    Raises:
        OperatorFault: it did.
    """
    try:
        async with asyncio.timeout(seconds):
            yield
    except TimeoutError:
        raise OperatorFault("the storage does not answer", code="database_unreachable") from None
