"""All that is about people who are linked to rosters, as one object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from security.credential import Owner
from security.storage.catalogue import Kind
from security.storage.each import only
from security.storage.protocol import Drop, Key, Storage, Unit
from sheets.people.asks import Asks
from sheets.people.calendars import CalendarAddresses
from sheets.people.chats import Chats
from sheets.people.kinds import NOTICES, OF_PEOPLE
from sheets.people.links import Link, Links
from sheets.people.names import Names
from sheets.people.outbox import Outbox
from sheets.people.renaming import Renaming
from sheets.people.rosters import Rosters
from sheets.shapes.file import Sheet


@dataclass(frozen=True, slots=True)
class DutyPeople:
    """What fronts reach for. Everything blocks."""

    storage: Storage
    links: Links
    asks: Asks
    calendars: CalendarAddresses
    outbox: Outbox
    chats: Chats
    rosters: Rosters
    names: Names
    renaming: Renaming

    @classmethod
    def of(
        cls, storage: Storage, sheets: Mapping[str, Sheet], may_use: Callable[[Owner], bool]
    ) -> DutyPeople:
        """Those of what is kept, for these sheets.

        Args:
            may_use: whether a person is served at all.
        """
        links, names = Links(storage), Names(storage)
        asks, rosters = Asks(storage, links), Rosters(storage, sheets, names)
        return cls(
            storage,
            links,
            asks,
            CalendarAddresses(storage, links, may_use),
            Outbox(storage, links, rosters.is_theirs),
            Chats(storage),
            rosters,
            names,
            Renaming(storage, links, asks, rosters, names),
        )

    def unlink(self, owner: Owner) -> bool:
        """As far as this program knows they are on no roster any more, and the addresses of their
        calendar lead to nothing; False: they were on none."""
        self.calendars.revoke_all(owner)
        self._drop(owner, NOTICES)
        return bool(self.links.end(owner))

    def end(self, owner: Owner, department: str | None = None) -> list[Link]:
        """An operator ends what links them to a department's rosters (None: to any), and with the
        last link the addresses of their calendar; what was ended."""
        ended = self.links.end(owner, department, "revoked")
        if not self.links.of(owner):
            self.unlink(owner)
        return ended

    def keeps(self, owner: Owner) -> bool:
        """Whether anything is kept of this person."""
        return any(self.storage.names(kind, f"{owner.stem}.") for kind in OF_PEOPLE)

    def forget(self, owner: Owner) -> None:
        """Keep nothing of this person any more."""
        self.unlink(owner)
        self._drop(owner, *OF_PEOPLE)

    def _drop(self, owner: Owner, *kinds: Kind) -> None:
        steps = [
            Drop(Key(kind, name))
            for kind in kinds
            for name in self.storage.names(kind, f"{owner.stem}.")
        ]
        if steps:
            only(self.storage.apply([Unit(steps)]))
