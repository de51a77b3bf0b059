"""What each process on one storage writes of itself: its sweeps, and what it has met in an hour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter

from security.maintenance.documents import ENDED, MAINTENANCE, PROCESS
from security.maintenance.report import SweepReport
from security.maintenance.written import Whole, Writing
from security.storage.catalogue import Document
from security.storage.protocol import Storage

REPORTS: Final = TypeAdapter(list[SweepReport])
WRONG: Final = (ValueError, TypeError, KeyError, AttributeError)
"""What a document raises that another version wrote, or that is damaged."""
_DAY_SECONDS: Final = 86400


class ProcessDocuments:
    """One of each process. Every method blocks, and raises OperatorFault where nothing is told."""

    def __init__(self, storage: Storage, writing: Writing, process: str) -> None:
        self._storage = storage
        self._writing = writing
        self.own_name: Final = PROCESS + process

    def others(self) -> list[Document]:
        """What the others measure the last hour by."""
        return [kept for name, kept in self._all() if name != self.own_name]

    def forget_old(self) -> None:
        """Nothing is kept of processes that have swept nothing for a day: they have ended; nor of
        trouble that was told to be over as long ago: whoever had seen it knows by now."""
        now = self._storage.now()
        old = [name for name, kept in self._all() if name != self.own_name and _is_old(kept, now)]
        old += [name for name, kept in self._all(ENDED) if now - moment_of(kept) > _DAY_SECONDS]
        self._writing.write({name: Whole(None) for name in old})

    def last_full(self) -> datetime | None:
        """When any process has last begun a sweep that read everything, and came to its end."""
        sweeps = [sweep for _, kept in self._all() for sweep in _sweeps_of(kept)]
        moments = [sweep.started_at for sweep in sweeps if sweep.full and not sweep.ended_by]
        return max(moments, default=None)

    def _all(self, prefix: str = PROCESS) -> Iterator[tuple[str, Document]]:
        for name, stored in self._writing.read(self._storage.names(MAINTENANCE, prefix)):
            if stored is not None and stored.document is not None:
                yield name, stored.document


def moment_of(ended: Mapping[str, Any]) -> float:
    """When trouble was over that was told to be, in Unix seconds; long ago where it is damaged."""
    at = ended.get("at")
    return float(at) if isinstance(at, int | float) else 0.0


def _is_old(process: dict[str, Any], now: float) -> bool:
    moments = [sweep.started_at.timestamp() for sweep in _sweeps_of(process)]
    return now - max(moments, default=0.0) > _DAY_SECONDS


def _sweeps_of(process: Document) -> list[SweepReport]:
    with suppress(*WRONG):
        return REPORTS.validate_python(process["sweeps"])
    return []
