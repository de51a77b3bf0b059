"""Owners' leases held by tasks of the event loop: waited for without a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Final, Protocol, TypeVar

from security.credential import Owner
from security.custody.workers import Workers
from security.errors import TransientFault
from security.google.jitter import doubling, jittered
from security.storage.leases import Lease
from security.token_store import TokenStore

T = TypeVar("T")

_WAIT_SECONDS: Final = 30


class Locked(Exception):
    """Another process, or another task of this one, holds the owner's lease."""


class Held(Protocol):
    """An owner's lease, or what was found under it."""

    def release(self) -> None:
        """Give the lease back, where that has not been done yet."""


H = TypeVar("H", bound=Held)


class Leases:
    """Gives tasks their owners' leases."""

    def __init__(self, workers: Workers, store: TokenStore) -> None:
        self._workers = workers
        self._store = store

    async def under(self, owner: Owner, work: Callable[[Lease], T]) -> T:
        """What `work`, which blocks, gives with the owner's lease held.

        It is done to its end, whatever becomes of the caller.

        Raises:
            TransientFault: another process held it for too long.
        """

        async def do() -> T:
            async with self.held(owner) as lease:
                return await self._workers.run(work, lease)

        return await self._workers.finish(do())

    def held(self, owner: Owner) -> AbstractAsyncContextManager[Lease]:
        """Hold the owner's lease.

        Raises:
            TransientFault: another process held it for too long.
        """
        return self.holding(owner, partial(self._workers.run, self._take, owner))

    def _take(self, owner: Owner) -> Lease:
        lease = self._store.lease(owner)
        if lease is None:
            raise Locked
        return lease

    @asynccontextmanager
    async def holding(self, owner: Owner, take: Callable[[], Awaitable[H]]) -> AsyncIterator[H]:
        """Hold what `take` takes; it raises `Locked` until the owner's lease is free.

        Raises:
            TransientFault: another process held it for too long.
        """
        loop = asyncio.get_running_loop()
        began, pauses = loop.time(), doubling(0.005, 0.1)
        while True:
            # A stop ends the waiting, but not without a last look: the lease may be free by now.
            waited = loop.time() - began
            is_last = self._workers.is_stopping or waited > _WAIT_SECONDS
            try:
                taken = await take()
                break
            except Locked:
                if is_last:
                    raise TransientFault(
                        "another process holds this credential", code="locked"
                    ) from None
            self._store.on_wait(owner, waited)
            await asyncio.sleep(jittered(next(pauses), 0.5))
        try:
            yield taken
        finally:
            taken.release()
