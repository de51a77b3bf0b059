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
from security.quarantine.policy import Rejection, Rejections
from security.storage.catalogue import Document
from security.storage.each import portions
from security.storage.protocol import Key, Storage, Stored

_READ_AT_ONCE: Final = 200


@dataclass(frozen=True, slots=True)
class Memory:
    """As it is kept just now, whichever process has written it."""

    incidents: Sequence[Incident]
    """Those that are open, oldest first."""
    sweeps: Sequence[SweepReport]
    """Of all processes, oldest first; a day of them at least, where they ran."""
    held: Mapping[Owner, Rejection]
    """Who is on hold, and why."""


def remembered(storage: Storage) -> Memory:
    """Reads documents of incidents and of processes, and of whoever is rejected where anybody is on
    hold: never of all owners. Blocks.

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
    for name, document in _read(storage, _rejected(storage) if is_held else []):
        if (owner := owner_of(name)) is not None:
            with suppress(*WRONG):
                rejections.load_entry(owner, document)
    return Memory(incidents.open(), sweeps, rejections.held())


def _rejected(storage: Storage) -> list[str]:
    """Whose documents may say that they are on hold."""
    if storage.is_shared:
        return storage.find(MAINTENANCE, "rejected", "yes")
    return storage.names(MAINTENANCE, OWNER)  # of files no such index is kept


def _read(storage: Storage, names: Sequence[str]) -> Iterator[tuple[str, Document]]:
    for some in portions(names, _READ_AT_ONCE):
        found = storage.read([Key(MAINTENANCE, name) for name in some])
        for name, stored in zip(some, found, strict=True):
            if isinstance(stored, Stored) and stored.document is not None:
                yield name, stored.document
