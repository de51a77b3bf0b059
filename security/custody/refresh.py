"""The disk's part of a refresh: what the lock protects, and the save; for several owners at once.

Everything here blocks, and runs in threads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from pydantic import SecretStr

from security.credential import Credential, Owner
from security.custody.batching import each
from security.custody.workers import Locked
from security.errors import OperatorFault
from security.maintenance.records import Records
from security.storage.files.index import Stamp
from security.storage.files.locks import PrivateLock
from security.storage.files.staged_file import Room
from security.token_store import Reading, Save, TokenStore

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Wanted:
    """A refresh that is due by all that is known without a look."""

    owner: Owner
    rejected: SecretStr | None
    """An access token that Google no longer accepts."""


@dataclass(slots=True)
class Look:
    """What was found under the lock."""

    wanted: Wanted
    lock: PrivateLock
    reading: Reading = field(default_factory=lambda: Reading(None))
    room: Room | None = None
    """Kept for the save; None: none is due, or there is none."""
    unwritable: OperatorFault | None = None
    """Why there is none."""


@dataclass(frozen=True, slots=True)
class Refreshed:
    """A credential with a new token, and what it came of."""

    credential: Credential
    based_on: int
    look: Look


class RefreshFiles:
    """Looks and saves, a step of each for all who want it, then the next."""

    def __init__(self, store: TokenStore, records: Records, lead: timedelta) -> None:
        self._store = store
        self._watch = records.watch
        self._audit = records.audit
        self._lead = lead

    def look(self, wanted: Sequence[Wanted]) -> list[Look | Exception]:
        """What the locks protect; and room for a new token for whom one is due."""
        return each(self._make_room, each(self._read, each(self._take_lock, wanted)))

    def save(self, refreshed: Sequence[Refreshed]) -> list[Credential | Exception]:
        """Save, with all that follows, and give the locks back."""
        outcomes = self._store.save_all(
            Save(new.credential, new.based_on, seen=new.look.reading, room=new.look.room)
            for new in refreshed
        )
        whole = [saved for saved in outcomes if isinstance(saved, Credential)]
        self._audit.record_all("refreshed", [saved.owner for saved in whole])
        outcomes = each(self.noted, outcomes)
        for new in refreshed:
            new.look.lock.release()
        log = _log.bind(result="ok")
        for saved in whole:
            log.info("token_refreshed", owner=saved.owner, generation=saved.generation)
        return outcomes

    def noted(self, saved: Credential) -> Credential:
        """Let the next scan know what has just been saved."""
        self._note(saved, self._store.stamp(saved.owner))
        return saved

    def _note(self, credential: Credential, stamp: Stamp | None) -> None:
        expires = credential.serves_until(datetime.now(UTC))
        self._watch.note(credential.owner, stamp, expires, credential.client_id)

    def _take_lock(self, wanted: Wanted) -> Look:
        lock = self._store.try_lock(wanted.owner)
        if lock is None:
            raise Locked
        return Look(wanted, lock)

    def _read(self, look: Look) -> Look:
        try:
            look.reading = self._store.read(look.wanted.owner)
        except BaseException:
            look.lock.release()
            raise
        return look

    def _make_room(self, look: Look) -> Look:
        credential = look.reading.credential
        if credential is None or credential.state != "active":
            return look
        if serves(credential, look.wanted.rejected, self._lead):
            self._note(credential, look.reading.stamp)
            return look
        try:
            look.room = self._store.reserve(credential.owner, look.reading)
        except OperatorFault as fault:
            look.unwritable = fault
        return look


def serves(
    credential: Credential, rejected: SecretStr | None, lead: timedelta = timedelta()
) -> bool:
    """Whether the access token can be given to somebody who wants it for longer than `lead`."""
    return (
        credential.state == "active"
        and credential.access_token != rejected
        and credential.is_fresh(datetime.now(UTC), lead)
    )
