"""A backup: what is kept of every owner, in one encrypted archive, beside a running bot.

Each owner's credential, tombstone and quarantined copies are read in one go under the owner's
lease, so that every owner's state in the archive is whole and was true at one moment. Different
owners are of different moments.
"""

from __future__ import annotations

import base64
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from pydantic import SecretBytes, SecretStr

from security.credential import Owner
from security.errors import CorruptCredential, OperatorFault
from security.owner_documents import OWNER_KINDS
from security.recovery.archive import ArchiveWriter, new_archive, read_archive
from security.recovery.owner_state import list_owners, take_snapshot
from security.recovery.snapshot import OwnerSnapshot
from security.storage.leases import patience
from security.token_store import TokenStore

_ABOUT: Final = "about"
_OWNER: Final = "owner"
_SHORT_SECONDS: Final = 0.2
_MOST_FINDINGS: Final = 1000

Progress = Callable[[int, int], None]
"""Called with how many owners are done, and of how many."""


@dataclass(frozen=True, slots=True)
class About:
    """What an archive says of itself and of the installation it came from."""

    created: datetime
    version: str
    """Drivekeeper's."""
    settings: tuple[str, ...]
    """The names of the settings that were set; never their values."""
    mask_key: SecretBytes
    """Keeps masks in logs and in the audit trail comparable."""

    def to_body(self) -> dict[str, Any]:
        """The record's body."""
        key = self.mask_key.get_secret_value()
        return {
            "created": self.created.isoformat(),
            "version": self.version,
            "settings": list(self.settings),
            "mask_key": base64.b64encode(key).decode("ascii"),
        }

    @classmethod
    def from_body(cls, body: dict[str, Any]) -> About:
        """The inverse of `to_body`; CorruptCredential where it is none."""
        try:
            created = datetime.fromisoformat(body["created"]).astimezone(UTC)
            names = tuple(str(name) for name in body["settings"])
            key = base64.b64decode(body["mask_key"], validate=True)
            return cls(created, str(body["version"]), names, SecretBytes(key))
        except (KeyError, TypeError, ValueError, OverflowError):
            raise CorruptCredential("the archive holds a broken record", code="tampered") from None


@dataclass(slots=True)
class BackupReport:
    """What is in an archive, and what is not."""

    owners: int = 0
    credentials: int = 0
    """That can be read."""
    tombstones: int = 0
    copies: int = 0
    """In quarantine."""
    unreadable: Counter[str] = field(default_factory=Counter)
    """Result code → how many files could not be read; they are in the archive as they were."""
    left_out: int = 0
    """Files whose bytes are not in the archive: the disk did not give them, or they are too big."""
    locked: int = 0
    """Owners who are not in the archive: their lease stayed taken."""
    findings: list[tuple[Owner, str]] = field(default_factory=list)
    """Of whom something is not in the archive or could not be read, and why; the first thousand."""

    @property
    def is_complete(self) -> bool:
        """Whether every file of every owner is in the archive, and could be read."""
        return not (self.unreadable or self.left_out or self.locked)

    def count(self, snapshot: OwnerSnapshot) -> None:
        """Add one owner."""
        self.owners += 1
        self.credentials += snapshot.credential is not None
        self.tombstones += snapshot.tombstone != 0
        self.copies += len(snapshot.copies)
        self.left_out += snapshot.left_out
        if snapshot.fault is not None:
            self.unreadable[snapshot.fault] += 1
            self.left_out += snapshot.sealed is None
            self.find(snapshot.owner, snapshot.fault)
        if snapshot.tombstone is None:
            self.unreadable["tombstone"] += 1
            if snapshot.fault is None:
                self.find(snapshot.owner, "tombstone")
        if snapshot.left_out:
            self.find(snapshot.owner, "left_out")

    def find(self, owner: Owner, reason: str) -> None:
        """Note whom an operator should look at."""
        if len(self.findings) < _MOST_FINDINGS:
            self.findings.append((owner, reason))


def write_backup(
    target: Path,
    keys: Sequence[SecretStr],
    about: About,
    store: TokenStore,
    *,
    outside: Path,
    replace: bool = False,
    lease_seconds: float | None = None,
    on_progress: Progress = lambda done, total: None,
) -> BackupReport:
    """Write an archive of every owner to `target`, whole or not at all.

    Args:
        keys: the backup keys, newest first.
        outside: the data folder, which no archive may be in.
        replace: whether a file of that name may be replaced.
        lease_seconds: how long owners whose lease is taken are waited for, all together, after
            everybody else is done; None: `patience`.

    Raises:
        OperatorFault: there is no key, or the target or the storage cannot be used.
    """
    report, storage = BackupReport(), store.storage
    with new_archive(target, keys, outside=outside, replace=replace) as writer:
        writer.add(_ABOUT, about.to_body())
        storage.prepare(OWNER_KINDS)
        owners = list_owners(storage)
        busy: list[Owner] = []
        for number, owner in enumerate(owners, start=1):
            if not _add(writer, owner, store, _SHORT_SECONDS, report):
                busy.append(owner)
            on_progress(number - len(busy), len(owners))
        lasts = patience(storage.lease_seconds) if lease_seconds is None else lease_seconds
        deadline = time.monotonic() + lasts
        for owner in busy:
            remaining = max(deadline - time.monotonic(), _SHORT_SECONDS)
            if not _add(writer, owner, store, remaining, report):
                report.locked += 1
                report.find(owner, "locked")
            on_progress(len(owners) - report.locked, len(owners))
    return report


def _add(
    writer: ArchiveWriter,
    owner: Owner,
    store: TokenStore,
    lease_seconds: float,
    report: BackupReport,
) -> bool:
    """Put one owner into the archive; False where somebody else holds the lease."""
    try:
        with store.leased(owner, lease_seconds):
            snapshot = take_snapshot(store.storage, owner, store.copies.names(owner))
    except OperatorFault as fault:
        if fault.code != "locked":
            raise
        return False
    if not snapshot.is_empty:
        writer.add(_OWNER, snapshot.to_body())
        report.count(snapshot)
    return True


def read_backup(path: Path, keys: Sequence[SecretStr]) -> Iterator[About | OwnerSnapshot]:
    """What is in an archive: first what it says of itself, then each owner once.

    Raises:
        OperatorFault: it cannot be read, or its key is not set.
        CorruptCredential: it is not, whole and unchanged, what `write_backup` wrote. That may be
            known only at the end: use nothing of an archive that was not read through once.
    """
    seen: set[Owner] = set()
    kind_due = _ABOUT
    for kind, body in read_archive(path, keys):
        if kind != kind_due:
            raise CorruptCredential("the archive holds a record out of place", code="tampered")
        if kind == _ABOUT:
            yield About.from_body(body)
            kind_due = _OWNER
            continue
        snapshot = OwnerSnapshot.from_body(body)
        if snapshot.owner in seen:
            raise CorruptCredential("the archive names an owner twice", code="tampered")
        seen.add(snapshot.owner)
        yield snapshot
    if kind_due == _ABOUT:
        raise CorruptCredential("the archive is empty", code="tampered")
