"""What maintenance remembers over a restart, as small documents.

One of an owner's troubles, one of their last active day, one of each incident, and one of each
process: what it swept, and what the last hour is measured by. Losing them loses no credential:
pauses begin anew, and trouble that lasts is told once more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from pydantic import TypeAdapter

from security.credential import Owner
from security.custody.workers import Workers
from security.errors import OperatorFault
from security.logs.schema import OPERATOR_FAULTS
from security.maintenance.documents import ACTIVE, EARLIER, INCIDENT, OWNER, PROCESS, bring_up
from security.maintenance.incidents import CLOCK_SKEW, Incidents
from security.maintenance.owners import Activity, Organisations, Pauses, Terms
from security.maintenance.report import SweepReport
from security.quarantine.policy import Rejections
from security.storage.catalogue import Document, Kind, claims_owner, owner_by_stem
from security.storage.each import portions
from security.storage.protocol import Drop, Key, Put, Step, Storage, Stored, Unit

_KEPT_SWEEPS: Final = 144  # a day of them, every ten minutes
_READ_AT_ONCE: Final = 500
_MOST_SKEW_SECONDS: Final = 5.0
_LONGEST_UNWRITTEN: Final = 900.0
_REPORTS: Final = TypeAdapter(list[SweepReport])
_WRONG: Final = (ValueError, TypeError, KeyError, AttributeError)
"""What a document raises that another version wrote, or that is damaged."""
_log = structlog.get_logger()


def _owner_of(name: str) -> Owner | None:
    return owner_by_stem(name.removeprefix(OWNER).removeprefix(ACTIVE))


MAINTENANCE: Final = Kind("maintenance", in_use=False, owner_of=_owner_of, claims=claims_owner)


class MaintenanceState:
    """The parts live in memory, on the event loop; saving takes a copy and writes in a thread.

    Listens to custody (`Outcomes`).
    """

    def __init__(
        self,
        storage: Storage,
        workers: Workers,
        idle_after: timedelta | None = None,
        *,
        incident_codes: Collection[str] = (),
        on_refresh: Callable[[str], None] = lambda _: None,
        process: str = "bot",
        keeps: bool = True,
    ) -> None:
        """
        Args:
            idle_after: as in `Activity`.
            incident_codes: as in `Incidents`.
            on_refresh: told the result code of every refresh that was asked of Google.
            process: under what name this process's own figures are kept.
            keeps: False: reads only; another process keeps these documents.
        """
        self._storage = storage
        self._workers = workers
        self._on_refresh = on_refresh
        self._process = process
        self._keeps = keeps
        self._saving = asyncio.Lock()
        self.pauses = Pauses()
        self.organisations = Organisations()
        self.terms = Terms()
        self.rejections = Rejections()
        self.incidents = Incidents(incident_codes)
        self.activity = Activity(idle_after)
        self._by_prefix: Final = {
            OWNER: (self.pauses, self.organisations, self.rejections, self.terms),
            ACTIVE: (self.activity,),
        }
        """What is remembered of owners, by the documents it is kept in."""
        self.sweeps: list[SweepReport] = []
        """The last ones, oldest first."""
        self._dumped: list[dict[str, Any]] = []
        self._written_at: float | None = None
        self._unsaved: dict[str, Step] = {}
        """What could not be written down: it comes with the next changes again."""

    def load(self) -> None:
        """Read what is kept. Blocks.

        Raises:
            OperatorFault: it cannot be listed.
        """
        names = self._storage.names(MAINTENANCE)
        found: Iterable[tuple[str, Document]] = self._read(names)
        if not set(EARLIER).isdisjoint(names):
            found = self._upgrade(dict(found)).items()
        for name, document in found:
            with suppress(*_WRONG):  # of another version, or damaged: begin anew
                self._load(name, document)
        self.sweeps.sort(key=lambda report: report.started_at)
        self._dumped = [report.model_dump(mode="json") for report in self.sweeps]

    def _read(self, names: Sequence[str]) -> Iterator[tuple[str, Document]]:
        for some in portions(names, _READ_AT_ONCE):
            found = self._storage.read([Key(MAINTENANCE, name) for name in some])
            for name, stored in zip(some, found, strict=True):
                if isinstance(stored, Stored) and stored.document is not None:
                    yield name, stored.document

    def _upgrade(self, found: dict[str, Document]) -> dict[str, Document]:
        """What is right where documents of an earlier version are there as well.

        It is written first; only then what it was made of goes.
        """
        old = {name: found.pop(name) for name in EARLIER if name in found}
        documents = bring_up(old, found, self._process)
        if self._keeps:
            self._write(
                {
                    name: _step(name, documents.get(name))
                    for name in found | documents
                    if documents.get(name) != found.get(name)
                }
            )
            gone = {name: _step(name, None) for name in old}
            if self._unsaved:
                self._unsaved |= gone
            else:
                self._write(gone)
        return documents

    def _load(self, name: str, document: Document) -> None:
        if name.startswith(PROCESS):
            self.sweeps += _REPORTS.validate_python(document["sweeps"])
            self.rejections.load_counts(document)
        elif name.startswith(INCIDENT):
            self.incidents.load_entry(name.removeprefix(INCIDENT), document)
        elif (owner := _owner_of(name)) is not None:
            for part in self._by_prefix[ACTIVE if name.startswith(ACTIVE) else OWNER]:
                part.load_entry(owner, document)

    def learn(self, report: SweepReport) -> None:
        """What a sweep saw of trouble; and whether this machine's clock is wrong."""
        self.incidents.learn(report, OPERATOR_FAULTS)
        is_wrong = abs(self._storage.skew()) > _MOST_SKEW_SECONDS
        self.incidents.note(CLOCK_SKEW, self._storage.now(), is_there=is_wrong)

    def add(self, report: SweepReport) -> None:
        """Remember what a sweep did."""
        self.sweeps = [*self.sweeps[1 - _KEPT_SWEEPS :], report]
        self._dumped = [*self._dumped[1 - _KEPT_SWEEPS :], report.model_dump(mode="json")]
        # Where each process has a line of its own, one that had nothing to do may wait for more.
        written_at, now = self._written_at or 0.0, self._storage.now()
        may_wait = self._storage.is_shared and report.was_idle
        if not may_wait or now - written_at > _LONGEST_UNWRITTEN:
            self.rejections.counts_changed = True

    def owners(self) -> set[Owner]:
        """Everyone of whom anything is kept."""
        parts = (part for parts in self._by_prefix.values() for part in parts)
        return {owner for part in parts for owner in part.owners()}

    # Custody's outcomes

    def asked(self, result: str) -> None:
        """See `Outcomes`."""
        self._on_refresh(result)

    def unsaved(self, result: str) -> None:
        """See `Outcomes`."""
        self.incidents.meet(result, self._storage.now())

    def works(self, owner: Owner) -> None:
        """See `Outcomes`."""
        self.pauses.clear(owner)
        self.organisations.clear(owner)

    def set_aside(self, owner: Owner) -> None:
        """See `Outcomes`."""
        self.works(owner)
        self.terms.clear(owner)

    def grant_ends(self, owner: Owner, at: datetime | None) -> None:
        """See `Outcomes`."""
        self.terms.note(owner, at)

    def connected(self, owner: Owner) -> None:
        """See `Outcomes`."""
        self.works(owner)
        self.activity.begin(owner, self._storage.now())

    def refused_by_organisation(self, owner: Owner, code: str) -> None:
        """See `Outcomes`."""
        self.organisations.refuse(owner, code)

    def left(self, owner: Owner) -> None:
        """See `Outcomes`."""
        self.set_aside(owner)
        self.rejections.reinstate(owner)
        self.activity.clear(owner)

    async def save(self) -> None:
        """Write down what has changed. Never raises: it is in memory all the same."""
        async with self._saving:  # no older state is written over a newer one
            changes = self._unsaved | self._take_changes()
            if not changes or not self._keeps:
                return
            await self._workers.run(self._write, changes)

    def _write(self, changes: dict[str, Step]) -> None:
        outcomes = self._storage.apply([Unit([step]) for step in changes.values()])
        faults = {
            name: outcome
            for name, outcome in zip(changes, outcomes, strict=True)
            if isinstance(outcome, Exception)
        }
        self._unsaved = {name: changes[name] for name in faults}
        if faults:
            fault = next(iter(faults.values()))
            code = fault.code if isinstance(fault, OperatorFault) else "failed"
            _log.warning("memory_not_saved", result=code)

    def _take_changes(self) -> dict[str, Step]:
        """By name the document that is to be kept from now on, or goes."""
        changes: dict[str, Document | None] = {}
        for prefix, parts in self._by_prefix.items():
            for owner in {owner for part in parts for owner in part.changed}:
                entry = {k: kept for part in parts for k, kept in part.entry_of(owner).items()}
                changes[prefix + owner.stem] = {"owner": owner.name, **entry} if entry else None
            for part in parts:
                part.changed.clear()
        for code in self.incidents.changed:
            changes[INCIDENT + code] = self.incidents.entry_of(code)
        self.incidents.changed.clear()
        if self.rejections.counts_changed:
            self._written_at = self._storage.now()
            counts = {**self.rejections.counts(), "sweeps": self._dumped}
            changes[PROCESS + self._process] = counts
            self.rejections.counts_changed = False
        return {name: _step(name, document) for name, document in changes.items()}


def _step(name: str, document: Document | None) -> Step:
    key = Key(MAINTENANCE, name)
    return Drop(key) if document is None else Put(key, document)
