"""The quarantine: credentials that cannot be used, their bytes as they were, each beside a note.

What is set aside is copied before it is removed, and what is restored is in place before its copy
goes: a crash in between leaves one too many, never none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final, Protocol

from security.credential import Credential, Owner
from security.errors import CorruptCredential, CustodyError, OperatorFault, RestoreRefused
from security.owner_documents import (
    QUARANTINE,
    copy_key,
    credential_key,
    name_copy,
    note_key,
    owner_of_copy,
    time_of_copy,
)
from security.quarantine.records import Note, QuarantineRecord, Restoration
from security.storage.catalogue import NOTE
from security.storage.clock import Clock
from security.storage.documents import read_one
from security.storage.each import portions
from security.storage.events import Event
from security.storage.leases import Lease
from security.storage.protocol import (
    ANY,
    Conflict,
    Copy,
    Drop,
    Found,
    Key,
    Put,
    Step,
    Storage,
    Unit,
    Version,
)

_LATELY: Final = timedelta(days=30)
_READ_AT_ONCE: Final = 500
_REPLACEABLE: Final = frozenset({"unknown_key", "unknown_envelope", "plaintext_refused"})
"""Operator faults of a document itself. The others (disk, no key at all) are mended first."""


class Credentials(Protocol):
    """What the quarantine needs of the store."""

    def leased(self, owner: Owner, timeout_seconds: float) -> AbstractContextManager[Lease]:
        """The owner's lease, or OperatorFault where it stays taken for so long."""

    def holding(self, owner: Owner, lease: Lease | None) -> AbstractContextManager[Lease]:
        """The owner's lease, for as long as this takes."""

    def load(self, owner: Owner) -> Credential | None:
        """The owner's credential, where it counts."""

    def burying(self, owner: Owner, more: int = 0) -> Put:
        """The step that raises the tombstone to the credential's generation."""

    def save_newest(
        self,
        credential: Credential,
        *,
        lease: Lease | None = None,
        also: Sequence[Step] = (),
        events: Sequence[Event] = (),
    ) -> Credential:
        """Save as newer than anything before."""

    def change(self, unit: Unit) -> None:
        """Make one unit durable."""


class Quarantine:
    """The copies. Every method blocks."""

    def __init__(self, store: Credentials, storage: Storage, mask: Callable[[str], str]) -> None:
        self._store = store
        self._storage = storage
        self._clock = Clock(storage.now)
        self._mask = mask
        self._begun: dict[Owner, str] = {}  # copies whose original a fault has left in its place

    def finish_interrupted(self) -> None:
        """At start-up: finish what a crash left half set aside, and drop notes without a copy."""
        names = {name.removesuffix(NOTE) for name in self._storage.names(QUARANTINE)}
        for name in sorted(names):
            owner = owner_of_copy(name)
            if owner is not None:
                with suppress(CustodyError):  # one owner's fault stops nobody else's start
                    self._finish(owner, name)

    def set_aside(
        self,
        owner: Owner,
        reason: str,
        *,
        lease: Lease | None = None,
        version: Version = ANY,
        told: bool = False,
        events: Sequence[Event] = (),
    ) -> bool:
        """Put the owner's credential here: its bytes as they were, but sealed where there is a key.

        False: there is none. Where an earlier attempt was interrupted, it goes on with that copy.

        Args:
            reason: a result code, kept in the note.
            lease: the owner's; None: it is taken for this.
            version: of the credential that was judged.
            told: whether the owner knows already.

        Raises:
            Conflict: another credential is in its place.
        """
        with self._store.holding(owner, lease) as held:
            present = read_one(self._storage, credential_key(owner))
            if present is None:
                return False
            if version not in (ANY, present.version):
                raise Conflict("another credential has taken this one's place")
            version = present.version  # a lease may lapse here: no other goes in its stead
            # Remembered, not looked for: the copies of a whole fleet are many.
            name, steps = self._begun.get(owner), list[Step]()
            if name is None or not self._holds(name, present.raw):
                name, now = self.new_name(owner)
                # Note, copy, tombstone, removal. The tombstone before the copy would hide what is
                # nowhere else; the removal before the tombstone would let an old backup in.
                note = Note(reason, now, told).to_document(self._mask(owner.name))
                steps.append(Put(note_key(name), note))
                steps.append(Copy(copy_key(name), credential_key(owner), version))
            steps += [self._store.burying(owner), Drop(credential_key(owner), version)]
            self._begun[owner] = name
            self._store.change(Unit(steps, held, events))
            self._begun.pop(owner, None)
            return True

    def names(self, owner: Owner) -> list[str]:
        """The names of the owner's copies, oldest first."""
        return [name for name in self._all(owner) if not name.endswith(NOTE)]

    def lately(self, owner: Owner) -> int:
        """How many of the owner's copies were made within 30 days."""
        since = self._clock.now() - _LATELY
        return sum(time_of_copy(name) >= since for name in self.names(owner))

    def newest(self, owner: Owner) -> Credential | None:
        """What the owner's newest copy holds.

        Raises:
            CorruptCredential, OperatorFault: it cannot be read.
        """
        names = self.names(owner)
        found = read_one(self._storage, copy_key(names[-1])) if names else None
        return None if found is None else Credential.from_document(owner, found.open())

    def dropping(self, owner: Owner) -> list[Step]:
        """The steps that delete the owner's copies, each before its note."""
        return [Drop(Key(QUARANTINE, name)) for name in self._all(owner)]

    def mark_told(self, name: str, told: bool, *, lease: Lease | None = None) -> None:
        """Note whether the owner has been told; nothing where the copy has gone meanwhile."""
        if (owner := owner_of_copy(name)) is None:
            return
        with self._store.holding(owner, lease) as held:
            if self._exists(name):
                self._put_note(owner, name, told, held)

    def mark_owner_told(self, owner: Owner, *, lease: Lease | None = None) -> None:
        """Note of all the owner's copies that they know."""
        with self._store.holding(owner, lease) as held:
            for name in self.names(owner):
                if not self._note(name).told:
                    self._put_note(owner, name, True, held)

    # For operators

    def size(self) -> int:
        """How many copies there are."""
        return len(self._copies())

    def owners(self) -> set[Owner]:
        """Everyone with a copy."""
        names = self._storage.names(QUARANTINE)
        return {owner for name in names if (owner := owner_of_copy(name))}

    def records(self) -> list[QuarantineRecord]:
        """Every copy, oldest first. A note that is missing or cannot be read hides none."""
        found = self._records(self._copies())
        return sorted(found, key=lambda record: (record.time, record.name))

    def newest_records(self, first: int, most: int) -> tuple[int, list[QuarantineRecord]]:
        """How many copies there are, and some of them, newest first: the notes of no others are
        read."""
        names = sorted(self._copies(), key=lambda name: (time_of_copy(name), name), reverse=True)
        return len(names), self._records(names[first : first + most])

    def find(self, text: str) -> list[QuarantineRecord]:
        """The copies of the owner with this mask, or of this id (or more than its mask of one)."""
        return [
            record
            for record in self.records()
            if text == record.owner_mask
            or (record.id.startswith(text) and len(text) > len(record.owner_mask))
        ]

    def restore(self, name: str) -> Restoration:
        """Put a copy back into its owner's place, as the newest credential there is.

        It is tried first: it must open, be this owner's, and have a refresh token. An unreadable
        one in its place goes into quarantine; a usable one stays, and so does the copy.

        Raises:
            RestoreRefused: there is no such copy, it has no refresh token, or its owner has a
                credential or is disconnecting.
            CorruptCredential, OperatorFault: the copy, or the storage, cannot be used.
        """
        owner = self._known(name)
        with self._store.holding(owner, None) as lease:
            credential = self._verified(owner, name)
            self._storage.check_writable()
            replaced = self._make_room(owner, lease)
            drops = (Drop(copy_key(name)), Drop(note_key(name)))
            saved = self._store.save_newest(credential, lease=lease, also=drops)
        events = [Event("restored", owner)]
        if replaced is not None:
            events.append(Event("quarantined", owner, replaced))
        self._storage.record(events)
        return Restoration(owner, saved.generation, replaced)

    def purge(self, name: str) -> None:
        """Delete one copy and its note.

        Raises:
            RestoreRefused: there is no such copy.
        """
        owner = self._known(name)
        with self._store.holding(owner, None) as lease:
            self._known(name)  # another process may have been faster
            self._store.change(Unit([Drop(copy_key(name)), Drop(note_key(name))], lease))
        self._storage.record([Event("purged", owner)])

    def mask_of(self, owner: Owner) -> str:
        """What stands for the owner in a list: as in the logs."""
        return self._mask(owner.name)

    def _known(self, name: str) -> Owner:
        owner = owner_of_copy(name)
        if owner is None or not self._exists(name):
            raise RestoreRefused("there is no such copy in quarantine", code="gone")
        return owner

    def _verified(self, owner: Owner, name: str) -> Credential:
        found = read_one(self._storage, copy_key(name))
        if found is None:  # another process was faster
            raise RestoreRefused("there is no such copy in quarantine", code="gone")
        credential = Credential.from_document(owner, found.open())
        if credential.refresh_token is None:
            raise RestoreRefused("the copy has no refresh token", code="no_refresh_token")
        return replace(credential, state="active")

    def _make_room(self, owner: Owner, lease: Lease) -> str | None:
        """Set aside what is in the way and cannot be used; the reason, None where nothing was."""
        present = read_one(self._storage, credential_key(owner))
        try:
            current = self._store.load(owner)
        except CorruptCredential as error:
            reason = error.code
        except OperatorFault as fault:
            if fault.code not in _REPLACEABLE:
                raise
            reason = fault.code
        else:
            if current is not None and current.state == "leaving":
                raise RestoreRefused("the owner is disconnecting", code="not_connected")
            if current is not None:
                raise RestoreRefused("the owner has a credential that can be read")
            reason = RestoreRefused.default_code  # one no newer than its tombstone, if any
        if present is None:
            return None
        self.set_aside(owner, reason, lease=lease, version=present.version)
        return reason

    def _finish(self, owner: Owner, name: str) -> None:
        present = read_one(self._storage, credential_key(owner))
        if self._exists(name) and (present is None or not self._holds(name, present.raw)):
            return
        with self._store.leased(owner, 0) as lease:  # not where somebody is at it just now
            with suppress(CorruptCredential):
                self._store.load(owner)  # an operator fault is mended first
            present = read_one(self._storage, credential_key(owner))
            if not self._exists(name):
                self._store.change(Unit([Drop(note_key(name))], lease))
            elif present is not None and self._holds(name, present.raw):
                drop = Drop(credential_key(owner), present.version)
                self._store.change(Unit([self._store.burying(owner), drop], lease))

    def _holds(self, name: str, raw: bytes) -> bool:
        """Whether the copy is one of these very bytes."""
        return self._storage.holds(copy_key(name), raw)

    def new_name(self, owner: Owner) -> tuple[str, datetime]:
        """A name for one more copy of the owner's, and the time in it, in UTC."""
        now = self._clock.now()
        while read_one(self._storage, copy_key(name := name_copy(owner, now))) is not None:
            now += timedelta(microseconds=1)
        return name, now

    def _copies(self) -> list[str]:
        return [name for name in self._storage.names(QUARANTINE) if owner_of_copy(name)]

    def _records(self, names: Sequence[str]) -> list[QuarantineRecord]:
        found: list[QuarantineRecord] = []
        for some in portions(names, _READ_AT_ONCE):
            notes = self._storage.read([note_key(name) for name in some])
            found += map(self._record, some, notes)
        return found

    def _exists(self, name: str) -> bool:
        """Whether there is such a copy; it is not opened for that."""
        return name in self._storage.names(QUARANTINE, name)

    def _all(self, owner: Owner) -> list[str]:
        return self._storage.names(QUARANTINE, f"{owner.stem}.")

    def _record(self, name: str, found: Found) -> QuarantineRecord:
        owner, note = Owner.from_stem(name.partition(".")[0]), Note.found(name, found)
        mask = self._mask(owner.name)
        return QuarantineRecord(name, mask, owner, note.reason, note.time, note.told)

    def _note(self, name: str) -> Note:
        return Note.found(name, self._storage.read([note_key(name)])[0])

    def _put_note(self, owner: Owner, name: str, told: bool, lease: Lease) -> None:
        note = replace(self._note(name), told=told)
        put = Put(note_key(name), note.to_document(self._mask(owner.name)))
        self._store.change(Unit([put], lease))
