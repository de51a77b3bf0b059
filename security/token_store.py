"""TokenStore: one credential an owner, and the rules that keep the newest one.

Written once, over whatever storage: generations, tombstones, consent, leaving. Every method blocks:
asynchronous callers use threads. Those that change something take the owner's lease, which is held
across the read they are based on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Final

from security.credential import Credential, Owner
from security.errors import CustodyError, GenerationConflict, OperatorFault
from security.owner_documents import (
    CREDENTIALS,
    TOMBSTONES,
    OwnerReader,
    Reading,
    credential_key,
    ended_generation,
    tombstone_key,
    tombstone_of,
)
from security.quarantine.copies import Quarantine
from security.storage.clock import Clock
from security.storage.each import each, only
from security.storage.events import Event
from security.storage.leases import Lease, Reservation, patience
from security.storage.protocol import ABSENT, Conflict, Drop, Put, Step, Storage, Unit, Version

_POLL_SECONDS: Final = 0.02
_POLL_SECONDS_OVER_A_NETWORK: Final = 0.2
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Save:
    """A credential to be saved, and what it came of."""

    credential: Credential
    based_on: int
    """The generation it came of."""
    lease: Lease
    seen: Reading | None = None
    """What was read under the lease; it is not read again while the document is in that version."""
    reservation: Reservation | None = None
    """What `TokenStore.reserve` has kept for this."""
    events: Sequence[Event] = ()
    is_again: bool = False
    """Whether it was tried before. The storage may have kept it then, and its answer was lost."""
    ends_lease: bool = False
    """Whether nothing is done under the lease afterwards (see `Unit`)."""


class TokenStore:
    """Credentials, `copies` of those that were set aside, and tombstones."""

    def __init__(self, storage: Storage, mask: Callable[[str], str]) -> None:
        """
        Args:
            mask: turns an owner's name into what notes and logs may show.
        """
        self.storage = storage
        self.clock = Clock(storage.now)
        self._reader = OwnerReader(storage)
        self.copies = Quarantine(self, storage, mask)
        """What was set aside."""
        self.on_wait: Callable[[Owner, float], None] = lambda owner, waited: None
        """Told again and again, with the seconds so far, while an owner's lease is taken."""

    def prepare(self) -> None:
        """Make the storage ready, and put in order what a crash left.

        Raises:
            OperatorFault: it cannot be used, or no sealed document opens.
        """
        self._reader = OwnerReader(self.storage)  # a start has seen nothing yet
        self.storage.open()
        if not self.storage.is_shared:  # there units are made as a whole, and others are at work
            self.copies.finish_interrupted()

    def owners(self) -> list[Owner]:
        """Everyone with a credential, sorted."""
        return sorted(map(Owner.from_stem, self.storage.names(CREDENTIALS)))

    def lease(self, owner: Owner) -> Lease | None:
        """The owner's lease, or None while somebody else holds it.

        Raises:
            CustodyError: it could not be asked for.
        """
        return only(self.storage.lease([owner.stem]))

    @contextmanager
    def leased(self, owner: Owner, timeout_seconds: float | None = None) -> Iterator[Lease]:
        """Hold the owner's lease, for callers that may block.

        Args:
            timeout_seconds: how long it is waited for; None: `patience`.

        Raises:
            OperatorFault: somebody else held it all the while.
        """
        began, lasts = time.monotonic(), self.storage.lease_seconds
        timeout_seconds = patience(lasts) if timeout_seconds is None else timeout_seconds
        poll_seconds = _POLL_SECONDS if lasts is None else _POLL_SECONDS_OVER_A_NETWORK
        while (lease := self.lease(owner)) is None:
            waited = time.monotonic() - began
            if waited > timeout_seconds:
                raise OperatorFault("a credential stayed locked", code="locked")
            self.on_wait(owner, waited)
            time.sleep(poll_seconds)
        try:
            yield lease
        finally:
            lease.release()

    def load(self, owner: Owner) -> Credential | None:
        """The owner's credential; None: there is none, or one that has ended came back.

        Raises:
            CorruptCredential: it is damaged, or another document.
            OperatorFault: it cannot be read, or its key is not configured.
        """
        return self.read(owner).open()

    def read(self, owner: Owner) -> Reading:
        """What is kept of the owner's credential; damage is told, not raised.

        Raises:
            OperatorFault: it cannot be read, or its key is not configured.
        """
        return only(self.read_all([owner]))

    def read_all(self, owners: Sequence[Owner]) -> list[Reading | Exception]:
        """For each owner what `read` gives or raises."""
        return self._reader.read(owners)

    def reserve(self, owner: Owner, reading: Reading, lease: Lease) -> Reservation:
        """Room for the owner's next credential, to be given to its save or given up.

        Raises:
            OperatorFault: it could not be saved.
        """
        return self.storage.reserve(credential_key(owner), reading.size, lease)

    def save(
        self, credential: Credential, *, based_on: int, lease: Lease | None = None
    ) -> Credential:
        """Save what came of the credential of generation `based_on`, as the next generation.

        Args:
            lease: the owner's; None: it is taken for this.

        Raises:
            GenerationConflict: a newer one has been saved, or the owner has disconnected.
        """
        with self.holding(credential.owner, lease) as held:
            return only(self.save_all([Save(credential, based_on, held)]))

    def save_all(self, saves: Sequence[Save]) -> list[Credential | Exception]:
        """For each what was saved, or why not. They become durable together."""
        outcomes = self._save_once(saves)
        for _ in range(_TRIES - 1):
            # What has changed since it was read is read again, and judged by its generation.
            refused = [at for at, outcome in enumerate(outcomes) if isinstance(outcome, Conflict)]
            if not refused:
                break
            again = self._save_once([replace(saves[at], seen=None) for at in refused])
            for at, outcome in zip(refused, again, strict=True):
                outcomes[at] = outcome
        return outcomes

    def _save_once(self, saves: Sequence[Save]) -> list[Credential | Exception]:
        unread = [save.credential.owner for save in saves if save.seen is None]
        readings = iter(self.read_all(unread))
        made = each(self._next, [(save, save.seen or next(readings)) for save in saves])
        units = [item[1] for item in made if not isinstance(item, Exception) and item[1]]
        faults = iter(self._atomic_save(units))
        return [
            item
            if isinstance(item, Exception)
            else (next(faults) if item[1] else None) or self._saved(item[0])
            for item in made
        ]

    def _next(self, asked: tuple[Save, Reading | Exception]) -> tuple[Credential, Unit | None]:
        """What shall be kept, if what has been read is what the save is based on; without a unit
        where it is kept already."""
        save, found = asked
        owner, seen = save.credential.owner, only([found])
        current = seen.open()
        if current is not None and save.is_again and _is_saved(save, current):
            return current, None
        if current is None or current.generation != save.based_on or current.state == "leaving":
            raise GenerationConflict("a newer credential, or none, has taken this one's place")
        # One with a generation has been found above its tombstone; another program's has none.
        newest = save.based_on or self._reader.newest_ended(owner, save.based_on)
        saved = replace(save.credential, generation=newest + 1)
        step = self._put(saved, seen.version or ABSENT, save.reservation)
        return saved, Unit([step], save.lease, save.events, save.ends_lease)

    def save_newest(
        self,
        credential: Credential,
        *,
        lease: Lease | None = None,
        also: Sequence[Step] = (),
        events: Sequence[Event] = (),
    ) -> Credential:
        """Save `credential` above everything its owner has had, and above its own generation.

        Args:
            lease: the owner's; None: it is taken for this.
            also: further steps, once it is saved.

        Raises:
            CorruptCredential, OperatorFault: what is in its place cannot be read.
        """
        owner = credential.owner
        with self.holding(owner, lease) as held:
            reading = self.read(owner)
            for _ in range(_TRIES):
                current = reading.open()
                newest = max(
                    self._reader.newest_ended(owner, int(self.clock.seconds())),
                    current.generation if current else 0,
                    credential.generation,
                    self._reader.seen.newest(owner),
                )
                saved = replace(credential, generation=newest + 1)
                steps = [self._put(saved, reading.version or ABSENT), *also]
                try:
                    self.change(Unit(steps, held, events))
                    return self._saved(saved)
                except Conflict as conflict:  # as where its lease has lapsed, and keys were rotated
                    refused, reading = conflict, self.read(owner)
                    if reading.open() != current:
                        raise
            raise refused

    def save_consent(
        self, credential: Credential, *, lease: Lease | None = None, events: Sequence[Event] = ()
    ) -> Credential:
        """Save a new consent above everything; what is damaged goes into quarantine first."""
        owner = credential.owner
        with self.holding(owner, lease) as held:
            found = self.read(owner)
            if found.damage is not None and found.version is not None:
                with suppress(Conflict):  # its lease has lapsed, and another has replaced it
                    self.copies.set_aside(
                        owner, found.damage.code, lease=held, version=found.version
                    )
            return self.save_newest(credential, lease=held, events=events)

    def mark_leaving(self, owner: Owner, *, lease: Lease | None = None) -> Credential | None:
        """Note that the owner is disconnecting, so that start-up finishes what is interrupted."""
        with self.holding(owner, lease) as held:
            reading = self.read(owner)
            current = reading.open()
            if current is not None and current.state != "leaving":
                current = replace(current, state="leaving")
                self.change(Unit([self._put(current, reading.version or ABSENT)], held))
            return current

    def delete(
        self, owner: Owner, *, lease: Lease | None = None, events: Sequence[Event] = ()
    ) -> None:
        """Forget the owner's credential and its quarantined copies; the tombstone stays."""
        with self.holding(owner, lease) as held:
            copies = self.copies.dropping(owner)
            # Copies that go count as one more end: no archive from before may bring them back.
            steps = [self.burying(owner, more=1 if copies else 0), *copies]
            self.change(Unit([*steps, Drop(credential_key(owner))], held, events))

    def burying(self, owner: Owner, more: int = 0) -> Put:
        """The step that keeps the newest generation beyond the credential's end.

        Where that cannot be read any more, the counter jumps to Unix seconds: more than any
        counter has counted, so that no older credential passes for the newest.
        """
        unknown = int(self.clock.seconds())
        try:
            current = self.load(owner)
            generation = current.generation if current else 0
        except CustodyError:
            generation = unknown
        newest = max(self._reader.newest_ended(owner, unknown), generation) + more
        return Put(tombstone_key(owner), tombstone_of(owner, newest))

    def holding(self, owner: Owner, lease: Lease | None) -> AbstractContextManager[Lease]:
        """The lease that is held already, or the owner's for as long as this takes."""
        return self.leased(owner) if lease is None else nullcontext(lease)

    @staticmethod
    def _put(
        credential: Credential, expected: Version, reservation: Reservation | None = None
    ) -> Put:
        key = credential_key(credential.owner)
        return Put(key, credential.to_document(), expected, reservation)

    def _saved(self, credential: Credential) -> Credential:
        self._reader.seen.saw(credential.owner, credential.generation)
        return credential

    def change(self, unit: Unit) -> None:
        """Make one unit durable; raises what ended it."""
        [fault] = self._atomic_save([unit])
        if fault is not None:
            raise fault

    def _atomic_save(self, units: Sequence[Unit]) -> list[Exception | None]:
        """Make units durable: after a crash old or new, never a part. For each what ended it."""
        faults: list[Exception | None] = []
        for unit, outcome in zip(units, self.storage.apply(units), strict=True):
            faults.append(outcome if isinstance(outcome, Exception) else None)
            if not isinstance(outcome, Exception):
                self._note_ends(unit)
        return faults

    def _note_ends(self, unit: Unit) -> None:
        for step in unit.steps:
            if isinstance(step, Put) and step.key.kind is TOMBSTONES:
                owner = Owner.from_stem(step.key.name)
                self._reader.ended.saw(owner, ended_generation(step.document))


def _is_saved(save: Save, current: Credential) -> bool:
    """Whether what is kept came of this very save."""
    return (
        current.generation > save.based_on
        and current.state == "active"
        and current.refresh_token == save.credential.refresh_token
        and current.access_token == save.credential.access_token
    )
