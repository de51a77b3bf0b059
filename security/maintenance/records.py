"""What is kept besides the credentials themselves."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from security.audit import AuditTrail
from security.maintenance.state import Memory
from security.storage.files.index import Watch
from security.storage.refusals import Refusals


@dataclass(frozen=True, slots=True)
class Records:
    """What maintenance remembers, what the last look found, and who did what when."""

    memory: Memory
    watch: Watch
    audit: AuditTrail
    refusals: Refusals = field(default_factory=Refusals)
    """Documents that were not believed."""
    on_refresh: Callable[[str], None] = lambda _: None
    """Told the result code of every refresh that was asked of Google."""
