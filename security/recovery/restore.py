"""A restore: what an archive holds goes back, owner by owner, under each owner's lock.

The archive is read through and verified before anything changes. What has ended since (somebody
disconnected) and what is newer here stays as it is, unless the restore is a rollback. Whatever is
replaced unread goes into quarantine first. Each step leaves every credential whole, and a restore
that was interrupted is finished by running it again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from pydantic import SecretBytes, SecretStr

from security.audit import AuditTrail
from security.credential import Owner
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.logging_utils import MASK_KEY_FILE
from security.recovery.backup import About, Progress, read_backup
from security.recovery.owner_files import OwnerFiles
from security.recovery.restore_plan import Steps, decide
from security.recovery.snapshot import Holdings
from security.storage.files.locks import bot_stopped as bot_stopped
from security.storage.files.private_files import (
    disk_faults,
    ensure_private_folder,
    write_atomically,
)
from security.token_store import TokenStore

MaskKeyOutcome = Literal["same", "restored", "differs"]
_LOCK_SECONDS: Final = 30.0
_EXPECTED: Final = frozenset({"ended", "not_newer", "newer_consent", "leaving"})


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

    def count(self, owner: Owner, steps: Steps) -> None:
        """Add one owner."""
        self.owners += 1
        self.restored += steps.outcome == "restored"
        self.unchanged += steps.outcome == "unchanged"
        self.quarantined += steps.set_aside is not None
        self.copies += len(steps.copies)
        self.copies_refused += steps.copies_refused
        self.tombstones += steps.tombstone is not None
        if steps.outcome == "refused":
            self.refused[steps.reason] += 1
        if steps.outcome == "unreadable":
            self.unreadable[steps.reason] += 1
        if steps.reason and steps.reason not in _EXPECTED and len(self.findings) < 1000:
            self.findings.append((owner, steps.reason))


def verify(path: Path, keys: Sequence[SecretStr]) -> Contents:
    """Read an archive through: every record opens, is what it should be, and none is missing.

    Raises:
        CorruptCredential, OperatorFault: as `read_backup`.
    """
    records = read_backup(path, keys)
    about = next(records)
    if not isinstance(about, About):
        raise CorruptCredential("the archive holds a record out of place", code="tampered")
    owners = credentials = copies = 0
    for held in records:
        if isinstance(held, Holdings):
            owners += 1
            credentials += held.credential is not None
            copies += len(held.copies)
    return Contents(about, owners, credentials, copies)


class Restore:
    """Puts a verified archive back."""

    def __init__(
        self,
        store: TokenStore,
        files: OwnerFiles,
        audit: AuditTrail,
        *,
        rollback: bool = False,
        dry_run: bool = False,
        lock_seconds: float = _LOCK_SECONDS,
    ) -> None:
        """
        Args:
            rollback: override tombstones and newer credentials; the caller holds `bot_stopped`.
            dry_run: change nothing, take no lock, and say what would be done.
            lock_seconds: how long an owner's lock is waited for.
        """
        self._store = store
        self._files = files
        self._audit = audit
        self._rollback = rollback
        self._dry_run = dry_run
        self._lock_seconds = lock_seconds
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
            OperatorFault: the disk failed. What was restored is whole; run it again to go on.
            CorruptCredential: the archive is not the one that was verified any more.
        """
        if not self._dry_run:
            self._files.prepare()
        for number, record in enumerate(read_backup(path, keys)):
            if isinstance(record, Holdings):
                self._restore(record, contents.about)
                on_progress(number, contents.owners)
            elif record != contents.about:
                raise CorruptCredential("the archive was replaced meanwhile", code="tampered")

    def _restore(self, archived: Holdings, about: About) -> None:
        owner, held = archived.owner, self._reread(archived)
        if self._dry_run:
            self.report.count(owner, self._decide(held, about))
            return
        try:
            with self._store.locked(owner, self._lock_seconds):
                steps = self._decide(held, about)
                self._carry_out(owner, steps)
        except OperatorFault as fault:
            if fault.code != "locked":
                raise
            steps = Steps("refused", "locked")
        self.report.count(owner, steps)
        if steps.set_aside is not None:
            self._audit.record("quarantined", owner, steps.set_aside)
        if steps.outcome == "restored":
            self._audit.record("restored", owner)

    def _reread(self, archived: Holdings) -> Holdings:
        """The same, where bytes that could not be read then can be read now: a key was found."""
        if archived.sealed is None:
            return archived
        try:
            return archived.with_credential(self._files.read(archived.owner, archived.sealed))
        except CustodyError:
            return archived

    def _decide(self, held: Holdings, about: About) -> Steps:
        return decide(
            held,
            self._files.current(held.owner),
            has_copy=self._files.has_copy,
            archived_at=about.created,
            rollback=self._rollback,
            encrypted=self._files.is_encrypted,
        )

    def _carry_out(self, owner: Owner, steps: Steps) -> None:
        for copy in steps.copies:
            self._files.put_copy(owner, copy)
        if steps.set_aside is not None:
            self._files.copy_aside(owner, steps.set_aside)
        if steps.credential is not None:
            self._files.put_credential(steps.credential)
        # Last: raised before, it could hide the credential that is still in place.
        if steps.tombstone is not None:
            self._files.put_tombstone(owner, steps.tombstone)


def restore_mask_key(
    folder: Path,
    archived: SecretBytes,
    configured: SecretStr | None,
    *,
    rollback: bool,
    dry_run: bool,
) -> MaskKeyOutcome:
    """Put the mask key back where there is none, or where this is a rollback.

    A key that is replaced stays beside it, as `log_mask.key.old`.

    Args:
        configured: LOG_MASK_KEY, which no archive overrides.
    """
    key, path = archived.get_secret_value(), folder / MASK_KEY_FILE
    if configured is not None:
        return "same" if configured.get_secret_value().encode() == key else "differs"
    with disk_faults():
        present = path.read_bytes().strip() if path.exists() else b""
        if present == key:
            return "same"
        if present and not rollback:
            return "differs"
        if dry_run:
            return "restored"
        ensure_private_folder(folder)
        if present:
            write_atomically(path.with_name(f"{MASK_KEY_FILE}.old"), present)
        write_atomically(path, key)
    return "restored"
