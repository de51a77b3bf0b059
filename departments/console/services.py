"""What the console needs of the core, put together by a process's composition root."""

from __future__ import annotations

from dataclasses import dataclass

from departments.console.changes import Changes
from departments.console.fleet import FleetLook
from security.quarantine.copies import Quarantine
from security.storage.protocol import Storage


@dataclass(frozen=True, slots=True)
class ConsoleServices:
    """What fronts reach for."""

    storage: Storage
    copies: Quarantine
    look: FleetLook
    changes: Changes
