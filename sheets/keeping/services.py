"""Everything that serves departments' sheets, put together by a process's composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from security.credential import Owner
from security.storage.protocol import Storage
from sheets.keeping.asking import Asking
from sheets.keeping.changes import PendingChanges
from sheets.keeping.deciding import Decisions
from sheets.keeping.mirror import Mirror
from sheets.keeping.on_demand import OnDemand
from sheets.keeping.versions import Versions
from sheets.people.services import DutyPeople
from sheets.shapes.file import Sheet


@dataclass(frozen=True, slots=True)
class SheetServices:
    """What fronts reach for. All but the methods of `mirror` and `on_demand` block."""

    mirror: Mirror
    on_demand: OnDemand
    asking: Asking
    versions: Versions
    decisions: Decisions
    changes: PendingChanges
    people: DutyPeople
    """Who of the rosters' people is who in Telegram."""

    @classmethod
    def of(
        cls, mirror: Mirror, storage: Storage, may_use: Callable[[Owner], bool] = lambda owner: True
    ) -> SheetServices:
        """Those of what a mirror keeps.

        Args:
            may_use: whether a person is served by the bot at all.
        """
        return cls(
            mirror,
            OnDemand(mirror),
            Asking(storage, mirror.sheets),
            Versions(storage),
            Decisions(storage),
            PendingChanges(storage),
            DutyPeople.of(storage, mirror.sheets, may_use),
        )

    @property
    def sheets(self) -> Mapping[str, Sheet]:
        """Each with its shape, by their ids: `tanhae.roster`."""
        return self.mirror.sheets

    def mend(self, department: str) -> None:
        """See `Looking.mend`, of each of a department's sheets.

        Args:
            department: its slug.
        """
        for sheet in self.sheets.values():
            if sheet.department == department:
                self.mirror.looking.mend(sheet)

    def named(self, department: str, name: str) -> Sheet | None:
        """One of a department's; None: the settings have no such one.

        Args:
            department: its slug.
        """
        return self.mirror.sheets.get(f"{department}.{name}")
