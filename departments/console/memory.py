"""What maintenance of all processes remembers, read as it is kept: incidents, sweeps, the hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from security.credential import Owner
from security.maintenance.documents import INCIDENT, MAINTENANCE, OWNER, PROCESS, owner_of
from security.maintenance.incidents import HOLD, Incident, Incidents
from security.maintenance.processes import REPORTS, WRONG
from security.maintenance.report import SweepReport
from security.owner_documents import CREDENTIALS
from security.quarantine.policy import Rejection, Rejections
from security.storage.catalogue import Document
from security.storage.each import portions
from security.storage.protocol import Key, Storage, Stored

_READ_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Memory:
    """As it is kept just now, whichever process has written it."""

    incidents: Sequence[Incident]
    """Those that are open, oldest first; of the hold, as many owners as are on hold."""
    sweeps: Sequence[SweepReport]
    """Of all processes, oldest first; a day of them at least, where they ran."""
    held: Mapping[Owner, Rejection]
    """Who is on hold, and why."""


def remembered(storage: Storage) -> Memory:
    """Reads documents of incidents and of processes, and of whoever is rejected: of all owners only
    where those are in files, and anybody is on hold. Blocks.

    Raises:
        OperatorFault: they cannot be listed.
    """
    incidents, sweeps, rejections = Incidents(), list[SweepReport](), Rejections()
    for name, document in _read(storage, storage.names(MAINTENANCE, INCIDENT)):
        with suppress(*WRONG):
            incidents.load_entry(name.removeprefix(INCIDENT), document)
    for _, document in _read(storage, storage.names(MAINTENANCE, PROCESS)):
        with suppress(*WRONG):  # of another version, or damaged
            sweeps += REPORTS.validate_python(document["sweeps"])
    sweeps.sort(key=lambda report: report.started_at)
    is_held = incidents.is_open(HOLD) or any(report.held for report in sweeps[-1:])
    for name, document in _read(storage, _rejected(storage, is_held=is_held)):
        if (owner := owner_of(name)) is not None:
            with suppress(*WRONG):
                rejections.load_entry(owner, document)
    held = dict(_still(storage, list(rejections.held().items())))
    return Memory(_with_hold(incidents.open(), held), sweeps, held)


def _still(
    storage: Storage, held: Sequence[tuple[Owner, Rejection]]
) -> Iterator[tuple[Owner, Rejection]]:
    """Those whose rejected credential is in its place still: no sweep need have come since somebody
    has authorised again."""
    for some in portions(held, _READ_AT_ONCE):
        found = storage.read([Key(CREDENTIALS, owner.stem) for owner, _ in some])
        for (owner, entry), stored in zip(some, found, strict=True):
            is_there = isinstance(stored, Stored) and stored.version == entry.version
            if is_there or isinstance(stored, Exception):
                yield owner, entry


def _with_hold(incidents: Sequence[Incident], held: Mapping[Owner, Rejection]) -> list[Incident]:
    """The hold is as of now, and not as of the last sweep: one number wherever it is shown."""
    others = [one for one in incidents if one.code != HOLD]
    if not held:
        return others
    known = [one.since for one in incidents if one.code == HOLD]
    since = min(known or [entry.since for entry in held.values()])
    return sorted([*others, Incident(HOLD, since, len(held))], key=lambda one: one.since)


def _rejected(storage: Storage, *, is_held: bool) -> list[str]:
    """Whose documents may say that they are on hold.

    Args:
        is_held: whether the last sweep has seen anybody so.
    """
    if storage.is_shared:
        return storage.find(MAINTENANCE, "rejected", "yes")
    # Of files no such index is kept.
    return storage.names(MAINTENANCE, OWNER) if is_held else []


def _read(storage: Storage, names: Sequence[str]) -> Iterator[tuple[str, Document]]:
    for some in portions(names, _READ_AT_ONCE):
        found = storage.read([Key(MAINTENANCE, name) for name in some])
        for name, stored in zip(some, found, strict=True):
            if isinstance(stored, Stored) and stored.document is not None:
                yield name, stored.document
