"""What maintenance remembers over a restart, as small documents under `user_data/maintenance/`.

Losing it loses no credential: pauses begin anew, and trouble that lasts is told once more.
"""

from __future__ import annotations

from collections.abc import Container
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import CustodyError
from security.maintenance.activity import Activity
from security.maintenance.backoff import Pauses
from security.maintenance.incidents import Incidents
from security.maintenance.organisations import Organisations
from security.maintenance.report import SweepReport
from security.quarantine.policy import Verdicts
from security.storage.catalogue import MAINTENANCE
from security.storage.files.private_files import SealedFolder
from security.storage.sealing import Sealer

_KEPT_SWEEPS: Final = 144  # a day of them, every ten minutes
_REPORTS: Final = TypeAdapter(list[SweepReport])


class Memory:
    """The parts live in memory, on the event loop; saving takes a copy and writes in a thread."""

    def __init__(
        self,
        folder: Path,
        sealer: Sealer | TokenEncryption,
        idle_after: timedelta | None = None,
        *,
        keeps: bool = True,
    ) -> None:
        """
        Args:
            idle_after: as in `Activity`.
            keeps: False: reads only; another process keeps these documents.
        """
        self._keeps = keeps
        self._folder = SealedFolder(folder, sealer, MAINTENANCE)
        self.pauses = Pauses()
        self.organisations = Organisations()
        self.verdicts = Verdicts()
        self.incidents = Incidents()
        self.activity = Activity(idle_after)
        self.sweeps: list[SweepReport] = []
        """The last ones, oldest first."""
        self._dumped: list[dict[str, Any]] = []
        self._sweeps_changed = False

    def prepare(self) -> None:
        """Read what is kept. Blocks.

        Raises:
            OperatorFault: the folder cannot be used, or its key is missing.
        """
        self._folder.prepare()
        self.load()

    def load(self) -> None:
        """Likewise, and change nothing. Blocks."""
        for name, part in self._parts().items():
            document = self._read(name)
            if document is None:
                continue
            try:
                part.load(document)
            except (ValueError, TypeError, KeyError, AttributeError):
                continue  # of another version, or damaged: begin anew
        try:
            self.sweeps = _REPORTS.validate_python((self._read("sweeps") or {}).get("sweeps", []))
        except ValueError:
            self.sweeps = []
        self._dumped = [report.model_dump(mode="json") for report in self.sweeps]

    def add(self, report: SweepReport) -> None:
        """Remember what a sweep did."""
        self.sweeps = [*self.sweeps[1 - _KEPT_SWEEPS :], report]
        self._dumped = [*self._dumped[1 - _KEPT_SWEEPS :], report.model_dump(mode="json")]
        self._sweeps_changed = True

    def forget(self, owner: Owner) -> None:
        """The owner has left: nothing of them is kept."""
        self.pauses.clear(owner)
        self.organisations.clear(owner)
        self.verdicts.acquit(owner)
        self.activity.forget(owner)

    def names(self) -> set[str]:
        """The names of all owners of whom anything is kept."""
        kept = (self.pauses, self.organisations, self.verdicts, self.activity)
        return {name for part in kept for name in part.names()}

    def changes(self) -> dict[str, dict[str, Any]]:
        """What has changed since the last call, to be given to `write`."""
        documents = {}
        for name, part in self._parts().items():
            if part.changed:
                documents[name] = part.to_document()
                part.changed = False
        if self._sweeps_changed:
            documents["sweeps"] = {"sweeps": self._dumped}
            self._sweeps_changed = False
        return documents if self._keeps else {}

    def not_saved(self, documents: Container[str]) -> None:
        """What `changes` gave could not be written: it comes with the next changes again."""
        for name, part in self._parts().items():
            part.changed = part.changed or name in documents
        self._sweeps_changed = self._sweeps_changed or "sweeps" in documents

    def write(self, documents: dict[str, dict[str, Any]]) -> None:
        """Save what `changes` gave. Blocks.

        Raises:
            OperatorFault: the disk does not take it; it is in memory all the same.
        """
        for name, document in documents.items():
            self._folder.write(name, document)

    def _parts(self) -> dict[str, Pauses | Organisations | Verdicts | Incidents | Activity]:
        return {
            "pauses": self.pauses,
            "organisations": self.organisations,
            "verdicts": self.verdicts,
            "incidents": self.incidents,
            "activity": self.activity,
        }

    def _read(self, name: str) -> dict[str, Any] | None:
        try:
            return self._folder.read(name)
        except CustodyError:
            return None  # an old key, or damage: begin anew
