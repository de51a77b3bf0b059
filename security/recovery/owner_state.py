"""What is kept of one owner, read all together: for archives, which hold an owner's state whole.

Whoever takes a snapshot holds the owner's lease.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from security.credential import Credential, Owner
from security.errors import CorruptCredential, CustodyError
from security.owner_documents import (
    CREDENTIALS,
    QUARANTINE,
    TOMBSTONES,
    copy_key,
    credential_key,
    ended_generation,
    has_ended,
    note_key,
    owner_of_copy,
    tombstone_key,
)
from security.recovery.snapshot import ArchivedCopy, OwnerSnapshot, note_of, with_generation
from security.storage.protocol import Found, Storage, Stored

_LONGEST: Final = 1024 * 1024  # a credential is about a kilobyte: larger is no credential


@dataclass(frozen=True, slots=True)
class OwnerState:
    """What there is of one owner now, copies apart."""

    stored: Stored | None
    """The credential's document as it stands; None: there is none."""
    credential: Credential | None
    """What is in it; None also where it is no newer than the tombstone, and so counts as none."""
    fault: str | None
    """The result code, where the document cannot be read."""
    is_damaged: bool
    """Whether that is the document's own fault; else it is the set-up's."""
    tombstone: int | None
    """The newest generation that has ended; 0: none, None: it cannot be read."""

    @property
    def raw(self) -> bytes | None:
        """The bytes of the credential's document."""
        return self.stored.raw if self.stored else None


def read_state(storage: Storage, owner: Owner) -> OwnerState:
    """What there is now.

    Raises:
        CustodyError: the storage does not give the credential's document.
    """
    found, tombstone = storage.read([credential_key(owner), tombstone_key(owner)])
    if isinstance(found, Exception):
        raise found
    ended = _ended(tombstone)
    if found is None:
        return OwnerState(None, None, None, False, ended)
    try:
        credential = Credential.from_document(owner, found.open())
    except CustodyError as fault:
        return OwnerState(found, None, fault.code, isinstance(fault, CorruptCredential), ended)
    counts = not has_ended(credential, ended or 0)
    return OwnerState(found, credential if counts else None, None, False, ended)


def take_snapshot(storage: Storage, owner: Owner, copies: Sequence[str]) -> OwnerSnapshot:
    """What there is now, for an archive. Whatever cannot be read is in it as a fault.

    Args:
        copies: the names of the owner's copies in quarantine, listed under the same lease.
    """
    try:
        now = read_state(storage, owner)
    except CustodyError as fault:  # one document that the disk does not give
        return OwnerSnapshot(owner, fault=fault.code, tombstone=None)
    if now.credential is not None and now.credential.state == "leaving":
        # Disconnecting was interrupted, and will be finished: for the archive it is done.
        return OwnerSnapshot(owner, tombstone=max(now.tombstone or 0, now.credential.generation))
    taken = [_copy(storage, name) for name in copies]
    return OwnerSnapshot(
        owner,
        credential=with_generation(now.credential, now.tombstone),
        fault=now.fault,
        sealed=now.raw if now.fault and len(now.raw or b"") <= _LONGEST else None,
        tombstone=now.tombstone,
        copies=tuple(copy for copy in taken if copy is not None),
        left_out=taken.count(None),
    )


def copies_by_owner(storage: Storage) -> dict[Owner, list[str]]:
    """The names of each owner's copies in quarantine, oldest first."""
    found: dict[Owner, list[str]] = {}
    for name in storage.names(QUARANTINE):
        if (owner := owner_of_copy(name)) is not None:
            found.setdefault(owner, []).append(name)
    return found


def list_owners(storage: Storage) -> list[Owner]:
    """Everyone of whom anything is kept, sorted."""
    found = set(copies_by_owner(storage))
    for kind in (CREDENTIALS, TOMBSTONES):
        # Another's file may lie among the tombstones: it is nobody's.
        found |= {owner for name in storage.names(kind) if (owner := kind.owner_of(name))}
    return sorted(found)


def _ended(tombstone: Found) -> int | None:
    if isinstance(tombstone, Exception):
        return None
    try:
        return ended_generation(None if tombstone is None else tombstone.open())
    except CustodyError:
        return None


def _copy(storage: Storage, name: str) -> ArchivedCopy | None:
    found, note = storage.read([copy_key(name), note_key(name)])
    if not isinstance(found, Stored) or len(found.raw) > _LONGEST:
        return None  # the disk does not give it, or it is no copy
    kept = note_of(note.document if isinstance(note, Stored) else None)
    try:
        opened = storage.sealer.examine(QUARANTINE, name, found.raw)
    except CustodyError:
        return ArchivedCopy(name, found.raw, False, kept)
    # What was plaintext goes back as plaintext: the archive's key makes nobody's word of it.
    return ArchivedCopy(name, opened.content, not opened.was_plaintext, kept)
