"""Sessions that were handed out are given up: their computer's key, or the grant, is to end.

Whoever knows a session's address may write to it, whatever becomes of the key it was handed to.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from contextlib import suppress
from functools import partial
from itertools import groupby
from typing import Final

from pydantic import SecretStr

from departments.clients.alarms import Alarms
from departments.clients.clients import ClientRecords
from departments.documents import Held
from departments.uploads.in_drive import give_up
from departments.uploads.kept import Uploads
from departments.uploads.records import Record
from drive import Drives
from security.credential import Owner
from security.custody.deadline import Deadline
from security.custody.workers import Workers
from security.errors import CustodyError
from security.storage.protocol import Storage

PATIENCE_SECONDS: Final = 12.0
"""How long Drive is waited for, at most."""


class Withdrawing:
    """Gives up what has not arrived. Nothing here raises: what could not be given up just then is
    when `of_stopped` looks again, or ends by itself within its week."""

    def __init__(
        self,
        storage: Storage,
        workers: Workers,
        drives: Drives,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        self._uploads = Uploads(storage)
        self._computers = ClientRecords(storage, Alarms(storage))
        self._workers = workers
        self._drives = drives
        self._patience_seconds = patience_seconds

    async def of_department(self, owner: Owner) -> int:
        """Of every computer of a department that is about to lose its authorisation, or its Google
        account to another one; how many sessions that were."""

        def its() -> list[Held[Record]]:
            return [held for held in self._uploads.open() if held.content.owner == owner]

        return await self._give_up_all(its)

    async def of_computer(self, client: str) -> int:
        """Of a computer whose key opens nothing any more; how many sessions that were.

        Args:
            client: its document.
        """
        return await self._give_up_all(partial(self._uploads.open, client))

    async def of_stopped(self) -> int:
        """Of every computer whose key opens nothing any more, in whichever way it was ended: where
        a process died, or Drive did not answer, before they were given up."""

        def theirs() -> list[Held[Record]]:
            found = self._uploads.open()
            names = {held.content.client for held in found}
            active = {name for name in names if self._computers.is_active(name)}
            return [held for held in found if held.content.client not in active]

        return await self._give_up_all(theirs)

    async def of_other_accounts(self, account_of: Callable[[Owner], Awaitable[SecretStr]]) -> int:
        """Begun in a Google account that its department has no more: just then, where that account
        was given up for another one and this was kept a moment later.

        Args:
            account_of: which one a department has by now; raises CustodyError where it has none.
        """
        ended = 0
        with suppress(CustodyError):
            waiting = await self._workers.read(self._uploads.open)
            for owner in sorted({held.content.owner for held in waiting}):
                with suppress(CustodyError):
                    account = await account_of(owner)
                    its = (held.content for held in waiting if held.content.owner == owner)
                    stale = {upload.session for upload in its if upload.account != account}
                    ended += await self._give_up_all(partial(self._of_sessions, stale))
        return ended

    def _of_sessions(self, sessions: Collection[SecretStr]) -> list[Held[Record]]:
        return [held for held in self._uploads.open() if held.content.session in sessions]

    async def _give_up_all(self, find: Callable[[], Iterable[Held[Record]]]) -> int:
        ended = 0
        with suppress(CustodyError):
            found = sorted(await self._workers.read(find), key=_owner_of)
            for owner, its in groupby(found, _owner_of):
                with suppress(CustodyError):  # of another department they may be given up
                    async with Deadline.after(self._patience_seconds).kept():
                        for held in its:
                            ended += await self._give_up(owner, held)
        return ended

    async def _give_up(self, owner: Owner, held: Held[Record]) -> bool:
        session = held.content.session
        if not await self._drives.run(owner, partial(give_up, session=session)):
            return False

        def how(found: Record | None) -> Record | None:
            is_same = found is not None and found.session == session
            return found.model_copy(update={"is_given_up": True}) if found and is_same else None

        await self._workers.run(self._uploads.change, held.name, how)
        return True


def _owner_of(held: Held[Record]) -> Owner:
    return held.content.owner
