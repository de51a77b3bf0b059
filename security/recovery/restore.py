"""A restore: what an archive holds goes back, owner by owner, under each owner's lease.

The archive is read through and verified before anything changes. What has ended since (somebody
disconnected) and what is newer here stays as it is, unless the restore is a rollback. Whatever is
replaced unread goes into quarantine first. Each step leaves every credential whole, and a restore
that was interrupted is finished by running it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from pydantic import SecretStr

from security.credential import Credential, Owner
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.owner_documents import (
    CREDENTIALS,
    OWNER_KINDS,
    copy_key,
    credential_key,
    note_key,
    tombstone_key,
    tombstone_of,
)
from security.quarantine.records import Note
from security.recovery.backup import About, BackupReport, Progress, read_backup
from security.recovery.owner_state import OwnerState, copies_by_owner, read_state
from security.recovery.restore_plan import Plan, decide
from security.recovery.snapshot import OwnerSnapshot
from security.storage.documents import read_one
from security.storage.events import Event
from security.storage.leases import Lease
from security.storage.protocol import ABSENT, Copy, Put, PutRaw, Step, Stored, Unit
from security.token_store import TokenStore

MaskKeyOutcome = Literal["same", "restored", "differs"]
_NEWER: Final = ("not_newer", "newer_consent")
_EXPECTED: Final = frozenset({"ended", "leaving", *_NEWER})
_OWNERS_OWN: Final = frozenset({"locked", "too_big"})
"""Operator faults of one owner, over whom the others are restored all the same."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What a whole archive holds."""

    about: About
    owners: int
    credentials: int
    copies: int


@dataclass(slots=True)
class RestoreReport:
    """What a restore did, or would do."""

    owners: int = 0
    restored: int = 0
    """Credentials that are in place now."""
    unchanged: int = 0
    """Credentials that were there already."""
    refused: Counter[str] = field(default_factory=Counter)
    """Reason → owners whose credential was not restored. See docs/backup.md."""
    unreadable: Counter[str] = field(default_factory=Counter)
    """Result code → credentials that the archive holds and nobody here can read."""
    quarantined: int = 0
    """Files that were replaced, and are in quarantine now."""
    copies: int = 0
    """Quarantined copies that were put back into quarantine."""
    copies_refused: int = 0
    tombstones: int = 0
    """Owners whose earlier credentials count as ended now."""
    mask_key: MaskKeyOutcome = "same"
    not_in_archive: int = 0
    """Owners with a credential here of whom the archive holds nothing: left as they are."""
    findings: list[tuple[Owner, str]] = field(default_factory=list)
    """Whom an operator should look at, and why; the first thousand of them."""

    @property
    def changed(self) -> bool:
        """Whether anything is other than before."""
        done = self.restored + self.quarantined + self.copies + self.tombstones
        return done > 0 or self.mask_key == "restored"

    @property
    def is_clean(self) -> bool:
        """Whether nothing wants an operator's attention."""
        return (
            not self.unreadable and self.refused.keys() <= _EXPECTED and self.mask_key != "differs"
        )

    @property
    def in_use(self) -> int:
        """How many of the archive's owners have a credential here, from there or a newer one."""
        return self.restored + self.unchanged + sum(self.refused[code] for code in _NEWER)

    def count(self, owner: Owner, plan: Plan) -> None:
        """Add one owner."""
        self.owners += 1
        self.restored += plan.outcome == "restored"
        self.unchanged += plan.outcome == "unchanged"
        self.quarantined += plan.set_aside is not None
        self.copies += len(plan.copies)
        self.copies_refused += plan.copies_refused
        self.tombstones += plan.tombstone is not None
        if plan.outcome == "refused":
            self.refused[plan.reason] += 1
        if plan.outcome == "unreadable":
            self.unreadable[plan.reason] += 1
        if plan.reason and plan.reason not in _EXPECTED and len(self.findings) < 1000:
            self.findings.append((owner, plan.reason))


def verify(path: Path, keys: Sequence[SecretStr]) -> Contents:
    """Read an archive through: every record opens, is what it should be, and none is missing.

    Raises:
        CorruptCredential, OperatorFault: as `read_backup`.
    """
    records = read_backup(path, keys)
    about = next(records)
    if not isinstance(about, About):
        raise CorruptCredential("the archive holds a record out of place", code="tampered")
    held = BackupReport()
    for snapshot in records:
        if isinstance(snapshot, OwnerSnapshot):
            held.count(snapshot)
    return Contents(about, held.owners, held.credentials, held.copies)


class Restore:
    """Puts a verified archive back."""

    def __init__(
        self,
        store: TokenStore,
        *,
        rollback: bool = False,
        dry_run: bool = False,
        lease_seconds: float | None = None,
    ) -> None:
        """
        Args:
            rollback: override tombstones and newer credentials; the caller holds `bot_stopped`.
            dry_run: change nothing, take no lease, and say what would be done.
            lease_seconds: how long an owner's lease is waited for; None: `patience`.
        """
        self._store = store
        self._storage = store.storage
        self._rollback = rollback
        self._dry_run = dry_run
        self._lease_seconds = lease_seconds
        self._copies: dict[Owner, list[str]] = {}
        self.report = RestoreReport()
        """Up to date at any time, also after a fault."""

    def run(
        self,
        path: Path,
        keys: Sequence[SecretStr],
        contents: Contents,
        on_progress: Progress = lambda done, total: None,
    ) -> None:
        """Put back everything in the archive that `verify` has read.

        Raises:
            CustodyError: the storage failed. What was restored is whole; run it again to go on.
            CorruptCredential: the archive is not the one that was verified any more.
        """
        if not self._dry_run:
            self._storage.prepare(OWNER_KINDS)
            self._copies = copies_by_owner(self._storage)
        others = set(self._store.owners())
        for number, record in enumerate(read_backup(path, keys)):
            if isinstance(record, OwnerSnapshot):
                others.discard(record.owner)
                self._restore(self._reread(record), contents.about)
                on_progress(number, contents.owners)
            elif record != contents.about:
                raise CorruptCredential("the archive was replaced meanwhile", code="tampered")
        self.report.not_in_archive = len(others)

    def _restore(self, snapshot: OwnerSnapshot, about: About) -> None:
        owner = snapshot.owner
        if self._dry_run:
            plan = self._decide(snapshot, about, read_state(self._storage, owner))
        else:
            try:
                with self._store.leased(owner, self._lease_seconds) as lease:
                    now = read_state(self._storage, owner)
                    plan = self._change(now, self._decide(snapshot, about, now), lease, owner)
            except OperatorFault as fault:
                if fault.code not in _OWNERS_OWN:
                    raise
                plan = Plan("refused", fault.code)
            self._storage.record(_events(owner, plan))
        self.report.count(owner, plan)

    def _change(self, now: OwnerState, plan: Plan, lease: Lease, owner: Owner) -> Plan:
        """What was done of the plan: copies that are too large keep no credential back."""
        try:
            self._store.change(Unit(self._steps(owner, now, plan), lease))
        except OperatorFault as fault:
            if fault.code != "too_big" or not plan.copies:
                raise
            refused = plan.copies_refused + len(plan.copies)
            return self._change(now, replace(plan, copies=(), copies_refused=refused), lease, owner)
        return plan

    def _reread(self, archived: OwnerSnapshot) -> OwnerSnapshot:
        """The same, where bytes that could not be read then can be read now: a key was found."""
        if archived.sealed is None:
            return archived
        owner, sealer = archived.owner, self._storage.sealer
        try:
            document = sealer.open(CREDENTIALS, owner.stem, archived.sealed)
            return archived.with_credential(Credential.from_document(owner, document))
        except CustodyError:
            return archived

    def _decide(self, snapshot: OwnerSnapshot, about: About, now: OwnerState) -> Plan:
        return decide(
            snapshot,
            now,
            has_copy=self._has_copy,
            archived_at=about.created,
            rollback=self._rollback,
            encrypted=self._storage.sealer.is_sealing,
        )

    def _has_copy(self, name: str) -> bool:
        return read_one(self._storage, copy_key(name)) is not None

    def _steps(self, owner: Owner, now: OwnerState, plan: Plan) -> list[Step]:
        """In an order of which every beginning leaves each credential whole."""
        steps: list[Step] = []
        for copy in plan.copies:
            if copy.note is not None:  # before the copy: a note alone is nothing
                note = {"owner": self._store.copies.mask_of(owner), **copy.note}
                steps.append(Put(note_key(copy.name), note))
            steps.append(PutRaw(copy_key(copy.name), copy.content, is_believed=copy.opened))
        if plan.set_aside is not None and now.stored is not None:
            steps += self._copying_aside(owner, now.stored, plan.set_aside)
        if plan.credential is not None:
            there = ABSENT if now.stored is None else now.stored.version
            steps.append(Put(credential_key(owner), plan.credential.to_document(), there))
        # Last: raised before, it could hide the credential that is still in place.
        if plan.tombstone is not None:
            steps.append(Put(tombstone_key(owner), tombstone_of(owner, plan.tombstone)))
        return steps

    def _copying_aside(self, owner: Owner, stored: Stored, reason: str) -> list[Step]:
        """Copy what is there into quarantine; it stays until it is replaced.

        A copy that was made before a crash is found again. The owner need not be told: a
        credential is about to take its place.
        """
        known = self._copies.get(owner, ())
        if any(self._holds(name, stored.raw) for name in known):
            return []
        name, now = self._store.copies.new_name(owner)
        note = Note(reason, now, told=True).to_document(self._store.copies.mask_of(owner))
        return [Put(note_key(name), note), Copy(copy_key(name), credential_key(owner))]

    def _holds(self, name: str, raw: bytes) -> bool:
        """Whether it is a copy of these bytes; one that the disk does not give counts as none."""
        try:
            return self._storage.holds(copy_key(name), raw)
        except CustodyError:
            return False


def _events(owner: Owner, plan: Plan) -> list[Event]:
    events = [] if plan.set_aside is None else [Event("quarantined", owner, plan.set_aside)]
    return [*events, Event("restored", owner)] if plan.outcome == "restored" else events
