"""Who is due in a pass: known ones by their moment, and what turns up on reading what changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Final, NamedTuple
from zlib import crc32

from security.credential import Owner
from security.custody.batching import MOST
from security.custody.disconnect import Disconnecting
from security.custody.refused_clients import RefusedClients
from security.custody.rejecting import Rejecting
from security.custody.workers import Workers
from security.errors import OperatorFault
from security.maintenance.owners import IDLE_REFRESH_EVERY
from security.maintenance.report import Tally
from security.maintenance.state import MaintenanceState
from security.owner_documents import CREDENTIALS, Reading
from security.storage.due import DuePage
from security.token_store import TokenStore

_IN_A_ROW: Final = 200
_MOST_JITTER: Final = 120.0
_STEPS: Final = 1000


class Candidate(NamedTuple):
    """Somebody whose token is due. `expires` in Unix seconds."""

    owner: Owner
    expires: float


@dataclass(frozen=True, slots=True)
class Candidates:
    """One pass's look at all owners."""

    workers: Workers
    store: TokenStore
    rejecting: Rejecting
    disconnecting: Disconnecting
    state: MaintenanceState
    clients: RefusedClients
    tally: Tally
    lead: timedelta
    may_use: Callable[[Owner], bool]
    on_defect: Callable[[Owner, Exception, Tally], None]
    idle: dict[str, float]
    """Who was found idle, with the moment of their token: it is asked once what other processes
    remember of each."""
    dry_run: bool

    def pages(self, size: int, *, full: bool) -> Callable[[], DuePage | None]:
        """Asked again and again, gives the pages of those to be looked at; blocks.

        Args:
            size: at most so many a page, where this process does not share the work.
            full: everybody, as if each had changed.
        """
        storage = self.store.storage
        shares = storage.is_shared and not full
        # As many as are claimed together: what others take meanwhile is not on the next page.
        size = MOST if shares else size
        before = self._due_before()
        pages = storage.due(CREDENTIALS, before, size, everything=full, scattered=shares)
        return partial(next, pages, None)

    async def all(
        self, page: DuePage | None, next_page: Callable[[], DuePage | None]
    ) -> AsyncIterator[Candidate]:
        """Those whose token is due: known ones first, then what turns up on reading."""
        while page is not None:
            self.tally.seen += page.seen
            changed = []
            for number, (name, moment) in enumerate(page.due):
                if number % _IN_A_ROW == 0:  # of the idle there may be very many
                    await asyncio.sleep(0)
                owner = Owner.from_stem(name)
                if moment is None:
                    changed.append(owner)
                elif self._has_come(owner, moment):
                    one = Candidate(owner, moment)
                    if self.is_time(one, await self.clients.refusal(name)):
                        yield one
            readings = await self.workers.read(self.store.read_all, changed)
            if self.state.activity.is_on:  # or who was away would count as active by this look
                with suppress(OperatorFault):
                    await self.state.recall(changed)
            for owner, reading in zip(changed, readings, strict=True):
                try:
                    found = await self._look_into(owner, reading)
                except Exception as error:
                    if self.dry_run:
                        self.tally.fail("failed")
                    else:
                        self.on_defect(owner, error, self.tally)
                else:
                    if found is not None:
                        yield found
            try:
                page = await self.workers.read(next_page)
            except OperatorFault as fault:
                self.tally.end(fault.code)
                return

    async def _look_into(self, owner: Owner, reading: Reading | Exception) -> Candidate | None:
        """Whether what was read calls for a refresh; damage and leave-taking are seen to."""
        if isinstance(reading, OperatorFault):
            self.tally.need_operator(reading.code)
            return None
        if isinstance(reading, Exception):
            raise reading
        if reading.damage is not None:
            self.tally.reject(reading.damage.code)
            if not self.dry_run:
                await self.rejecting.reject(owner, reading.damage.code, reading.version)
            return None
        credential, now = reading.credential, self.store.clock.now()
        if credential is None:
            return None
        if credential.state == "leaving":
            if not self.dry_run:
                await self.disconnecting.finish(owner)
            return None
        if not self.dry_run:
            self.state.rejections.count_good(now.timestamp(), grant=False)
            self.state.activity.assume(owner, credential.granted_at, now.timestamp())
        expires = credential.serves_until(now)
        refusal = self.clients.refused.get(credential.client_id)
        one = Candidate(owner, expires)
        return one if self._has_come(owner, expires) and self.is_time(one, refusal) else None

    def _due_before(self) -> float:
        return self.store.clock.seconds() + self.lead.total_seconds()

    def _has_come(self, owner: Owner, expires: float) -> bool:
        """Whether a token that ends then is due.

        A fleet that was authorised together would stay due together. Where many processes keep it,
        each token is due a little later than it might be, another time as long.
        """
        return expires + self._jitter(owner, expires) < self._due_before()

    def _jitter(self, owner: Owner, expires: float) -> float:
        if not self.store.storage.is_shared:
            return 0.0
        most = min(_MOST_JITTER, self.lead.total_seconds() / 4)
        return crc32(f"{owner.stem} {expires}".encode()) % _STEPS * most / _STEPS

    def is_still_due(self, one: Candidate) -> bool:
        """Whether it is time still, with what other processes remember of the owner."""
        return not self.store.storage.is_shared or self.is_time(one, is_certain=True)

    def is_time(
        self, one: Candidate, refusal: str | None = None, *, is_certain: bool = False
    ) -> bool:
        """Whether a token that is due is to be refreshed now: not in a pause, nor while idle, nor
        with a client that Google refuses (`refusal`, a result code).

        Args:
            is_certain: whether it is known what all processes remember of the owner.
        """
        now, owner = self.store.clock.seconds(), one.owner
        if not self.may_use(owner):
            self.tally.skip("not_allowed")
            return False
        if self.state.pauses.is_paused(owner, now):
            self.tally.skip(self.state.pauses.after(owner))
            return False
        idle = self.state.activity.is_idle(owner, now)
        if idle and one.expires + IDLE_REFRESH_EVERY.total_seconds() >= now:
            if is_certain:
                self.idle[owner.stem] = one.expires
            if not self.store.storage.is_shared or self.idle.get(owner.stem) == one.expires:
                return False
        if refusal is not None:
            self.tally.skip(refusal)
        return refusal is None
