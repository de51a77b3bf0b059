"""Sessions of Drive's, each handed to a department's computer for one file.

Whoever has the address of a session may put the bytes of that one file there, and nothing else: a
key that was stolen opens no more of the Drive. One request makes one session, however often and
from wherever it is repeated: a computer names it by a key of its own making.
https://datatracker.ietf.org/doc/html/draft-ietf-httpapi-idempotency-key-header
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial
from typing import Final
from weakref import WeakValueDictionary

import structlog
from pydantic import SecretStr

from departments.clients.alarms import Alarms
from departments.clients.clients import ClientRecords, id_of
from departments.clients.refusals import Refused, TooOften, WrongKey
from departments.kinds import UPLOADS
from departments.names import Department
from departments.secret import AccessSecret
from departments.uploads.in_drive import Seen, begin_session, give_up, look
from departments.uploads.kept import Uploads
from departments.uploads.records import (
    BEGUN_ANEW,
    SESSION_SECONDS,
    AnnouncedFile,
    HandedUpload,
    Record,
    State,
)
from departments.uploads.withdrawing import PATIENCE_SECONDS, Withdrawing
from drive import Drive, Drives
from security.credential import Owner
from security.custody.custodian import Custodian
from security.custody.deadline import Deadline
from security.custody.leases import Leases
from security.custody.workers import Workers
from security.errors import CustodyError, TransientFault
from security.storage.leases import FOLDER_LEASE
from security.storage.protocol import Storage

MOST_OPEN: Final = 100
"""So many unfinished uploads a computer may have, and a few more where it begins some at once: each
is an address that takes bytes for a week."""
_LOOKED_AT: Final = 10
"""So many of them are looked at where there are too many: whoever has sent a file may never ask.
Any of them: the oldest may be those that nobody goes on with."""
_ROOM_SECONDS: Final = 60.0
KEPT_SECONDS: Final = 2 * SESSION_SECONDS
"""How long an upload is remembered, from its session's beginning: a week longer than that."""
_CLEARED_EVERY_SECONDS: Final = 3600
_RESULTS: Final[dict[State, str]] = {
    "complete": "ok",
    "wrong": "checksum_mismatch",
    "gone": "gone",
}
_log = structlog.get_logger()


class OtherFile(CustodyError):
    """The computer has announced another file by this key before."""

    default_code = "other_file"


class HandedUploads:
    """The uploads there are."""

    def __init__(
        self,
        storage: Storage,
        workers: Workers,
        leases: Leases,
        secret: AccessSecret,
        drives: Drives,
        custodian: Custodian,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
        most_open: int = MOST_OPEN,
    ) -> None:
        self._now = storage.now
        self._shelf = Uploads(storage)
        self._computers = ClientRecords(storage, Alarms(storage))
        self.withdrawing = Withdrawing(storage, workers, drives, patience_seconds=patience_seconds)
        self._workers = workers
        self._leases = leases
        self._secret = secret
        self._drives = drives
        self._custodian = custodian
        self._patience_seconds = patience_seconds
        self._most_open = most_open
        self._clears_at = 0.0
        self._have_folders: set[tuple[str, SecretStr]] = set()
        """Departments' slugs, with the accounts in which they have one."""
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def begin(
        self,
        client: str,
        department: Department,
        file: AnnouncedFile,
        key: str,
        file_id: str = "",
    ) -> HandedUpload:
        """The session for `file`; the same one, as it stands by now, where it was asked for before.

        Where that has ended without the file, another begins.

        Args:
            client: the computer's document.
            key: what the computer calls this upload.
            file_id: what the file was to be in Drive when this computer, as another client or by a
                token, began it before: it may have arrived. "": it did not.

        Raises:
            OtherFile: it has called another file so.
            TooOften: it has too many uploads that are unfinished.
            WrongKey: its key was revoked or blocked meanwhile.
            DriveRefused, ConsentRequired, TransientFault, OperatorFault, RefusedByOrganisation.
        """
        async with self._turn(client, department, key) as name:
            record = await self._workers.read(self._find, name)
            if record is not None:
                _refuse_another(file, record)
                record, received = await self._seen(name, record, department)
                if record.state not in BEGUN_ANEW:
                    return HandedUpload.of(record, received)
            return await self._begin(name, client, department, file, record, file_id)

    async def state(self, client: str, department: Department, key: str) -> HandedUpload | None:
        """How the computer's upload of this key stands by now; None: there is none.

        Raises:
            DriveRefused, ConsentRequired, TransientFault, OperatorFault, RefusedByOrganisation.
        """
        async with self._turn(client, department, key) as name:
            record = await self._workers.read(self._find, name)
            if record is None:
                return None
            return HandedUpload.of(*await self._seen(name, record, department))

    @asynccontextmanager
    async def _turn(self, client: str, department: Department, key: str) -> AsyncIterator[str]:
        """One request at a time about an upload, whose document's name is given; what goes wrong
        is logged once, here."""
        name = self._name(client, key)
        turn = self._turns.setdefault(name, asyncio.Lock())
        try:
            async with self._patience(), turn:
                yield name
        except CustodyError as error:
            event = "access_denied" if isinstance(error, Refused) else "upload_not_handed"
            by, code = id_of(client), error.code
            _log.warning(event, owner=department.owner, client=by, result=code)
            raise

    async def withdraw_stale(self) -> int:
        """Give up what waits and may not any more, for its computer's key was stopped, or its
        department has another Google account; how many sessions that were. Raises nothing."""
        stopped = await self.withdrawing.of_stopped()
        return stopped + await self.withdrawing.of_other_accounts(self._account)

    async def clear_old(self) -> None:
        """Forget uploads whose sessions ended over a week ago; asked often, it looks once an hour.

        Raises:
            OperatorFault: the storage does not answer.
        """
        now = self._now()
        if now >= self._clears_at:
            await self._workers.run(self._clear, now - KEPT_SECONDS)
            self._clears_at = now + _CLEARED_EVERY_SECONDS

    def _clear(self, oldest: float) -> None:
        for held in self._shelf.all():
            if held.content.began_at < oldest:
                self._shelf.forget(held)

    async def _begin(
        self,
        name: str,
        client: str,
        department: Department,
        file: AnnouncedFile,
        earlier: Record | None,
        file_id: str,
    ) -> HandedUpload:
        """A new session, kept; or the one that another process was faster to keep."""
        await self._make_room(client, department)
        owner, account = department.owner, await self._account(department.owner)
        # An identifier serves only the account it is for, and none twice.
        if earlier is not None:
            is_its = earlier.state == "gone" and earlier.account == account
            file_id = earlier.file_id if is_its else ""
        await self._make_folder(department, account)
        begun = await self._drives.run(
            owner, partial(begin_session, file=file, folder=department.name, file_id=file_id)
        )
        if await self._account(owner) != account:  # nobody would look for it where it goes
            self._workers.uncancelled(self._give_up(department, begun.session))
            raise TransientFault("the department has another account by now")
        record = Record(
            department=department.slug,
            client=client,
            file=file,
            file_id=begun.file_id,
            session=begun.session,
            account=account,
            began_at=self._now(),
            state="waiting" if begun.link is None else "complete",
            link=begun.link or "",
        )
        try:
            kept = await self._workers.run(self._keep, name, earlier, record)
        except CustodyError:
            self._workers.uncancelled(self._give_up(department, begun.session))
            raise
        if kept is not record:
            self._workers.uncancelled(self._give_up(department, begun.session))
            _refuse_another(file, kept)
            return HandedUpload.of(kept, 0)
        await self._refuse_stopped(client)  # what is kept is seen by whoever stops the key now
        is_new = record.state == "waiting"
        event = "upload_handed" if is_new else "handed_upload_ended"
        _log.info(event, owner=owner, client=id_of(client), result="ok", size=file.size)
        return HandedUpload.of(record, 0, is_new=is_new)

    async def _make_room(self, client: str, department: Department) -> None:
        """Raise TooOften where a computer has too many that wait, as Drive says."""
        waiting = await self._workers.read(self._shelf.open, client)
        if len(waiting) < self._most_open:
            return
        for held in random.sample(waiting, min(_LOOKED_AT, len(waiting))):
            await self._seen(held.name, held.content, department)
        if len(await self._workers.read(self._shelf.open, client)) >= self._most_open:
            raise TooOften(_ROOM_SECONDS, code="too_many_uploads")

    async def _refuse_stopped(self, client: str) -> None:
        """Raise WrongKey where a computer's key was stopped since it was let in."""
        its = await self._workers.read(self._computers.by_name, client)
        if its is None or not its.is_active:
            self._workers.uncancelled(self.withdrawing.of_computer(client))
            code = "key_blocked" if its is not None and its.state == "blocked" else "key_revoked"
            raise WrongKey("the key was stopped meanwhile", code=code, client=its)

    async def _make_folder(self, department: Department, account: SecretStr) -> None:
        """Of several processes one makes it: further ones of its name would stay, and be empty."""
        where = department.slug, account
        if where not in self._have_folders:
            async with self._leases.of_fleet(FOLDER_LEASE):
                folder = partial(Drive.ensure_folder, name=department.name)
                await self._drives.run(department.owner, folder)
            self._have_folders.add(where)

    async def _seen(self, name: str, record: Record, department: Department) -> tuple[Record, int]:
        """The upload as it stands by now, and how many bytes Drive has; how it ended is kept."""
        if record.state != "waiting":
            return record, 0
        if await self._account(department.owner) == record.account:
            seen = await self._drives.run(department.owner, partial(look, record=record))
        else:  # nobody looks for it where it was to go
            self._workers.uncancelled(self._give_up(department, record.session))
            seen = Seen("gone")
        if seen.state == "waiting":
            return record, seen.received
        ended = record.model_copy(update={"state": seen.state, "link": seen.link})
        kept = await self._workers.run(self._keep, name, record, ended)
        if kept is ended:
            result, size = _RESULTS[seen.state], record.file.size
            by, owner = id_of(record.client), department.owner
            _log.info("handed_upload_ended", owner=owner, client=by, result=result, size=size)
        return kept, 0

    def _find(self, name: str) -> Record | None:
        held = self._shelf.find(name)
        return None if held is None else held.content

    def _keep(self, name: str, earlier: Record | None, record: Record) -> Record:
        """Keep `record` in the place of an earlier one; or what another process has kept there."""

        def chosen(there: Record | None) -> Record:
            return record if there in (None, earlier) else there

        return self._shelf.change(name, chosen) or record

    async def _account(self, department: Owner) -> SecretStr:
        """Which Google account the department has authorised."""
        credential = await self._custodian.access_token(department)
        return SecretStr(credential.account_key or "")

    async def _give_up(self, department: Department, session: SecretStr) -> None:
        with suppress(CustodyError):
            async with self._patience():
                await self._drives.run(department.owner, partial(give_up, session=session))

    def _patience(self) -> AbstractAsyncContextManager[None]:
        return Deadline.after(self._patience_seconds).kept()

    def _name(self, client: str, key: str) -> str:
        return self._secret.digest(UPLOADS.name, f"{client} {key}")


def _refuse_another(file: AnnouncedFile, record: Record) -> None:
    if record.file != file:
        raise OtherFile("this key is another file's")
