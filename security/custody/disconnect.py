"""Disconnecting: the grant is ended at Google where nobody else uses it, the credential forgotten.

Google's revoke ends every token of the project for that Google account, whoever holds it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from security.credential import Credential, Owner
from security.custody.leases import Leases
from security.custody.outcomes import Outcomes
from security.custody.workers import Workers
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.google.oauth import GoogleOAuth
from security.owner_documents import CREDENTIALS, Reading
from security.storage.each import portions
from security.storage.events import Event
from security.storage.protocol import Storage
from security.token_store import TokenStore

_READ_AT_ONCE: Final = 500  # of a hundred thousand: never all of them in memory
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Disconnection:
    """How a disconnection went."""

    was_connected: bool
    revoked: bool
    """Whether Google was told; False also where another owner still uses the account."""
    shared: bool = False
    """Not revoked because that would disconnect somebody else (or might: it cannot be told)."""


class Disconnecting:
    """Owners who leave, and those whose leaving a crash interrupted."""

    def __init__(
        self,
        workers: Workers,
        leases: Leases,
        store: TokenStore,
        oauth: GoogleOAuth,
        outcomes: Outcomes,
    ) -> None:
        self._workers = workers
        self._leases = leases
        self._store = store
        self._oauth = oauth
        self._outcomes = outcomes

    async def disconnect(self, owner: Owner) -> Disconnection:
        """End the owner's grant at Google where nobody else uses it, and forget the credential.

        Where revoking fails the credential is deleted all the same.
        """
        return await self._workers.finish(self._disconnect(owner))

    async def finish_interrupted(self) -> int:
        """At start-up: finish disconnections a crash interrupted; how many there were."""
        leaving = await self._workers.read(self._leaving)
        return sum([await self.finish(owner) for owner in leaving])

    async def finish(self, owner: Owner) -> bool:
        """Finish one that was interrupted; False: another time."""
        try:
            await self.disconnect(owner)
        except CustodyError as error:  # another process may be at it just now
            _log.warning("token_revoke_failed", owner=owner, result=error.code)
            return False
        return True

    def _leaving(self) -> list[Owner]:
        return [
            owner
            for owners in portions(self._store.owners(), _READ_AT_ONCE)
            for owner, reading in zip(owners, self._store.read_all(owners), strict=True)
            if isinstance(reading, Reading)
            and reading.credential is not None
            and reading.credential.state == "leaving"
        ]

    async def _disconnect(self, owner: Owner) -> Disconnection:
        async with self._leases.held(owner) as lease:
            credential: Credential | None = None
            try:
                credential = await self._workers.run(self._store.mark_leaving, owner, lease=lease)
                was_connected = credential is not None
            except (CorruptCredential, OperatorFault) as error:
                # It cannot be opened, hence not be revoked; it is deleted all the same.
                _log.warning("token_revoke_failed", owner=owner, result=error.code)
                was_connected = True
            shared = credential is not None and await self._workers.run(
                shares_account, self._store, credential
            )
            revoked = False
            token = credential and (credential.refresh_token or credential.access_token)
            if token and not shared:
                self._workers.refuse_if_stopping()  # it is marked: the next start goes on
                await self._leases.hold_on(lease)
                try:
                    await self._oauth.revoke(token)
                    revoked = True
                except CustodyError as error:
                    _log.warning("token_revoke_failed", owner=owner, result=error.code)
            await self._leases.hold_on(lease)  # or it is marked: whoever has it goes on
            ended = [Event("revoked", owner)]
            await self._workers.run(self._store.delete, owner, lease=lease, events=ended)
        await self._outcomes.recall([owner])
        self._outcomes.left(owner)
        await self._outcomes.save()
        _log.info("token_disconnected", owner=owner, result="ok")
        return Disconnection(was_connected=was_connected, revoked=revoked, shared=shared)


def shares_account(store: TokenStore, credential: Credential) -> bool:
    """Whether revoking this credential at Google would, or might, end somebody else's grant.

    Accounts that are unknown, and credentials that cannot be read, count as shared.
    """
    find = partial(store.storage.find, CREDENTIALS)
    account_id, account = (
        secret.get_secret_value().lower() if secret else None
        for secret in (credential.account_id, credential.account)
    )
    # Those whose account the storage cannot tell are read, and so are those of this account.
    names = {*find("account_id", account_id), *find("account_id", None)}
    if account_id is None:
        names = (
            set(store.storage.names(CREDENTIALS))
            if account is None
            else {*find("account", account), *find("account", None)}
        )
    # By their own words goes nobody who was refused, nor who was only found so far.
    names |= _of_no_use(store.storage)
    others = [Owner.from_stem(name) for name in names - {credential.owner.stem}]
    return any(
        _may_share(credential, other)
        for some in portions(others, _READ_AT_ONCE)
        for other in store.read_all(some)
    )


def _of_no_use(storage: Storage) -> set[str]:
    """Whom every look finds again: what they say of themselves is not believed."""
    if not storage.is_shared:
        return {name for name, moment in storage.known(CREDENTIALS).items() if moment is None}
    pages = storage.due(CREDENTIALS, 0.0, _READ_AT_ONCE, everything=False)
    return {one.name for page in pages for one in page.due if one.moment is None}


def _may_share(credential: Credential, other: Reading | Exception) -> bool:
    if isinstance(other, Exception) or other.damage is not None:
        return True
    theirs = other.credential
    return theirs is not None and theirs.state != "leaving" and credential.may_share_account(theirs)
