"""The custodian: "a valid access token for this owner", and nobody else refreshes.

Single flight within the process, a lease between processes, read again under the lease, refresh,
save under the generation that was read. From the request to the save nothing cancels: it runs as a
task of its own, which `Workers.close` waits for.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog
from pydantic import SecretStr

from security.credential import Credential, Owner
from security.custody.flights import Flight
from security.custody.leases import Leases
from security.custody.outcomes import Outcomes
from security.custody.refresh import Refreshes
from security.custody.refused_clients import NotAsked
from security.custody.rejecting import Rejecting
from security.custody.workers import Workers
from security.errors import (
    ConsentRequired,
    CorruptCredential,
    CustodyError,
    Fault,
    GenerationConflict,
    HeldElsewhere,
    LeftAlone,
    OperatorFault,
    RefusedByOrganisation,
    TransientFault,
)
from security.google.clients import Clients
from security.google.oauth import GoogleOAuth
from security.owner_documents import Reading
from security.quarantine.policy import Rejections
from security.storage.events import Event
from security.storage.leases import Lease
from security.storage.protocol import Version
from security.token_store import TokenStore

Asking = Callable[[str], AbstractAsyncContextManager[None]]
"""From a client's id to what is held while Google is asked with it, and may refuse that."""
_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Kept:
    """A credential after a refresh was due."""

    credential: Credential
    fault: Fault | None = None
    """Why it is still the old one, whose token serves for a while yet."""
    asked: bool = False
    """Whether Google gave a new token; False also where somebody else was faster."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """How a refresh goes about it: for whoever waits for an answer, or in a sweep."""

    rejected: SecretStr | None = None
    asking: Asking = lambda client_id: nullcontext()
    is_still_due: Callable[[], bool] = lambda: True
    waits: bool = True
    """For another process that is at it."""


class Custodian:
    """Keeps credentials alive on demand, and sets aside those that cannot be used."""

    def __init__(
        self,
        workers: Workers,
        leases: Leases,
        store: TokenStore,
        oauth: GoogleOAuth,
        clients: Clients,
        rejections: Rejections,
        rejecting: Rejecting,
        outcomes: Outcomes,
        *,
        lead: timedelta = timedelta(minutes=15),
    ) -> None:
        """
        Args:
            lead: how long before its end an access token is due.
        """
        self._workers = workers
        self._leases = leases
        self._store = store
        self._oauth = oauth
        self._clients = clients
        self._rejections = rejections
        self._rejecting = rejecting
        self._outcomes = outcomes
        self.lead = lead
        self.clock = store.clock
        """What time it is for everybody who shares the storage."""
        self._flights: dict[Owner, Flight[Kept]] = {}
        self._refreshes = Refreshes(workers, leases, store, outcomes, lead)

    async def load(self, owner: Owner) -> Credential | None:
        """What is stored for `owner`; a damaged one is rejected, and is None.

        Raises:
            OperatorFault: it cannot be read for a reason an operator must mend.
        """
        reading = await self._workers.read(self._store.read, owner)
        if reading.damage is not None:
            await self._rejecting.reject(owner, reading.damage.code, reading.version)
        return reading.credential

    async def keeps(self, owner: Owner) -> bool:
        """Whether anything of this owner's credential is kept, usable or not."""
        try:
            return await self.load(owner) is not None or await self.was_quarantined(owner)
        except OperatorFault:  # something is there, or that cannot be told
            return True

    async def was_quarantined(self, owner: Owner) -> bool:
        """Whether a copy of this owner's is in quarantine, or about to go there."""
        return owner in self._rejections or bool(
            await self._workers.read(self._store.copies.names, owner)
        )

    async def last_credential(self, owner: Owner) -> Credential | None:
        """What the owner is connected with, or was until it was set aside; for comparing alone.

        None: there is neither, or what there is cannot be read.
        """
        try:
            reading = await self._workers.read(self._store.read, owner)
            last = reading.credential or await self._workers.read(self._store.copies.newest, owner)
        except CustodyError:
            return None
        return None if last is None or last.state == "leaving" else last

    async def access_token(self, owner: Owner, *, rejected: SecretStr | None = None) -> Credential:
        """The owner's credential with an access token that serves for longer than the lead.

        A token with less left is served as well, while a new one cannot be had.

        Args:
            rejected: an access token Google answered 401 to; it is never given again.

        Raises:
            ConsentRequired: the owner must connect (again).
            TransientFault, OperatorFault, RefusedByOrganisation: nothing is wrong with the
                credential; it is kept.
        """
        for _ in range(2):
            credential = await self.load(owner)
            if credential and self._refreshes.serves(credential, rejected, self.lead):
                return credential
            try:
                kept = await self.refresh(owner, rejected=rejected)
            except GenerationConflict:
                continue  # a program that knows no lock has put another file there: look again
            if kept.credential.access_token != rejected:
                return kept.credential
            # We joined a flight that did not know of the rejection: fly once more.
        raise TransientFault("no token that is both new and saved could be had")

    async def refresh(self, owner: Owner, *, rejected: SecretStr | None = None) -> Kept:
        """Refresh under the lock if it is still due there; all who ask meanwhile share one flight.

        The caller may be cancelled; the refresh is not.

        Raises:
            ConsentRequired, TransientFault, OperatorFault, RefusedByOrganisation: as
                `access_token`.
            GenerationConflict: a program that knows no lock has saved meanwhile.
        """
        while True:
            try:
                return await self._flight(owner, _Turn(rejected)).landing()
            except HeldElsewhere:  # we joined a sweep's, which waits for no other process
                continue

    async def refresh_within(
        self,
        owner: Owner,
        seconds: float,
        asking: Asking,
        is_still_due: Callable[[], bool] = lambda: True,
    ) -> Kept:
        """Refresh as `refresh` does; whoever waits gives up after `seconds`, the refresh does not.

        Args:
            asking: what is held while Google is asked.
            is_still_due: asked under the lease, once it is known what others remember of the owner.

        Raises:
            TimeoutError, and as `refresh`.
            HeldElsewhere: another process is at it, and the storage is shared by several.
            LeftAlone: it is not due after all.
        """
        turn = _Turn(None, asking, is_still_due, waits=not self._store.storage.is_shared)
        return await self._flight(owner, turn).landing(seconds)

    def _flight(self, owner: Owner, turn: _Turn) -> Flight[Kept]:
        flight = self._flights.get(owner)
        if flight is None:
            flight = self._flights[owner] = Flight()
            work = self._refresh(owner, turn, flight)
            task = self._workers.uncancelled(work)
            task.add_done_callback(lambda _: self._flights.pop(owner, None))
            flight.begin(task)
        return flight

    async def save_consent(self, credential: Credential, lease: Lease) -> Credential:
        """Save a new consent as the newest generation; what is damaged is set aside first.

        Args:
            lease: the owner's.
        """
        await self._outcomes.recall([credential.owner])
        event = Event("authorised", credential.owner)
        saved = await self._workers.run(
            self._store.save_consent, credential, lease=lease, events=[event]
        )
        if self._rejections.release(saved.owner):
            self._outcomes.save_soon()
        self._outcomes.connected(saved.owner)
        self._outcomes.grant_ends(saved.owner, saved.refresh_expires_at)
        return saved

    async def _refresh(self, owner: Owner, turn: _Turn, flight: Flight[Kept]) -> Kept:
        version: Version | None = None
        rejected, asking = turn.rejected, turn.asking
        try:
            async with self._refreshes.look(owner, rejected, waits=turn.waits) as look:
                version = look.reading.version
                credential = _usable(look.reading)
                if self._refreshes.serves(credential, rejected, self.lead):
                    return Kept(credential)  # another process was faster
                self._outcomes.take_up(owner, look.remembered)
                if not turn.is_still_due():
                    raise LeftAlone("another process has found that out")
                try:
                    if look.unwritable is not None:
                        raise look.unwritable
                    try:
                        refreshed = await self._ask_google(credential, asking, look.lease)
                    except ConsentRequired as refusal:
                        look.reading = await self._newer(credential, refusal, look.lease)
                        credential, version = _usable(look.reading), look.reading.version
                        if self._refreshes.serves(credential, rejected, self.lead):
                            return Kept(credential)  # a late one has saved what it was given
                        refreshed = await self._ask_google(credential, asking, look.lease)
                except Fault as fault:
                    self._note(owner, fault)
                    if self._refreshes.serves(credential, rejected):
                        return Kept(credential, fault)
                    raise

                def stuck(fault: OperatorFault) -> None:
                    self._outcomes.unsaved(fault.code)
                    is_served = self._refreshes.serves(credential, rejected)
                    if flight.stick(Kept(credential, fault) if is_served else fault):
                        self._note(owner, fault)

                saved = await self._refreshes.save(refreshed, credential.generation, look, stuck)
        except CorruptCredential as damage:
            await self._rejecting.reject(owner, damage.code, version)
            raise ConsentRequired("the stored credential is damaged", code=damage.code) from damage
        except ConsentRequired as refusal:
            if refusal.code != "not_connected":
                await self._rejecting.reject(owner, refusal.code, version)
            raise
        self._outcomes.works(owner)
        self._outcomes.grant_ends(owner, saved.refresh_expires_at)
        if self._rejections.reinstate(owner):
            self._outcomes.save_soon()
            _log.info("token_released", owner=owner, result="ok")
        return Kept(saved, asked=True)

    async def _newer(self, refused: Credential, refusal: ConsentRequired, lease: Lease) -> Reading:
        """What has been put there meanwhile: by a process whose lease has lapsed, or by a program
        that knows none; where there is nothing of that kind, `refusal` is raised."""
        again = await self._workers.run(self._store.read, refused.owner)
        if again.credential is None or again.credential.refresh_token == refused.refresh_token:
            if refusal.code == "invalid_grant":
                _refuse_to_judge(lease)
                _suspect_testing(refused, self.clock.now())
            raise refusal
        return again

    def _note(self, owner: Owner, fault: Fault) -> None:
        if isinstance(fault, RefusedByOrganisation):
            self._outcomes.refused_by_organisation(owner, fault.code)
        if not isinstance(fault, NotAsked):
            _log.warning("token_refresh_failed", owner=owner, result=fault.code)

    async def _ask_google(self, credential: Credential, asking: Asking, lease: Lease) -> Credential:
        if credential.refresh_token is None:
            raise ConsentRequired("there is no refresh token", code="no_refresh_token")
        client = self._clients.by_id(credential.client_id)
        try:
            async with asking(client.id):
                self._workers.refuse_if_stopping()
                await self._leases.hold_on(lease)
                grant = await self._oauth.refresh(client, credential.refresh_token)
        except NotAsked:
            raise
        except CustodyError as error:
            self._outcomes.asked(error.code)
            raise
        self._outcomes.asked("ok")
        self._rejections.count_good(self.clock.seconds(), grant=True)
        return replace(
            credential,
            access_token=grant.access_token,
            expires_at=grant.expires_at,
            refresh_token=grant.refresh_token or credential.refresh_token,
            refresh_expires_at=grant.refresh_expires_at or credential.refresh_expires_at,
            scopes=grant.scopes or credential.scopes,
        )


def _refuse_to_judge(lease: Lease) -> None:
    """Raise TransientFault where a refusal may be another process's doing: it held the lease before
    this one, or has taken it over, and Google may have given it a new refresh token since."""
    if lease.taken_over_at is not None or not lease.may_begin():
        raise TransientFault("another process may hold a newer refresh token", code="locked")


def _usable(reading: Reading) -> Credential:
    credential = reading.open()
    if credential is None or credential.state == "leaving":
        raise ConsentRequired("not connected", code="not_connected")
    return credential


def _suspect_testing(credential: Credential, now: datetime) -> None:
    """Google ends the grants of an app in "Testing" after seven days: a hint to the operator.

    https://developers.google.com/identity/protocols/oauth2#expiration
    """
    if credential.granted_at is not None:
        age = now - credential.granted_at
        if timedelta(days=7) <= age < timedelta(days=8):
            _log.warning("testing_status_suspected", owner=credential.owner)
