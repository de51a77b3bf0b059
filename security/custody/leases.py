"""Owners' leases held by tasks of the event loop: waited for without a thread."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Final, Protocol, TypeVar

from security.credential import Owner
from security.custody.workers import Workers
from security.errors import CustodyError, HeldElsewhere, OperatorFault, TransientFault
from security.google.jitter import doubling, jittered
from security.storage.each import only
from security.storage.leases import Lease, patience
from security.token_store import TokenStore

T = TypeVar("T")

_LONGEST_PAUSE: Final = 0.1
_LONGEST_PAUSE_OVER_A_NETWORK: Final = 0.5
_FIRST_SAVE_AGAIN: Final = 0.25
_LAST_SAVES_AGAIN: Final = 4.0
_RENEWED_A_LEASE: Final = 3


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
    async def holding(
        self, owner: Owner | None, take: Callable[[], Awaitable[H]], *, waits: bool = True
    ) -> AsyncIterator[H]:
        """Hold what `take` takes; it raises `Locked` until the owner's lease is free.

        Raises:
            TransientFault: another process held it for too long.
            HeldElsewhere: it is not free, and `waits` is False.
        """
        loop, lasts = asyncio.get_running_loop(), self._store.storage.lease_seconds
        longest = _LONGEST_PAUSE if lasts is None else _LONGEST_PAUSE_OVER_A_NETWORK
        began, pauses = loop.time(), doubling(0.005, longest)
        while True:
            # A stop ends the waiting, but not without a last look: the lease may be free by now.
            waited = loop.time() - began
            is_last = self._workers.is_stopping or waited > patience(lasts)
            try:
                taken = await take()
                break
            except Locked:
                if not waits:
                    raise HeldElsewhere("another process holds this credential") from None
                if is_last:
                    raise TransientFault(
                        "another process holds this credential", code="locked"
                    ) from None
            if owner is not None:
                self._store.on_wait(owner, waited)
            await asyncio.sleep(jittered(next(pauses), 0.5))
        try:
            yield taken
        finally:
            taken.release()

    @asynccontextmanager
    async def of_fleet(self, name: str, *, waits: bool = True) -> AsyncIterator[Lease]:
        """Hold what one of all processes does at a time, for as long as this takes: renewed.

        Raises:
            TransientFault: another process held it for too long.
            HeldElsewhere: another process holds it, and `waits` is False.
            CustodyError: it cannot be asked for.
        """
        take = partial(self._workers.run, self._take_named, name)
        async with self.holding(None, take, waits=waits) as lease:
            renewing = asyncio.create_task(self._renew_on(lease))
            try:
                yield lease
            finally:
                renewing.cancel()

    def _take_named(self, name: str) -> Lease:
        lease = only(self._store.storage.lease([name]))
        if lease is None:
            raise Locked
        return lease

    async def _renew_on(self, lease: Lease) -> None:
        lasts = self._store.storage.lease_seconds
        while lasts is not None:
            await asyncio.sleep(lasts / _RENEWED_A_LEASE)
            with suppress(CustodyError):
                await self._workers.run(lease.renew)

    async def hold_on(self, lease: Lease) -> None:
        """Make sure that something may be begun: time has passed since the lease was taken.

        Raises:
            TransientFault: another process has taken it over.
        """
        if not lease.may_begin() and not await self._workers.run(lease.renew):
            raise TransientFault("another process has taken this credential over", code="locked")

    async def persist(
        self,
        lease: Lease | None,
        save: Callable[[], Awaitable[T]],
        on_fault: Callable[[OperatorFault], None] = lambda fault: None,
    ) -> T:
        """What `save` gives, which keeps what cannot be had again, such as a token that Google has
        just given. Where leases lapse it is tried until the storage takes it, or the process ends;
        the lease is renewed meanwhile. What is too large for the storage is not tried again.

        Where they do not, the storage is of this machine, and room was reserved.

        Args:
            lease: None: `save` takes it each time.
            on_fault: told what keeps it from being saved, each time.

        Raises:
            OperatorFault: it cannot be saved, and leases do not lapse, or it is too large.
            CustodyError: what `save` raises besides.
        """
        pauses = doubling(_FIRST_SAVE_AGAIN, _LAST_SAVES_AGAIN)
        while True:
            try:
                return await save()
            except OperatorFault as fault:
                if self._store.storage.lease_seconds is None or fault.code == "too_big":
                    raise
                on_fault(fault)
            pause = _FIRST_SAVE_AGAIN if self._workers.is_stopping else next(pauses)
            await asyncio.sleep(jittered(pause))
            if lease is not None:  # versions say what may be saved, whoever has it by now
                with suppress(CustodyError):
                    await self._workers.run(lease.renew)
