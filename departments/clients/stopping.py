"""The one way in which a key is revoked, blocked and unblocked: by a page, the chat, a command or
an alarm. What its computer was handed ends with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from departments.clients.clients import Client, ClientRecords
from security.custody.workers import Workers


class KeyStops:
    """One for a process, on its event loop.

    The key goes first, then what was handed out under it is looked for; whoever hands something out
    keeps that first, and then looks whether the key still holds: one of the two sees the other.
    """

    def __init__(
        self,
        workers: Workers,
        computers: ClientRecords,
        withdraw: Callable[[Client], Coroutine[Any, Any, object]],
    ) -> None:
        """
        Args:
            withdraw: ends what a computer was handed. Raises nothing.
        """
        self._workers = workers
        self._computers = computers
        self._withdraw = withdraw
        self._withdrawing: set[asyncio.Task[object]] = set()

    async def revoke(self, id: str, by: str) -> Client | None:
        """See `ClientRecords.revoke`."""
        return await self._stop(partial(self._computers.revoke, id, by))

    async def block(self, id: str, by: str = "", because: str = "") -> Client | None:
        """See `ClientRecords.block`."""
        return await self._stop(partial(self._computers.block, id, because, by))

    async def unblock(self, id: str, by: str) -> Client | None:
        """See `ClientRecords.unblock`."""
        return await self._stop(partial(self._computers.unblock, id, by))

    async def settled(self) -> None:
        """Wait until what was handed to them is given up, as far as it can be just now."""
        if self._withdrawing:
            await asyncio.wait(self._withdrawing)

    async def _stop(self, change: Callable[[], Client | None]) -> Client | None:
        async def do() -> Client | None:
            client = await self._workers.run(change)
            if client is not None and not client.is_active:
                task = self._workers.uncancelled(self._withdraw(client))
                self._withdrawing.add(task)
                task.add_done_callback(self._withdrawing.discard)
            return client

        return await self._workers.finish(do())
