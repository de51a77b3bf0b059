"""Storage in a database, for any number of processes on any number of machines."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from functools import partial

from sqlalchemy import Connection, Engine

from security.errors import CustodyError, OperatorFault
from security.storage.catalogue import NAME, Kind
from security.storage.documents import opened
from security.storage.due import DueCounts, DuePage
from security.storage.each import each
from security.storage.events import Action, AuditEntry, Event
from security.storage.key_check import check_some_open
from security.storage.leases import Lease
from security.storage.moves.marks import refuse_marked
from security.storage.parts import principal
from security.storage.protocol import Convert, Drop, Found, Key, Resealed, Stored, Unit, Version
from security.storage.sealing import Sealer
from security.storage.sql import schema
from security.storage.sql.clock import DatabaseClock
from security.storage.sql.faults import run
from security.storage.sql.finding import DueLook
from security.storage.sql.installation import (
    INSTALLATION,
    KeyedHashes,
    check_secret,
    read_mark,
)
from security.storage.sql.leases import LeaseBook, SqlLease
from security.storage.sql.shelves.credentials import CredentialShelf
from security.storage.sql.shelves.documents import DocumentShelf
from security.storage.sql.shelves.shelf import Row, Shelf
from security.storage.sql.trail import SqlTrail
from security.storage.sql.writing import Writer


class SqlReservation:
    """A lease was claimed just now, so that the database takes what is written."""

    def __init__(self) -> None:
        self.is_open = True

    def give_up(self) -> None:
        """It will not be used."""
        self.is_open = False


class SqlStorage:
    """See `Storage`, whose methods these are."""

    is_shared = True
    takes_plaintext = False

    def __init__(
        self,
        engine: Engine,
        sealer: Sealer,
        mask: Callable[[str], str],
        kinds: Sequence[Kind],
        *,
        lease_seconds: float = 30,
        renewing: Engine | None = None,
    ) -> None:
        """
        Args:
            mask: turns an owner's name into what the audit trail may show.
            kinds: the documents that are kept here, beside the installation's own.
            lease_seconds: how long a lease lasts that nobody renews.
            renewing: connections of their own by which leases are renewed, behind nobody's work.
        """
        self.sealer = sealer
        self.kinds = (*kinds, INSTALLATION)
        self.lease_seconds = lease_seconds
        self._engine = engine
        self._clock = DatabaseClock()
        self._hashes = KeyedHashes(self)
        self._credentials = CredentialShelf(self._hashes, self.now)
        self._documents = DocumentShelf(self._hashes, self.now)
        self._renewing = renewing or engine
        self._leases = LeaseBook(engine, self._renewing, self._clock, lease_seconds)
        self._trail = SqlTrail(engine, mask, self.now)
        self._writer = Writer(engine, sealer, self._shelf, self._trail, self._leases)
        self._wanted: defaultdict[Kind, set[str]] = defaultdict(set)

    def open(self) -> None:
        if not self.sealer.is_sealing:
            raise OperatorFault(
                "DATABASE_URL wants TOKEN_ENCRYPTION_KEY: nothing is kept in a database in "
                "plaintext",
                code="key_missing",
            )
        self.prepare()
        refuse_marked("sql", partial(read_mark, self))
        self.check_keys()
        self.check_writable()
        self._hashes.load()
        self._trail.prune()

    def prepare(self, kinds: Collection[Kind] | None = None) -> None:
        schema.make_or_check(self._engine)
        self._clock.ask(self._engine)

    def check_keys(self) -> None:
        check_secret(self)
        check_some_open(self._give_raw, self.kinds, self.sealer.keyring)

    def close(self) -> None:
        self._leases.close()
        self._engine.dispose()
        self._renewing.dispose()

    def now(self) -> float:
        return self._clock.now()

    def skew(self) -> float:
        return self._clock.skew()

    def check_writable(self, kind: Kind | None = None) -> None:
        self._writer.probe(Key(INSTALLATION, "probe"))

    def read(self, keys: Sequence[Key]) -> list[Found]:
        _check_names(key.name for key in keys)
        if not keys:
            return []
        try:
            there = run(self._engine, partial(self._rows, keys=keys), writes=False)
        except OperatorFault as fault:
            return [fault for _ in keys]
        return each(lambda key: self._stored(key, there.get(key)), keys)

    def holds(self, key: Key, raw: bytes) -> bool:
        _check_names([key.name])
        found = run(self._engine, partial(self._rows, keys=[key]), writes=False).get(key)
        return found is not None and self.sealer.holds(key.kind, key.name, found.raw, raw)

    def names(self, kind: Kind, prefix: str = "") -> list[str]:
        find = partial(self._shelf(kind).names, kind=kind, prefix=prefix)
        return list(filter(kind.is_ours, run(self._engine, find, writes=False)))

    def find(self, kind: Kind, index: str, value: str | None) -> list[str]:
        self._hashes.load()
        kids = self.sealer.keyring.kids
        find = partial(self._shelf(kind).found_by, kind=kind, index=index, value=value, kids=kids)
        return list(filter(kind.is_ours, run(self._engine, find, writes=False)))

    def apply(self, units: Sequence[Unit]) -> list[list[Version] | Exception]:
        for unit in units:
            _check_unit(unit)
        steps = [step for unit in units for step in unit.steps]
        kinds = {step.key.kind for step in steps if not isinstance(step, Drop)}
        try:
            if any(kind.indexes is not None for kind in kinds):
                self._hashes.load()  # not within the transaction: that has one connection
            outcomes = self._writer.make(units)
            self._trail.prune(often=True)
        except OperatorFault as fault:
            return [fault for _ in units]
        for unit, outcome in zip(units, outcomes, strict=True):
            if not isinstance(outcome, Exception):
                for step in unit.steps:
                    self._wanted[step.key.kind].discard(step.key.name)
        return outcomes

    def reseal(self, key: Key, convert: Convert, lease: Lease | None) -> Resealed:
        _check_names([key.name])
        _check_lease(key, lease)
        self._hashes.load()
        return self._writer.reseal(key, convert)

    def lease(self, names: Sequence[str]) -> list[Lease | CustodyError | None]:
        _check_names(names)
        return self._leases.take(names)

    def is_leased(self, name: str) -> bool | None:
        return self._leases.is_held(name)

    def release(self, leases: Sequence[Lease]) -> None:
        self._leases.release([lease for lease in leases if isinstance(lease, SqlLease)])

    def reserve(self, key: Key, size: int, lease: Lease) -> SqlReservation:
        return SqlReservation()

    def due(
        self, kind: Kind, before: float, size: int, *, everything: bool, scattered: bool = False
    ) -> Iterator[DuePage]:
        look = DueLook(self._engine, self._shelf(kind), kind, self._wanted[kind])
        return look.everything(size) if everything else look.due(before, size, scattered=scattered)

    def look_again(self, keys: Sequence[Key]) -> None:
        for key in keys:
            self._wanted[key.kind].add(key.name)

    def known(self, kind: Kind) -> dict[str, float | None]:
        return DueLook(self._engine, self._shelf(kind), kind, self._wanted[kind]).moments()

    def due_counts(self, kind: Kind, edges: Sequence[float]) -> DueCounts:
        look = DueLook(self._engine, self._shelf(kind), kind, self._wanted[kind])
        return look.counts(edges)

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

    def _shelf(self, kind: Kind) -> Shelf:
        return self._credentials if kind.apart else self._documents

    def _rows(self, connection: Connection, *, keys: Collection[Key]) -> dict[Key, Row]:
        found: dict[Key, Row] = {}
        for shelf in (self._credentials, self._documents):
            mine = [key for key in keys if self._shelf(key.kind) is shelf]
            found |= shelf.read(connection, mine)
        return found

    def _stored(self, key: Key, row: Row | None) -> Stored | None:
        self._wanted[key.kind].discard(key.name)
        if row is None:
            return None
        return opened(self, key, str(row.version), row.kept)

    def _give_raw(self, kind: Kind) -> Iterator[bytes]:
        after = ""
        while True:
            page = partial(self._shelf(kind).page, kind=kind, after=after)
            rows = run(self._engine, page, writes=False)
            if not rows:
                return
            yield from (principal(row.raw) for row in rows.values())
            after = max(key.name for key in rows)


def _check_names(names: Collection[str] | Iterator[str]) -> None:
    if not all(map(NAME.fullmatch, names)):
        raise ValueError("not a name of a document or a lease")


def _check_unit(unit: Unit) -> None:
    """Raise for what is a defect of the caller's, before anything is done."""
    for step in unit.steps:
        _check_names([step.key.name, getattr(step, "source", step.key).name])
        _check_lease(step.key, unit.lease)


def _check_lease(key: Key, lease: Lease | None) -> None:
    """One that has lapsed serves: versions say what may be saved."""
    owner = key.leased_by
    if owner is None:
        return
    if not isinstance(lease, SqlLease) or lease.name != owner.stem or lease.is_given_back:
        raise RuntimeError("a change of an owner's documents without the owner's lease")
