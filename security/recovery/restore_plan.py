"""What a restore does about one owner: decided from what is archived and what is there now.

Nothing here touches the storage, so that a dry run decides exactly as the restore does.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from security.credential import Credential
from security.encryption import is_encrypted
from security.owner_documents import has_ended, name_copy
from security.recovery.owner_state import OwnerState
from security.recovery.snapshot import ArchivedCopy, OwnerSnapshot

Outcome = Literal["restored", "unchanged", "refused", "unreadable", "nothing"]
_LOST_KEY: Final = "unknown_key"
_NO_KEY: Final = "key_missing"
_REPLACED: Final = "superseded"


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done, in this order: copies, set aside, credential, tombstone."""

    outcome: Outcome
    """What becomes of the archived credential; "nothing": there is none."""
    reason: str = ""
    """Why, where it is refused or unreadable."""
    copies: tuple[ArchivedCopy, ...] = ()
    """To be put into quarantine."""
    copies_refused: int = 0
    set_aside: str | None = None
    """What is there is copied into quarantine, with this result code."""
    credential: Credential | None = None
    """To be written."""
    tombstone: int | None = None
    """To be written."""


def decide(
    snapshot: OwnerSnapshot,
    now: OwnerState,
    *,
    has_copy: Callable[[str], bool],
    archived_at: datetime,
    rollback: bool,
    encrypted: bool,
) -> Plan:
    """What is to be done about one owner.

    Args:
        has_copy: whether the quarantine has a copy of this name.
        archived_at: when the archive was made.
        rollback: override what has ended and what is newer.
        encrypted: whether there is a key for what is written.
    """
    plan = _for_credential(snapshot, now, rollback=rollback)
    wanted = snapshot.copies
    if snapshot.fault is not None:
        plan = Plan("unreadable", snapshot.fault)
        if snapshot.sealed not in (None, now.raw) and now.credential is None:
            wanted += (_unreadable_copy(snapshot, archived_at),)
    missing = tuple(copy for copy in wanted if not has_copy(copy.name))
    ended = now.tombstone is None or now.tombstone > (snapshot.tombstone or 0)
    leaving = now.credential is not None and now.credential.state == "leaving"
    copies = tuple(
        copy
        for copy in missing
        if (rollback or not (ended or leaving)) and (encrypted or not _is_sealed(copy))
    )
    return replace(
        plan,
        copies=copies,
        copies_refused=len(missing) - len(copies),
        tombstone=_tombstone(snapshot, now, plan.credential),
    )


def _for_credential(snapshot: OwnerSnapshot, now: OwnerState, *, rollback: bool) -> Plan:
    archived, present = snapshot.credential, now.credential
    if archived is None:
        # What the archive knows to have ended would hide this one; but it works, so it stays.
        hides = present is not None and has_ended(present, snapshot.tombstone or 0)
        return Plan("refused", "ended_in_archive") if hides else Plan("nothing")
    if present is not None and _is_same(present, archived):
        return Plan("unchanged")
    refusal = now.fault if now.fault == _NO_KEY else None if rollback else _refusal(archived, now)
    if refusal is not None:
        return Plan("refused", refusal)
    set_aside = now.fault
    if rollback and now.fault is None and now.stored is not None:
        set_aside = _REPLACED
    credential = replace(archived, generation=_generation(archived, snapshot, now))
    return Plan("restored", set_aside=set_aside, credential=credential)


def _refusal(archived: Credential, now: OwnerState) -> str | None:
    """Why a plain restore leaves what is there; None: it does not."""
    present = now.credential
    if present is not None:
        if present.state == "leaving":
            return "leaving"
        # A file of another program has no generation, and counts as new.
        if present.generation == 0 or archived.generation <= present.generation:
            return "not_newer"
        granted = (archived.granted_at, present.granted_at)
        if granted[0] and granted[1] and granted[0] < granted[1]:
            return "newer_consent"  # generations of another machine count from another beginning
        return None
    if now.fault is not None and not now.is_damaged and now.fault != _LOST_KEY:
        return now.fault  # the settings are wrong, not the file
    if now.tombstone is None:
        return "tombstone_unreadable"
    return "ended" if archived.generation <= now.tombstone else None


def _generation(archived: Credential, snapshot: OwnerSnapshot, now: OwnerState) -> int:
    """The archived one's own generation where that is the newest, else newest + 1.

    Where the newest cannot be read it may be any: Unix seconds are more than any counter has
    counted.
    """
    unknown = int(time.time())
    present = now.credential.generation if now.credential is not None else 0
    newest = max(
        unknown if now.tombstone is None else now.tombstone,
        unknown if now.fault is not None else present,
        snapshot.tombstone or 0,
    )
    return archived.generation if archived.generation > newest else newest + 1


def _tombstone(snapshot: OwnerSnapshot, now: OwnerState, written: Credential | None) -> int | None:
    """The archived tombstone, where it is the newer one and hides no credential that counts."""
    generation = snapshot.tombstone or 0
    if now.tombstone is None or generation <= now.tombstone:
        return None
    if (counting := written or now.credential) is not None:
        return generation if generation < counting.generation else None
    return generation if now.fault is None else None


def _is_same(present: Credential, archived: Credential) -> bool:
    """Whether both are the same but for the generation, which a restore may have raised."""
    return present.to_document() == replace(archived, generation=present.generation).to_document()


def _unreadable_copy(snapshot: OwnerSnapshot, archived_at: datetime) -> ArchivedCopy:
    """What could not be read then, as a copy in quarantine: of one name at every restore."""
    note = {"reason": snapshot.fault, "time": archived_at.isoformat(), "told": False}
    name = name_copy(snapshot.owner, archived_at)
    return ArchivedCopy(name, snapshot.sealed or b"", opened=False, note=note)


def _is_sealed(copy: ArchivedCopy) -> bool:
    return not copy.opened and is_encrypted(copy.content)
