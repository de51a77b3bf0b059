"""What maintenance remembers over a restart, as small documents.

One of an owner's troubles, one of their last active day, one of each incident, and one of each
process: what it swept, and what the last hour is measured by. Losing them loses no credential:
pauses begin anew, and trouble that lasts is told once more.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

from security.credential import Owner
from security.custody.outcomes import Remembered
from security.custody.workers import Workers
from security.errors import OperatorFault
from security.logs.schema import OPERATOR_FAULTS
from security.maintenance.documents import (
    ACTIVE,
    EARLIER,
    ENDED,
    INCIDENT,
    MAINTENANCE,
    OWNER,
    PROCESS,
    bring_up,
    owner_of,
)
from security.maintenance.incidents import HOLD, Incidents
from security.maintenance.owners import Activity, Organisations, Pauses, Terms
from security.maintenance.processes import REPORTS, WRONG, ProcessDocuments
from security.maintenance.report import SweepReport
from security.maintenance.watched import Watched
from security.maintenance.written import Change, Fields, Whole, Writing
from security.quarantine.policy import Rejections
from security.storage.catalogue import Document
from security.storage.protocol import Storage

_KEPT_SWEEPS: Final = 144  # a day of them, every ten minutes
_LONGEST_UNWRITTEN: Final = 900.0
_SOON_SECONDS: Final = 0.05
_Part = Pauses | Organisations | Terms | Activity | Rejections


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
        keeps: bool = True,
        seen_as: str | None = None,
    ) -> None:
        """
        Args:
            idle_after: as in `Activity`.
            incident_codes: as in `Incidents`.
            on_refresh: told the result code of every refresh that was asked of Google.
            keeps: False: reads only; another process keeps these documents.
            seen_as: see `Incidents`, `process`; None: nobody takes this process's place.
        """
        self._storage = storage
        self._workers = workers
        self._on_refresh = on_refresh
        self._is_shared = storage.is_shared
        self._process = secrets.token_hex(8) if self._is_shared else "bot"
        self.keeps: Final = keeps
        self.writing = Writing(storage, MAINTENANCE)
        self._processes = ProcessDocuments(storage, self.writing, self._process)
        self._saving = asyncio.Lock()
        self.pauses = Pauses()
        self.organisations = Organisations()
        self.terms = Terms()
        self.rejections = Rejections()
        self.incidents = Incidents(
            incident_codes, (seen_as or self._process) if self._is_shared else ""
        )
        self.activity = Activity(idle_after)
        self.watched = Watched(storage)
        self._by_prefix: Final[dict[str, tuple[_Part, ...]]] = {
            OWNER: (self.pauses, self.organisations, self.rejections, self.terms),
            ACTIVE: (self.activity,),
        }
        """What is remembered of owners, by the documents it is kept in."""
        self.has_incidents = False
        """Whether there were any at the last look, where several share them."""
        self.sweeps: list[SweepReport] = []
        """The last ones, oldest first."""
        self._dumped: list[dict[str, Any]] = []
        self._written_at: float | None = None
        self._is_about_to_save = False

    def load(self) -> None:
        """Read what is kept; where several processes keep it, what is of all of them. Blocks.

        Raises:
            OperatorFault: it cannot be listed.
        """
        found: Iterable[tuple[str, Document]]
        if self._is_shared and not dict(self._read(EARLIER)):
            # Of the owners only those who are to be told ahead; others when it is their turn.
            ends = self._storage.find(MAINTENANCE, "ends", "yes")
            found = (*self._read_all(PROCESS, INCIDENT), *self._read(ends))
        else:
            names = self._storage.names(MAINTENANCE)
            found = self._read(names)
            if not set(EARLIER).isdisjoint(names):
                found = self._upgrade(dict(found)).items()
        for name, document in found:
            with suppress(*WRONG):  # of another version, or damaged: begin anew
                self._load(name, document)
        self.sweeps.sort(key=lambda report: report.started_at)
        if not self._is_shared:  # there each keeps its own
            self._dumped = [report.model_dump(mode="json") for report in self.sweeps]

    def _read(self, names: Sequence[str]) -> Iterator[tuple[str, Document]]:
        for name, stored in self.writing.read(names):
            if stored is not None and stored.document is not None:
                yield name, stored.document

    def _read_all(self, *prefixes: str) -> list[tuple[str, Document]]:
        names = [n for prefix in prefixes for n in self._storage.names(MAINTENANCE, prefix)]
        return list(self._read(names))

    def _upgrade(self, found: dict[str, Document]) -> dict[str, Document]:
        """What is right where documents of an earlier version are there as well.

        It is written first; only then what it was made of goes.
        """
        old = {name: found.pop(name) for name in EARLIER if name in found}
        documents = bring_up(old, found, self._process)
        if self.keeps:
            self.writing.write(
                {
                    name: Whole(documents.get(name))
                    for name in found | documents
                    if documents.get(name) != found.get(name)
                }
            )
            gone = {name: Whole(None) for name in old}
            if self.writing.unwritten:
                self.writing.unwritten |= gone
            else:
                self.writing.write(gone)
        return documents

    def _load(self, name: str, document: Document) -> None:
        if name.startswith(PROCESS):
            self.sweeps += REPORTS.validate_python(document["sweeps"])
            if not self._is_shared:
                self.rejections.load_counts(document)
        elif name.startswith(INCIDENT):
            self.incidents.load_entry(name.removeprefix(INCIDENT), document)
        elif (owner := owner_of(name)) is not None:
            for part in self._by_prefix[ACTIVE if name.startswith(ACTIVE) else OWNER]:
                part.load_entry(owner, document)

    def learn(self, report: SweepReport) -> None:
        """What a sweep saw of trouble, and what is watched besides."""
        self.incidents.learn(report, OPERATOR_FAULTS)
        self.watched.note(self.incidents)

    def may_learn(self, report: SweepReport) -> bool:
        """Whether there is trouble, or was any, that a sweep might have to do with."""
        saw = report.results or report.waiting or report.held or report.ended_by
        knows = self.has_incidents or self.incidents.knows_of_any()
        return bool(saw or knows or self.watched.sees())

    def add(self, report: SweepReport) -> None:
        """Remember what a sweep did."""
        self.sweeps = [*self.sweeps[1 - _KEPT_SWEEPS :], report]
        self._dumped = [*self._dumped[1 - _KEPT_SWEEPS :], report.model_dump(mode="json")]
        # Where each process has a line of its own, one that had nothing to do may wait for more.
        waited = self._storage.now() - (self._written_at or 0.0)
        if not (self._is_shared and report.was_idle and waited <= _LONGEST_UNWRITTEN):
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

    # What other processes remember

    def remembered_of(self, owners: Sequence[Owner]) -> Mapping[Owner, Remembered]:
        """See `Outcomes`."""
        if not self._is_shared:
            return {}
        prefixes = [OWNER, ACTIVE] if self.activity.is_on else [OWNER]
        names = {prefix + owner.stem: (owner, prefix) for owner in owners for prefix in prefixes}
        found: dict[Owner, dict[str, Document]] = {}
        for name, stored in self.writing.read(list(names)):
            owner, prefix = names[name]
            found.setdefault(owner, {})[prefix] = (stored.document if stored else None) or {}
        return found

    def take_up(self, owner: Owner, remembered: Remembered) -> None:
        """See `Outcomes`."""
        for prefix, kept in remembered.items():
            for part in self._by_prefix[prefix]:
                if owner not in part.changed:
                    with suppress(*WRONG):
                        part.recall(owner, kept)

    async def recall(self, owners: Sequence[Owner]) -> None:
        """See `Outcomes`."""
        if self._is_shared:
            for found in (await self._workers.read(self.remembered_of, owners)).items():
                self.take_up(*found)

    async def recall_rejected(self) -> None:
        """See `Outcomes`."""
        if not self._is_shared:
            return
        with suppress(OperatorFault):  # what is known here is better than nothing
            find = partial(self._storage.find, MAINTENANCE, "rejected", "yes")
            there = set(filter(None, map(owner_of, await self._workers.read(find))))
            await self.recall(sorted(there | self.rejections.owners()))
            others = await self._workers.read(self._processes.others)
            self.rejections.recall_counts(others, self._storage.now())

    async def last_full(self) -> datetime | None:
        """See `ProcessDocuments`; those of processes that have ended go with it."""
        if self.keeps:
            await self._workers.run(self._processes.forget_old)
        return await self._workers.read(self._processes.last_full)

    async def recall_held(self) -> None:
        """Take up who is on hold, and whether there is trouble, as all processes know it."""
        if not self._is_shared:
            return
        with suppress(OperatorFault):
            names = await self._workers.read(self._storage.names, MAINTENANCE, INCIDENT)
            self.has_incidents = bool(names)
            if INCIDENT + HOLD in names or self.rejections.held():
                await self.recall_rejected()

    async def recall_incidents(self) -> None:
        """Take up the incidents of all processes, before anything is done about them.

        Raises:
            OperatorFault: they cannot be listed.
        """
        if self._is_shared:
            there = dict(await self._workers.read(self._read_all, INCIDENT, ENDED))
            kept = self.writing.unwritten_with(INCIDENT) | there  # told of is either
            self.incidents.take_up(kept, self._storage.now())

    # Writing down

    def save_soon(self) -> None:
        """What other processes go by as well is not kept to the end of the sweep."""
        if self._is_shared and not self._is_about_to_save:
            self._is_about_to_save = True
            self._workers.uncancelled(self._save_what_comes())

    async def _save_what_comes(self) -> None:
        await asyncio.sleep(_SOON_SECONDS)
        self._is_about_to_save = False
        await self.save()

    async def save(self, *, incidents: bool = False) -> None:
        """Write down what has changed. Never raises: it is in memory all the same.

        Args:
            incidents: whether this process alone may write them, where several share them.
        """
        async with self._saving:  # no older state is written over a newer one
            changes = self._take_changes(incidents=incidents or not self._is_shared)
            if self.keeps and (changes or self.writing.unwritten):
                await self._workers.run(self.writing.write, changes)

    def _take_changes(self, *, incidents: bool) -> dict[str, Change]:
        """By name what is to be kept of a document from now on."""
        changes: dict[str, Change] = {}
        for prefix, parts in self._by_prefix.items():
            for owner in {owner for part in parts for owner in part.changed}:
                changes[prefix + owner.stem] = self._change_of(owner, parts)
            for part in parts:
                part.changed.clear()
        if incidents:
            changes |= {n: Whole(kept) for n, kept in self.incidents.take_changes().items()}
        if self.rejections.counts_changed:
            self._written_at = self._storage.now()
            counts = {**self.rejections.counts(), "sweeps": self._dumped}
            changes[self._processes.own_name] = Whole(counts)
            self.rejections.counts_changed = False
        return changes

    def _change_of(self, owner: Owner, parts: Sequence[_Part]) -> Change:
        if self._is_shared:
            changed = [part for part in parts if owner in part.changed]
            fields = dict.fromkeys(field for part in changed for field in part.FIELDS)
            for part in changed:
                fields |= part.entry_of(owner)
            return Fields(owner, fields)
        entry = {k: kept for part in parts for k, kept in part.entry_of(owner).items()}
        return Whole({"owner": owner.name, **entry} if entry else None)
