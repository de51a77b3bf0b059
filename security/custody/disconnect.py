"""Disconnecting: the grant is ended at Google where nobody else uses it, the credential forgotten.

Google's revoke ends every token of the project for that Google account, whoever holds it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

import structlog

from security.credential import Credential, Owner
from security.custody.workers import Guard
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.google.oauth import GoogleOAuth
from security.maintenance.records import Records
from security.token_store import TokenStore

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Farewell:
    """How a disconnection went."""

    was_connected: bool
    revoked: bool
    """Whether Google was told; False also where another owner still uses the account."""
    shared: bool = False
    """Not revoked because that would disconnect somebody else (or might: it cannot be told)."""


class Departures:
    """Owners who leave, and those whose leaving a crash interrupted."""

    def __init__(
        self, guard: Guard, store: TokenStore, oauth: GoogleOAuth, records: Records
    ) -> None:
        self._guard = guard
        self._store = store
        self._oauth = oauth
        self._records = records

    async def disconnect(self, owner: Owner) -> Farewell:
        """See `Custodian.disconnect`."""
        return await self._guard.finish(self._disconnect(owner))

    async def finish_interrupted(self) -> int:
        """At start-up: finish disconnections a crash interrupted; how many there were."""
        leaving = await self._guard.read(self._leaving)
        return sum([await self.finish(owner) for owner in leaving])

    async def finish(self, owner: Owner) -> bool:
        """Finish one that was interrupted; False: another time."""
        try:
            await self.disconnect(owner)
        except CustodyError as error:  # another process may be at it just now
            _log.warning("token_revoke_failed", owner=owner, result=error.code)
            return False
        return True

    async def forget_gone(self) -> None:
        """Nothing is remembered of those of whom no credential, nor a copy of one, is there."""
        memory = self._records.memory
        with suppress(OperatorFault):  # the disk fails just now: another day
            for owner in await self._guard.read(self._gone, memory.names()):
                memory.forget(owner)

    def _gone(self, names: set[str]) -> list[Owner]:
        there = {*self._store.owners(), *self._store.copies.owners()}
        gone = []
        for name in names - {owner.name for owner in there}:
            with suppress(ValueError):  # a damaged document's
                gone.append(Owner.parse(name))
        return gone

    def _leaving(self) -> list[Owner]:
        found = []
        for owner in self._store.owners():
            try:
                credential = self._store.load(owner)
            except CustodyError:
                continue
            if credential is not None and credential.state == "leaving":
                found.append(owner)
        return found

    async def _disconnect(self, owner: Owner) -> Farewell:
        async with self._guard.locked(owner):
            try:
                credential = await self._guard.run(self._store.mark_leaving, owner)
                was_connected = credential is not None
            except (CorruptCredential, OperatorFault) as error:
                # It cannot be opened, hence not be revoked; it is deleted all the same.
                _log.warning("token_revoke_failed", owner=owner, result=error.code)
                credential, was_connected = None, True
            shared = credential is not None and await self._is_shared(credential)
            revoked = False
            token = credential and (credential.refresh_token or credential.access_token)
            if token and not shared:
                self._guard.refuse_if_stopping()  # it is marked: the next start goes on
                try:
                    await self._oauth.revoke(token)
                    revoked = True
                except CustodyError as error:
                    _log.warning("token_revoke_failed", owner=owner, result=error.code)
            await self._guard.run(self._delete, owner)
        self._records.memory.forget(owner)
        await self._guard.remember(self._records.memory)
        _log.info("token_disconnected", owner=owner, result="ok")
        return Farewell(was_connected=was_connected, revoked=revoked, shared=shared)

    def _delete(self, owner: Owner) -> None:
        self._store.delete(owner)
        self._records.audit.record("revoked", owner)
        self._records.watch.forget(owner)

    async def _is_shared(self, credential: Credential) -> bool:
        """Whether revoking would, or might, end somebody else's grant."""
        others = await self._guard.run(self._store.others, than=credential.owner)
        return any(other is None or credential.may_share_account(other) for other in others)
