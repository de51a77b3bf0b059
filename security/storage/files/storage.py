"""Storage in one folder on one machine: a folder for each kind, a file for each document.

Credentials lie in the data folder itself, locks in `locks/`, the audit trail in `audit/`. Whoever
changes a leased kind holds the owner's lock; for each other kind there is one lock of its folder,
so that whoever re-encrypts it loses no save and brings back nothing deleted.
"""

from __future__ import annotations

import os
import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from time import time
from typing import Final

from filelock import Timeout

from security.errors import CustodyError, OperatorFault
from security.storage.catalogue import NAME, Document, Kind
from security.storage.disk_faults import disk_faults
from security.storage.documents import opened
from security.storage.due import Due, DueCounts, DuePage, count_due
from security.storage.each import each
from security.storage.events import Action, AuditEntry, Event
from security.storage.files.audit_trail import AuditTrail
from security.storage.files.changes import Changes, check_lease
from security.storage.files.data_folder import refuse_moved
from security.storage.files.index import ENDING, Index, Listing, Stamp
from security.storage.files.locks import FileLease, is_locked, waiting_lock
from security.storage.files.private_files import (
    ensure_private_folder,
    read_regular,
    reserve_room,
    write_atomically,
)
from security.storage.files.staged_file import StagedFile
from security.storage.files.unix import is_private
from security.storage.key_check import check_some_open
from security.storage.leases import Lease
from security.storage.protocol import Convert, Found, Key, Resealed, Stored, Unit, Version
from security.storage.sealing import Sealer

_LOCK_SECONDS: Final = 30


class FileStorage:
    """See `Storage`, whose methods these are."""

    lease_seconds = None
    is_shared = False
    takes_plaintext = True

    def __init__(
        self, folder: Path, sealer: Sealer, mask: Callable[[str], str], kinds: Sequence[Kind]
    ) -> None:
        """
        Args:
            folder: the data folder, `user_data/`.
            mask: turns an owner's name into what the audit trail may show.
            kinds: the documents that are kept here.
        """
        self.folder = folder
        self.kinds = kinds
        self._locks = folder / "locks"
        self._is_prepared = False
        self.sealer = sealer
        self._trail = AuditTrail(folder, mask)
        self._queues: defaultdict[Kind, threading.Lock] = defaultdict(threading.Lock)
        self._indexes: dict[Kind, Index] = {}
        self._listings: dict[Kind, Listing] = {}

    def open(self) -> None:
        refuse_moved(self.folder)
        self.prepare()
        self.check_writable()
        self.check_keys()

    def prepare(self, kinds: Collection[Kind] | None = None) -> None:
        worked_with = self.kinds if kinds is None else kinds
        for folder in (self.folder, *map(self._folder_of, worked_with), self._locks):
            ensure_private_folder(folder)
        for folder in map(self._folder_of, set(self.kinds).difference(worked_with)):
            # A crash may have left plaintext half written.
            with suppress(OperatorFault), disk_faults():
                if folder.is_dir():
                    ensure_private_folder(folder)
        if kinds is None:
            self._trail.prepare()
        self._is_prepared = True

    def check_keys(self) -> None:
        check_some_open(self._give_raw, self.kinds, self.sealer.keyring)

    def close(self) -> None:
        self._trail.close()

    def now(self) -> float:
        return time()

    def skew(self) -> float:
        return 0.0

    def check_writable(self, kind: Kind | None = None) -> None:
        folder = self.folder if kind is None else self._folder_of(kind)
        reserve_room(folder / "probe").give_up()

    def read(self, keys: Sequence[Key]) -> list[Found]:
        for key in keys:
            self._path(key)  # a wrong name is the caller's defect, no document's
        return each(self._read, keys)

    def holds(self, key: Key, raw: bytes) -> bool:
        found = read_regular(self._path(key))
        return found is not None and self.sealer.holds(key.kind, key.name, found[0], raw)

    @disk_faults()
    def names(self, kind: Kind, prefix: str = "") -> list[str]:
        try:
            return self._beginning(kind, prefix) if prefix else self._list(kind)
        except (FileNotFoundError, NotADirectoryError):
            return []

    def _beginning(self, kind: Kind, prefix: str) -> list[str]:
        changed = self._folder_of(kind).stat().st_mtime_ns
        listing = self._listings.get(kind)
        if listing is None or not listing.is_of(changed):
            # Asked for one owner after the other: a folder that has not changed is listed once.
            listing = self._listings[kind] = Listing(changed, time(), self._list(kind))
        return listing.beginning(prefix)

    def _list(self, kind: Kind) -> list[str]:
        with os.scandir(self._folder_of(kind)) as entries:
            files = [entry.name for entry in entries if entry.name.endswith(ENDING)]
        names = (file[: -len(ENDING)] for file in files)
        return sorted(filter(kind.is_ours, names))

    def find(self, kind: Kind, index: str, value: str | None) -> list[str]:
        known = self._index(kind)
        try:
            unread = known.catch_up(lambda name: self._is_readable(Key(kind, name)))
        except OperatorFault:
            if not self._folder_of(kind).exists():
                return []
            raise
        return sorted({*known.found(index, value), *(unread if value is None else ())})

    def apply(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        kinds = {step.key.kind for unit in units for step in unit.steps}
        with ExitStack() as locks:
            try:
                for kind in sorted(kinds, key=lambda kind: kind.name):
                    locks.enter_context(self._serialised(kind))
            except OperatorFault as fault:
                return [fault for _ in units]
            outcomes = Changes(self.sealer, self._path, self._learn).make(units)
        done = [
            unit for unit, outcome in zip(units, outcomes, strict=True) if isinstance(outcome, list)
        ]
        self.record([event for unit in done for event in unit.events])
        return outcomes

    def reseal(self, key: Key, convert: Convert, lease: Lease | None) -> Resealed:
        check_lease(key, lease)
        with self._serialised(key.kind):
            found = read_regular(self._path(key))
            if found is None:
                return "vanished"
            if (converted := convert(found[0])) is None:
                return "already"
            write_atomically(self._path(key), converted)
            return "changed"

    def lease(self, names: Sequence[str]) -> list[Lease | CustodyError | None]:
        return [self._lease(name) for name in names]

    def release(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            lease.release()

    def is_leased(self, name: str) -> bool | None:
        return is_locked(self._lock_path(name))

    def reserve(self, key: Key, size: int, lease: Lease) -> StagedFile:
        return reserve_room(self._path(key), size)

    def due(
        self, kind: Kind, before: float, size: int, *, everything: bool, scattered: bool = False
    ) -> Iterator[DuePage]:
        if everything:
            with disk_faults():  # a folder that has gone is no empty one
                self._folder_of(kind).stat()
            due = [Due(name, None) for name in self.names(kind)]
            seen = len(due)
        else:
            seen, due = self._index(kind).due(before)
        for start in range(0, len(due) or 1, size):
            yield DuePage(0 if start else seen, due[start : start + size])

    def look_again(self, keys: Sequence[Key]) -> None:
        for key in keys:
            self._index(key.kind).want(key.name)

    def known(self, kind: Kind) -> dict[str, float | None]:
        return self._index(kind).known()

    def due_counts(self, kind: Kind, edges: Sequence[float]) -> DueCounts:
        return count_due(self.known(kind).values(), edges)

    def record(self, events: Sequence[Event]) -> None:
        self._trail.record(events)

    def events(
        self,
        *,
        newest_first: bool = True,
        owner: str | None = None,
        action: Action | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[AuditEntry]:
        return self._trail.read(
            newest_first=newest_first, owner=owner, action=action, since=since, until=until
        )

    def _folder_of(self, kind: Kind) -> Path:
        return self.folder if kind.is_owners else self.folder / kind.name

    def _make(self, folder: Path) -> None:
        """Make a folder in the data folder. Where that has gone since `prepare`, it is none of a
        first start, and a new one would hide that everything has."""
        if self._is_prepared:
            with disk_faults():
                self.folder.stat()
        ensure_private_folder(folder)

    def _path(self, key: Key) -> str:
        if not NAME.fullmatch(key.name):
            raise ValueError("not a name of a document")
        return f"{self._folder_of(key.kind)}/{key.name}{ENDING}"

    def _lock_path(self, name: str) -> Path:
        if not NAME.fullmatch(name):
            raise ValueError("not a name of a lease")
        return self._locks / f"{name}.lock"

    def _lease(self, name: str) -> Lease | CustodyError | None:
        lease = FileLease(self._lock_path(name), name)
        try:
            with disk_faults():
                try:
                    return lease if lease.acquire() else None
                except FileNotFoundError:  # the first one of all
                    self._make(self._locks)
                    return lease if lease.acquire() else None
        except OperatorFault as fault:
            return fault

    def _index(self, kind: Kind) -> Index:
        return self._indexes.setdefault(kind, Index(str(self._folder_of(kind)), kind))

    def _learn(self, key: Key, stamp: Stamp | None, document: Document | None) -> None:
        kind = key.kind
        # What the bot can do without is looked for by those alone who share a storage.
        if kind.due is None and (kind.indexes is None or not kind.in_use):
            return
        if stamp is None or document is None:
            self._index(key.kind).forget(key.name)
        else:
            self._index(key.kind).learn(key.name, stamp, document)

    def _read(self, key: Key) -> Stored | None:
        try:
            found = read_regular(self._path(key))
        except OperatorFault:
            self._learn(key, None, None)
            raise
        if found is None:
            self._learn(key, None, None)
            return None
        raw, status = found
        stamp = Stamp.of(status)
        stored = opened(self, key, stamp.version, raw, is_private=is_private(status))
        self._learn(key, stamp, stored.document)
        return stored

    def _give_raw(self, kind: Kind) -> Iterator[bytes]:
        for name in self.names(kind):
            try:
                found = read_regular(self._path(Key(kind, name)))
            except OperatorFault:  # one file that the disk does not give
                continue
            if found is not None:
                yield found[0]

    def _is_readable(self, key: Key) -> bool | None:
        """None: the disk does not say just now."""
        [found] = self.read([key])
        if isinstance(found, Exception):
            return None
        return found is None or found.fault is None

    @contextmanager
    def _serialised(self, kind: Kind) -> Iterator[None]:
        """Keep every other writer of the kind away, in this process and in others.

        Raises:
            OperatorFault: somebody else held the lock for half a minute.
        """
        if kind.leased:  # its writers hold the owner's lease
            yield
            return
        with disk_faults():
            for folder in (self._locks, self._folder_of(kind)):
                if not folder.is_dir():
                    self._make(folder)
        # Threads of one process queue up here, in their order; only processes poll.
        queue = self._queues[kind]
        if not queue.acquire(timeout=_LOCK_SECONDS):
            raise OperatorFault("a folder stayed locked", code="locked")
        with ExitStack() as held:
            held.callback(queue.release)
            lock = waiting_lock(self._locks / f"folder_{kind.name}.lock", _LOCK_SECONDS)
            with disk_faults():
                try:
                    held.enter_context(lock)
                except Timeout:
                    raise OperatorFault("a folder stayed locked", code="locked") from None
            yield
