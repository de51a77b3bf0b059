"""Storage in memory: the smallest backend of the contract, and one that crashes where it is told.

It makes the steps of a unit one after the other, or all of them or none. What is kept outlives it,
on a `Shelf`: another `MemoryStorage` over the same shelf is another process, or the next start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from itertools import count
from threading import RLock

from security.encryption import is_encrypted
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.storage.catalogue import NAME, Document, Kind
from security.storage.due import Due, DueCounts, DuePage, count_due
from security.storage.events import Action, AuditEntry, Event
from security.storage.key_check import check_some_open
from security.storage.leases import Lease, Reservation
from security.storage.protocol import (
    ABSENT,
    ANY,
    Conflict,
    Convert,
    Copy,
    Drop,
    Found,
    Key,
    Put,
    PutRaw,
    Resealed,
    Step,
    Stored,
    Unit,
    Version,
)
from security.storage.refusals import NOT_BELIEVED
from security.storage.sealing import Sealer


class Stopped(BaseException):
    """The process ends here. No `except Exception` of the product's keeps it alive."""


@dataclass
class Shelf:
    """What outlives a process."""

    documents: dict[Key, tuple[Version, bytes]] = field(default_factory=dict)
    trail: list[AuditEntry] = field(default_factory=list)
    leases: dict[str, MemoryLease] = field(default_factory=dict)
    is_full: bool = False
    withheld: set[Key] = field(default_factory=set)
    """Documents that are there and cannot be read."""
    spoilt: set[str] = field(default_factory=set)
    """Leases that cannot be asked for."""
    numbers: Iterator[int] = field(default_factory=partial(count, 1))
    guard: RLock = field(default_factory=RLock)

    def keep(self, key: Key, raw: bytes) -> Version:
        """A new version of a document."""
        if self.is_full:
            raise OperatorFault("no space left", code="store_failed")
        version = str(next(self.numbers))
        self.withheld.discard(key)
        self.documents[key] = (version, raw)
        return version

    def raw(self, key: Key) -> tuple[Version, bytes] | None:
        """What is there, with its version."""
        if key in self.withheld and key in self.documents:
            raise OperatorFault("it cannot be read", code="store_failed")
        return self.documents.get(key)

    def version(self, key: Key) -> Version:
        """Which version is there now."""
        return self.documents.get(key, (ABSENT, b""))[0]


@dataclass(eq=False)
class MemoryLease:
    """Held from when it is made."""

    name: str
    shelf: Shelf
    taken_over_at: float | None = None

    def may_begin(self) -> bool:
        return self.shelf.leases.get(self.name) is self

    def may_save(self) -> bool:
        """Whether a unit may carry it."""
        return self.may_begin()

    def renew(self) -> bool:
        return self.may_begin()

    def release(self) -> None:
        with self.shelf.guard:
            if self.may_begin():
                del self.shelf.leases[self.name]


@dataclass
class MemoryReservation:
    """There is always room, or there was none."""

    is_open: bool = True

    def give_up(self) -> None:
        self.is_open = False


class MemoryStorage:
    """See `Storage`, whose methods these are."""

    is_atomic = False
    lease_seconds: float | None = None
    is_shared = False
    takes_plaintext = True

    def __init__(
        self,
        shelf: Shelf,
        sealer: Sealer,
        mask: Callable[[str], str],
        kinds: Sequence[Kind],
        *,
        is_atomic: bool = False,
    ) -> None:
        """
        Args:
            is_atomic: whether a unit's steps are made all or not at all.
        """
        self.shelf = shelf
        self.kinds = kinds
        self.is_atomic = is_atomic
        self.stop_after: int | None = None
        """After how many further steps the process ends; None: it does not."""
        self.reseals = 0
        """Before how many further calls of `apply` somebody re-seals what they change."""
        self.sealer = sealer
        self._mask = mask
        self._looked_at: dict[Key, tuple[Version, Document]] = {}
        self._unread: dict[Key, Version] = {}
        self._wanted: set[Key] = set()

    def _note_refused(self, key: Key, code: str) -> None:
        look = partial(self._look_again, key)
        self.sealer.refusals.note(key.kind, key.name, code, look)

    def prepare(self, kinds: Collection[Kind] | None = None) -> None:
        """Nothing has to be made."""

    def open(self) -> None:
        self.check_writable()
        self.check_keys()

    def check_keys(self) -> None:
        check_some_open(self._give_raw, self.kinds, self.sealer.keyring)

    def close(self) -> None:
        """Nothing is held open."""

    def now(self) -> float:
        return time.time()

    def skew(self) -> float:
        return time.time() - self.now()

    def check_writable(self, kind: Kind | None = None) -> None:
        if self.shelf.is_full:
            raise OperatorFault("no space left", code="store_failed")

    def read(self, keys: Sequence[Key]) -> list[Found]:
        return [self._read(key) for key in keys]

    def holds(self, key: Key, raw: bytes) -> bool:
        there = self.shelf.raw(key)
        return there is not None and self.sealer.holds(key.kind, key.name, there[1], raw)

    def names(self, kind: Kind, prefix: str = "") -> list[str]:
        return sorted(
            name
            for its_kind, name in list(self.shelf.documents)
            if its_kind is kind and name.startswith(prefix) and kind.is_ours(name)
        )

    def find(self, kind: Kind, index: str, value: str | None) -> list[str]:
        found = []
        for name in self.names(kind):
            document = self._known_document(Key(kind, name))
            its_value = None
            if document is not None and kind.indexes is not None:
                its_value = kind.indexes(document).get(index)
            if its_value == value:
                found.append(name)
        return found

    def apply(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        self._check(units)
        if self.reseals:
            self.reseals -= 1
            self._reseal_before(units)
        return [self._apply(unit) for unit in units]

    def reseal(self, key: Key, convert: Convert, lease: Lease | None) -> Resealed:
        _check_lease(key, lease)
        with self.shelf.guard:
            there = self.shelf.documents.get(key)
            if there is None:
                return "vanished"
            converted = convert(there[1])
            if converted is None:
                return "already"
            self.shelf.keep(key, converted)
            return "changed"

    def lease(self, names: Sequence[str]) -> list[Lease | CustodyError | None]:
        return [self._lease(name) for name in names]

    def release(self, leases: Sequence[Lease]) -> None:
        for lease in leases:
            lease.release()

    def is_leased(self, name: str) -> bool | None:
        return None if name in self.shelf.spoilt else name in self.shelf.leases

    def reserve(self, key: Key, size: int, lease: Lease) -> Reservation:
        self.check_writable()
        return MemoryReservation()

    def due(
        self, kind: Kind, before: float, size: int, *, everything: bool, scattered: bool = False
    ) -> Iterator[DuePage]:
        names = self.names(kind)
        due: list[Due] = []
        changed: list[Due] = []
        for name in names:
            moment = None if everything else self._moment(Key(kind, name))
            if moment is None:
                changed.append(Due(name, None))
            elif moment < before:
                due.append(Due(name, moment))
        due = sorted(due, key=lambda one: (one.moment, one.name)) + changed
        for start in range(0, len(due) or 1, size):
            yield DuePage(0 if start else len(names), due[start : start + size])

    def look_again(self, keys: Sequence[Key]) -> None:
        self._wanted.update(keys)

    def known(self, kind: Kind) -> dict[str, float | None]:
        return {
            key.name: self._moment_of(key, document)
            for key, (_, document) in self._looked_at.items()
            if key.kind is kind and key in self.shelf.documents
        }

    def due_counts(self, kind: Kind, edges: Sequence[float]) -> DueCounts:
        return count_due(self.known(kind).values(), edges)

    def record(self, events: Sequence[Event]) -> None:
        now = datetime.now(UTC)
        for event in events:
            owner = self._mask(event.owner.name) if event.owner else None
            self.shelf.trail.append(AuditEntry(now, event.action, owner, event.result))

    def events(
        self,
        *,
        newest_first: bool = True,
        owner: str | None = None,
        action: Action | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[AuditEntry]:
        trail = list(self.shelf.trail)
        for entry in reversed(trail) if newest_first else trail:
            if (
                (owner is None or entry.owner == owner)
                and (action is None or entry.action == action)
                and (since is None or entry.time >= since)
                and (until is None or entry.time <= until)
            ):
                yield entry

    def _read(self, key: Key) -> Found:
        _check_name(key)
        try:
            there = self.shelf.raw(key)
        except OperatorFault as fault:
            return fault
        if there is None:
            return None
        version, raw = there
        try:
            document = self.sealer.open(key.kind, key.name, raw)
        except (CorruptCredential, OperatorFault) as fault:
            if fault.code in NOT_BELIEVED:
                self._note_refused(key, fault.code)
            return Stored(version, raw, fault=fault)
        self._looked_at[key] = (version, document)
        self._wanted.discard(key)
        return Stored(version, raw, document)

    def _give_raw(self, kind: Kind) -> Iterator[bytes]:
        keys = [Key(kind, name) for name in self.names(kind)]
        return (self.shelf.documents[key][1] for key in keys if key not in self.shelf.withheld)

    def _look_again(self, key: Key) -> None:
        found = self._read(key)
        if isinstance(found, Stored):
            found.open()

    def _known_document(self, key: Key) -> Document | None:
        """What is in a document, which is opened where it has changed since the last look."""
        known = self._looked_at.get(key)
        if known is not None and known[0] == self.shelf.version(key):
            return known[1]
        if self._unread.get(key) == self.shelf.version(key):
            return None
        found = self._read(key)
        self.look_again([key])
        document = found.document if isinstance(found, Stored) else None
        if document is None:
            self._unread[key] = self.shelf.version(key)
        return document

    def _moment(self, key: Key) -> float | None:
        """When a document is to be seen to; None: it has changed, or wants a look."""
        known = self._looked_at.get(key)
        if known is None or known[0] != self.shelf.version(key):
            return None
        return self._moment_of(key, known[1])

    def _moment_of(self, key: Key, document: Document) -> float | None:
        if key in self._wanted:
            return None
        return key.kind.due(document, self.now()) if key.kind.due else float("inf")

    def _lease(self, name: str) -> MemoryLease | OperatorFault | None:
        if not NAME.fullmatch(name):
            raise ValueError("not a name of a lease")
        if name in self.shelf.spoilt:
            return OperatorFault("the lease cannot be asked for", code="store_failed")
        with self.shelf.guard:
            if name in self.shelf.leases:
                return None
            lease = self.shelf.leases[name] = MemoryLease(name, self.shelf)
            return lease

    def _apply(self, unit: Unit) -> list[Version] | Exception:
        with self.shelf.guard:
            before = dict(self.shelf.documents)
            versions: list[Version] = []
            try:
                for step in unit.steps:
                    self._count_down()
                    versions.append(self._make(step))
            except Exception as error:
                if self.is_atomic:
                    self._restore(before)
                return error
            except Stopped:
                if self.is_atomic:
                    self._restore(before)
                raise
        self.record(unit.events)
        return versions

    def _restore(self, before: dict[Key, tuple[Version, bytes]]) -> None:
        self.shelf.documents.clear()
        self.shelf.documents.update(before)

    def _count_down(self) -> None:
        if self.stop_after is None:
            return
        if self.stop_after == 0:
            raise Stopped
        self.stop_after -= 1

    def _make(self, step: Step) -> Version:
        key = step.key
        match step:
            case Put(document=document, expected=expected, reservation=reservation):
                self._expect(key, expected)
                version = self._keep(key, self.sealer.seal(*key, document))
                self._looked_at[key] = (version, document)
                self._wanted.discard(key)
                if reservation is not None:
                    reservation.give_up()
                return version
            case PutRaw(raw=raw, is_believed=is_believed, expected=expected):
                self._expect(key, expected)
                seal = self.sealer.seal_content if is_believed else self.sealer.set_aside
                return self._keep(key, raw if is_encrypted(raw) else seal(*key, raw))
            case Copy(source=source, expected=expected):
                self._expect(source, expected)
                if source not in self.shelf.documents:
                    raise Conflict("what was to be copied is gone")
                return self._keep(key, self.sealer.set_aside(*key, self.shelf.documents[source][1]))
            case Drop(expected=expected):
                self._expect(key, expected)
                self.shelf.documents.pop(key, None)
                return ABSENT
        raise TypeError("not a step")

    def _expect(self, key: Key, expected: Version) -> None:
        if expected not in (ANY, self.shelf.version(key)):
            raise Conflict("another document is there, or none")

    def _keep(self, key: Key, raw: bytes) -> Version:
        there = self.shelf.documents.get(key)
        if there is not None and is_encrypted(there[1]) and not is_encrypted(raw):
            raise OperatorFault("would replace what is sealed by plaintext", code="key_missing")
        return self.shelf.keep(key, raw)

    def _check(self, units: Sequence[Unit]) -> None:
        for unit in units:
            for step in unit.steps:
                _check_name(step.source if isinstance(step, Copy) else step.key)
                _check_name(step.key)
                _check_lease(step.key, unit.lease)

    def _reseal_before(self, units: Sequence[Unit]) -> None:
        for key in {step.key for unit in units for step in unit.steps}:
            there = self.shelf.documents.get(key)
            if there is not None:
                content = self.sealer.examine(*key, there[1]).content
                self.shelf.keep(key, self.sealer.seal_content(*key, content))


def _check_name(key: Key) -> None:
    if not NAME.fullmatch(key.name):
        raise ValueError("not a name of a document")


def _check_lease(key: Key, lease: Lease | None) -> None:
    owner = key.kind.owner_of(key.name) if key.kind.leased else None
    if owner is None:
        return
    may_save = lease.may_save() if isinstance(lease, MemoryLease) else lease and lease.may_begin()
    if lease is None or lease.name != owner.stem or not may_save:
        raise RuntimeError("a change of an owner's documents without the owner's lease")
