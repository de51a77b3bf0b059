"""The custodian: "a valid access token for this owner", and nobody else refreshes.

Single flight within the process, a file lock between processes, read again under the lock, refresh,
save under the generation that was read. From the request to the save nothing cancels: it runs as a
task of its own, which `close` waits for.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Final, ParamSpec, TypeVar

import structlog
from pydantic import SecretStr

from config import GoogleClient
from security.credential import Credential, Owner
from security.errors import (
    ConsentRequired,
    CorruptCredential,
    CustodyError,
    GenerationConflict,
    OperatorFault,
    TransientFault,
)
from security.google_oauth import GoogleOAuth
from security.token_store import TokenStore

P = ParamSpec("P")
T = TypeVar("T")

_LOCK_SECONDS: Final = 30
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Farewell:
    """How a disconnection went."""

    was_connected: bool
    revoked: bool
    """Whether Google was told; False also where another owner still uses the account."""
    shared: bool = False
    """Not revoked because that would disconnect somebody else (or might: it cannot be told)."""


class Custodian:
    """Keeps credentials alive on demand."""

    def __init__(
        self,
        store: TokenStore,
        oauth: GoogleOAuth,
        clients: Sequence[GoogleClient],
        *,
        lead: timedelta = timedelta(minutes=15),
    ) -> None:
        self._store = store
        self._oauth = oauth
        self._clients = {client.id: client for client in clients}
        self._lead = lead
        self._flights: dict[Owner, asyncio.Task[Credential]] = {}
        self._critical: set[asyncio.Task[Any]] = set()
        # Files and locks have threads of their own: the default executor is small and shared.
        # Reads wait for no fsync: whoever asks for /status does not queue behind others' saves.
        self._readers = ThreadPoolExecutor(4, thread_name_prefix="custody-read")
        self._writers = ThreadPoolExecutor(16, thread_name_prefix="custody-write")

    async def close(self) -> None:
        """Wait for what must not be cut short, then give the threads back."""
        while self._critical:
            await asyncio.wait(self._critical)
        self._readers.shutdown(wait=True)
        self._writers.shutdown(wait=True)

    async def run(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A blocking call that may write, in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._writers, partial(function, *args, **kwargs))

    async def read(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """A blocking call that only reads, in a thread of those that never write."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._readers, partial(function, *args, **kwargs))

    async def load(self, owner: Owner) -> Credential | None:
        """What is stored for `owner`; a damaged file goes into quarantine and is None.

        Raises:
            OperatorFault: it cannot be read for a reason an operator must mend.
        """
        try:
            return await self.read(self._store.load, owner)
        except CorruptCredential:
            async with self.locked(owner):
                return await self._load_or_quarantine(owner)

    async def was_quarantined(self, owner: Owner) -> bool:
        """Whether a copy of this owner's is in quarantine."""
        return bool(await self.read(self._store.quarantined, owner))

    async def access_token(self, owner: Owner, *, rejected: SecretStr | None = None) -> Credential:
        """The owner's credential with an access token that serves for longer than the lead.

        A token with less left is served as well, while a new one cannot be had.

        Args:
            rejected: an access token Google answered 401 to; it is never given again.

        Raises:
            ConsentRequired: the owner must connect (again).
            TransientFault, OperatorFault: nothing is wrong with the credential; it is kept.
        """
        for _ in range(2):
            credential = await self.load(owner)
            if credential and self._serves(credential, rejected, self._lead):
                return credential
            flight = self._flights.get(owner)
            if flight is None:
                flight = self._uncancelled(self._refresh(owner, rejected))
                self._flights[owner] = flight
                flight.add_done_callback(lambda _: self._flights.pop(owner, None))
            try:
                credential = await asyncio.shield(flight)
            except GenerationConflict:
                continue  # a program that knows no lock has put another file there: look again
            if credential.access_token != rejected:
                return credential
            # We joined a flight that did not know of the rejection: fly once more.
        raise TransientFault("no token that is both new and saved could be had")

    async def disconnect(self, owner: Owner) -> Farewell:
        """End the owner's grant at Google where nobody else uses it, and forget the credential.

        Revoking failed: the credential is deleted all the same, and `Farewell.revoked` is False.
        """
        return await self.finish(self._disconnect(owner))

    async def finish_interrupted(self) -> int:
        """At start-up: finish disconnections a crash interrupted; how many there were."""
        finished = 0
        for owner in await self.read(self._store.owners):
            try:
                credential = await self.run(self._store.load, owner)
            except CustodyError:
                continue
            if credential is not None and credential.state == "leaving":
                try:
                    await self.disconnect(owner)
                except CustodyError as error:  # another process may be at it just now
                    _log.warning("token_revoke_failed", owner=owner, result=error.code)
                else:
                    finished += 1
        return finished

    async def save_consent(self, credential: Credential) -> Credential:
        """Save a new consent as the newest generation. The caller holds `locked(owner)`."""
        return await self.run(self._store.save_consent, credential)

    async def finish(self, work: Coroutine[Any, Any, T]) -> T:
        """Do `work` to its end, whatever becomes of the caller; `close` waits for it."""
        return await asyncio.shield(self._uncancelled(work))

    @asynccontextmanager
    async def locked(self, owner: Owner) -> AsyncIterator[None]:
        """Hold the owner's file lock without blocking the event loop."""
        loop = asyncio.get_running_loop()
        deadline, pause = loop.time() + _LOCK_SECONDS, 0.005
        while (lock := await self.run(self._store.try_lock, owner)) is None:
            if loop.time() > deadline:
                raise TransientFault("another process holds this credential", code="locked")
            await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
            pause = min(pause * 2, 0.1)
        try:
            yield
        finally:
            lock.release()

    def _uncancelled(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._critical.add(task)
        task.add_done_callback(self._critical.discard)
        # A waiter that was cancelled no longer asks for the result; that is no lost exception.
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return task

    def _serves(
        self, credential: Credential, rejected: SecretStr | None, lead: timedelta = timedelta()
    ) -> bool:
        return (
            credential.state == "active"
            and credential.access_token != rejected
            and credential.is_fresh(datetime.now(UTC), lead)
        )

    async def _refresh(self, owner: Owner, rejected: SecretStr | None) -> Credential:
        async with self.locked(owner):
            credential = await self._load_or_quarantine(owner)
            if credential is None or credential.state == "leaving":
                raise ConsentRequired("not connected", code="not_connected")
            if self._serves(credential, rejected, self._lead):
                return credential  # another process was faster
            try:
                refreshed = await self._ask_google(credential)
            except (TransientFault, OperatorFault) as fault:
                _log.warning("token_refresh_failed", owner=owner, result=fault.code)
                if self._serves(credential, rejected):
                    return credential
                raise
            except ConsentRequired as refusal:
                current = await self._load_or_quarantine(owner)
                if current and current.refresh_token != credential.refresh_token:
                    # A program that knows no lock has connected this owner anew meanwhile.
                    refreshed = await self._ask_google(current)
                    credential = current
                else:
                    _suspect_testing(credential)
                    await self._condemn(owner, refusal.code)
                    raise
            saved = await self.run(self._store.save, refreshed, based_on=credential.generation)
        _log.info("token_refreshed", owner=owner, result="ok", generation=saved.generation)
        return saved

    async def _ask_google(self, credential: Credential) -> Credential:
        if credential.refresh_token is None:
            raise ConsentRequired("there is no refresh token", code="no_refresh_token")
        client = self._clients.get(credential.client_id)
        if client is None:
            raise OperatorFault(
                "issued by an OAuth client that is not configured (GOOGLE_OTHER_CLIENTS)",
                code="unknown_client",
            )
        await self.run(self._store.check_writable)
        grant = await self._oauth.refresh(client, credential.refresh_token)
        return replace(
            credential,
            access_token=grant.access_token,
            expires_at=grant.expires_at,
            refresh_token=grant.refresh_token or credential.refresh_token,
            refresh_expires_at=grant.refresh_expires_at or credential.refresh_expires_at,
            scopes=grant.scopes or credential.scopes,
        )

    async def _load_or_quarantine(self, owner: Owner) -> Credential | None:
        try:
            return await self.run(self._store.load, owner)
        except CorruptCredential as error:
            await self._condemn(owner, error.code)
            return None

    async def _condemn(self, owner: Owner, reason: str) -> None:
        await self.run(self._store.quarantine, owner, reason)
        _log.warning("token_quarantined", owner=owner, result=reason)

    async def _disconnect(self, owner: Owner) -> Farewell:
        async with self.locked(owner):
            try:
                credential = await self.run(self._store.mark_leaving, owner)
                was_connected = credential is not None
            except (CorruptCredential, OperatorFault) as error:
                # It cannot be opened, hence not be revoked; it is deleted all the same.
                _log.warning("token_revoke_failed", owner=owner, result=error.code)
                credential, was_connected = None, True
            shared = credential is not None and await self._is_shared(credential)
            revoked = False
            token = credential and (credential.refresh_token or credential.access_token)
            if token and not shared:
                try:
                    await self._oauth.revoke(token)
                    revoked = True
                except CustodyError as error:
                    _log.warning("token_revoke_failed", owner=owner, result=error.code)
            await self.run(self._store.delete, owner)
        _log.info("token_disconnected", owner=owner, result="ok")
        return Farewell(was_connected=was_connected, revoked=revoked, shared=shared)

    async def _is_shared(self, credential: Credential) -> bool:
        """Whether revoking would, or might, end somebody else's grant."""
        others = await self.run(self._store.others, than=credential.owner)
        return any(other is None or credential.may_share_account(other) for other in others)


def _suspect_testing(credential: Credential) -> None:
    """Google ends the grants of an app in "Testing" after seven days: a hint to the operator.

    https://developers.google.com/identity/protocols/oauth2#expiration
    """
    if credential.granted_at is not None:
        age = datetime.now(UTC) - credential.granted_at
        if timedelta(days=7) <= age < timedelta(days=8):
            _log.warning("testing_status_suspected", owner=credential.owner)
