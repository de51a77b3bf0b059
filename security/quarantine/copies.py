"""The quarantine: credentials that cannot be used, their bytes as they were, each beside a note.

What is set aside is copied before it is removed, and what is restored is in place before its copy
goes: a crash in between leaves one too many, never none.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Protocol

from security.credential import Credential, Owner
from security.encryption import TokenEncryption, is_encrypted
from security.errors import CorruptCredential, CustodyError, OperatorFault, RestoreRefused
from security.quarantine.notes import SUFFIX, Note, Notes, name_copy, owner_of_copy
from security.storage.catalogue import QUARANTINE
from security.storage.files.private_files import SealedFolder
from security.storage.sealing import Sealer

_REPLACEABLE: Final = frozenset({"unknown_key", "unknown_envelope", "plaintext_refused"})
"""Operator faults of a file itself. The others (disk, no key at all) are mended first."""


@dataclass(frozen=True, slots=True)
class QuarantineRecord:
    """One copy. `time` is aware, in UTC."""

    name: str = field(repr=False)
    """The copy's own name; it holds the Telegram id: not to be shown."""
    owner_mask: str
    owner: Owner
    reason: str
    """A result code."""
    time: datetime
    told: bool
    """Whether the owner has been told."""

    @property
    def id(self) -> str:
        """What to show instead of the name, and what `Quarantine.find` takes: mask and time."""
        return f"{self.owner_mask}.{self.name.partition('.')[2]}"


@dataclass(frozen=True, slots=True)
class Restoration:
    """What a restore did."""

    owner: Owner
    generation: int
    """The restored credential's; newer than any before."""
    replaced: str | None
    """Why the file that was in its place could not stay (it is in quarantine now); None: none."""


class HeldLock(Protocol):
    """A lock that is held."""

    def release(self) -> None:
        """Give it back."""


class TokenFiles(Protocol):
    """What the quarantine needs of the store."""

    def check_writable(self) -> None:
        """Raise OperatorFault where a save would fail."""

    def try_lock(self, owner: Owner) -> HeldLock | None:
        """The owner's lock, held, or None."""

    def locked(self, owner: Owner, timeout_seconds: float = 30) -> AbstractContextManager[None]:
        """Hold the owner's lock."""

    def load(self, owner: Owner) -> Credential | None:
        """The owner's credential, where it counts."""

    def read_bytes(self, owner: Owner) -> bytes | None:
        """The owner's file as it is."""

    def retire(self, owner: Owner) -> None:
        """Raise the tombstone to the credential's generation and remove its file."""

    def save_newest(self, credential: Credential) -> Credential:
        """Save as newer than anything before."""


class Quarantine:
    """The copies. Every method blocks on the disk."""

    def __init__(
        self,
        store: TokenFiles,
        folder: Path,
        sealer: Sealer | TokenEncryption,
        mask: Callable[[str], str],
    ) -> None:
        self._store = store
        self._sealer = sealer = Sealer.of(sealer)
        self._mask = mask
        self._sealed = SealedFolder(folder, sealer, QUARANTINE)
        self._notes = Notes(self._sealed, mask)
        self._begun: dict[Owner, str] = {}  # copies whose original a fault has left in its place

    def prepare(self) -> None:
        """Make the folder private.

        Raises:
            OperatorFault: it cannot be used, or holds envelopes and no key is set.
        """
        self._sealed.prepare()

    def finish_interrupted(self) -> None:
        """At start-up: finish what a crash left half set aside, and drop notes without a copy."""
        names = set(self._sealed.names())
        for name in sorted({name.removesuffix(SUFFIX) for name in names}):
            owner = owner_of_copy(name)
            if owner is not None:
                with suppress(CustodyError):  # one owner's fault stops nobody else's start
                    self._finish(owner, name)

    # With the owner's lock held

    def set_aside(self, owner: Owner, reason: str, *, told: bool = False) -> None:
        """Put the owner's file here: its bytes as they were, but encrypted where there is a key.

        The caller holds the owner's lock. Where an earlier attempt was interrupted, this one
        goes on with its copy.

        Args:
            reason: a result code, kept in the note.
            told: whether the owner knows already.
        """
        data = self._store.read_bytes(owner)
        if data is None:
            return
        # Remembered, not looked for: the copies of a whole fleet are many.
        begun = self._begun.get(owner)
        if begun is None or not self._holds(begun, data):
            name, now = self._new_name(owner)
            # Note, copy, tombstone, removal. The tombstone before the copy would hide a file that
            # is nowhere else; the removal before the tombstone would let an old backup in.
            self._notes.write(owner, name, Note(reason, now, told))
            self._sealed.write_sealed(name, self._sealer.set_aside(QUARANTINE, name, data))
            self._begun[owner] = name
        self._store.retire(owner)
        self._begun.pop(owner, None)

    def names(self, owner: Owner) -> list[str]:
        """The names of the owner's copies, oldest first."""
        return [n for n in self._all(owner) if not n.endswith(SUFFIX)]

    def newest(self, owner: Owner) -> Credential | None:
        """What the owner's newest copy holds.

        Raises:
            CorruptCredential, OperatorFault: as `SealedFolder.read`.
        """
        names = self.names(owner)
        document = self._sealed.read(names[-1]) if names else None
        return None if document is None else Credential.from_document(owner, document)

    def purge_owner(self, owner: Owner) -> None:
        """Delete the owner's copies and their notes. The caller holds the owner's lock."""
        for name in self._all(owner):  # sorted: each copy before its note
            self._sealed.delete(name)

    def mark_told(self, name: str, told: bool) -> None:
        """Note whether the owner has been told; nothing where the copy has gone meanwhile.

        The caller holds the owner's lock.
        """
        owner = owner_of_copy(name)
        if owner is not None and self._sealed.read_bytes(name) is not None:
            self._notes.write(owner, name, replace(self._notes.read(name), told=told))

    def mark_owner_told(self, owner: Owner) -> None:
        """Note of all the owner's copies that they know. The caller holds the owner's lock."""
        for name in self.names(owner):
            note = self._notes.read(name)
            if not note.told:
                self._notes.write(owner, name, replace(note, told=True))

    # For operators; these take the owner's lock themselves

    def size(self) -> int:
        """How many copies there are."""
        return sum(owner_of_copy(name) is not None for name in self._sealed.names())

    def owners(self) -> set[Owner]:
        """Everyone with a copy."""
        return {owner for name in self._sealed.names() if (owner := owner_of_copy(name))}

    def records(self) -> list[QuarantineRecord]:
        """Every copy, oldest first. A note that is missing or cannot be read hides none."""
        found = []
        for name in self._sealed.names():
            owner = owner_of_copy(name)
            if owner is not None:
                note = self._notes.read(name)
                found.append(
                    QuarantineRecord(
                        name=name,
                        owner_mask=self._mask(owner.name),
                        owner=owner,
                        reason=note.reason,
                        time=note.time,
                        told=note.told,
                    )
                )
        return sorted(found, key=lambda record: (record.time, record.name))

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
        file in its place goes into quarantine; a usable one stays, and so does the copy.

        Raises:
            RestoreRefused: there is no such copy, it has no refresh token, or its owner has a
                credential or is disconnecting.
            CorruptCredential, OperatorFault: the copy, or the disk, cannot be used.
        """
        owner = self._known(name)
        with self._store.locked(owner):
            credential = self._verified(owner, name)
            self._store.check_writable()
            replaced = self._make_room(owner)
            saved = self._store.save_newest(credential)
            self._delete(name)
        return Restoration(owner, saved.generation, replaced)

    def purge(self, name: str) -> None:
        """Delete one copy and its note.

        Raises:
            RestoreRefused: there is no such copy.
        """
        owner = self._known(name)
        with self._store.locked(owner):
            if not self._delete(name):
                raise RestoreRefused("there is no such copy in quarantine", code="gone")

    def mask_of(self, owner: Owner) -> str:
        """What stands for the owner in a list: as in the logs."""
        return self._mask(owner.name)

    def _known(self, name: str) -> Owner:
        owner = owner_of_copy(name)
        if owner is None or self._sealed.read_bytes(name) is None:
            raise RestoreRefused("there is no such copy in quarantine", code="gone")
        return owner

    def _verified(self, owner: Owner, name: str) -> Credential:
        document = self._sealed.read(name)
        if document is None:  # another process was faster
            raise RestoreRefused("there is no such copy in quarantine", code="gone")
        credential = Credential.from_document(owner, document)
        if credential.refresh_token is None:
            raise RestoreRefused("the copy has no refresh token", code="no_refresh_token")
        return replace(credential, state="active")

    def _make_room(self, owner: Owner) -> str | None:
        """Set aside what is in the way and cannot be used; the reason, None where nothing was."""
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
            reason = RestoreRefused.default_code  # a file no newer than its tombstone, if any
        if self._store.read_bytes(owner) is None:
            return None
        self.set_aside(owner, reason)
        return reason

    def _finish(self, owner: Owner, name: str) -> None:
        copy = self._sealed.read_bytes(name)
        data = self._store.read_bytes(owner)
        if copy is not None and (data is None or not self._holds(name, data)):
            return
        lock = self._store.try_lock(owner)
        if lock is None:  # somebody is at it just now
            return
        try:
            with suppress(CorruptCredential):
                self._store.load(owner)  # an operator fault is mended first
            data = self._store.read_bytes(owner)
            if self._sealed.read_bytes(name) is None:
                self._notes.delete(name)
            elif data is not None and self._holds(name, data):
                self._store.retire(owner)
        finally:
            lock.release()

    def _holds(self, name: str, data: bytes) -> bool:
        """Whether the copy is one of these very bytes."""
        copy = self._sealed.read_bytes(name)
        if copy is None or copy == data:
            return copy is not None
        if is_encrypted(data):
            return False
        try:
            return self._sealer.examine(QUARANTINE, name, copy).content == data
        except CustodyError:
            return False

    def _new_name(self, owner: Owner) -> tuple[str, datetime]:
        now = datetime.now(UTC)
        while self._sealed.read_bytes(name := name_copy(owner, now)) is not None:
            now += timedelta(microseconds=1)
        return name, now

    def _all(self, owner: Owner) -> list[str]:
        return self._sealed.names(f"{owner.stem}.")

    def _delete(self, name: str) -> bool:
        deleted = self._sealed.delete(name)
        self._notes.delete(name)
        return deleted
