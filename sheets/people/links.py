"""Which staff number is whose. A link is an administrator's word: see `asks`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from pydantic import Field

from departments.documents import Held, Kept, Shelf
from security.credential import Owner
from security.storage.catalogue import owner_by_stem
from security.storage.each import only
from security.storage.events import Event
from security.storage.protocol import Drop, Key, Put, Storage, Unit, Version
from sheets.people.kinds import LINKS

MOST_WAITED_FOR: Final = 24
"""Months that one person is told of once they come."""


class LinkRecord(Kept):
    """What is kept of a link."""

    department: str
    number: str = Field(repr=False)
    """As it stands on the roster."""
    names: tuple[str, ...] = ()
    """Of what the roster calls them: see `names`. None: the roster has no names, or it was made
    before they were kept, and learns them."""
    asked_at: float
    confirmed_at: float
    confirmed_by: str
    changes: bool = False
    waits_for: tuple[tuple[str, str], ...] = ()
    """Sheets, each with a month."""


@dataclass(frozen=True, slots=True)
class Link:
    """A person of a department's rosters, and who that is in Telegram."""

    owner: Owner
    department: str
    """Its slug."""
    number: str = field(repr=False)
    changes: bool = False
    """Whether they are told of changes."""
    waits_for: tuple[tuple[str, str], ...] = ()
    """Sheets by their ids, each with a month: they are told once it is there."""
    names: tuple[str, ...] = field(default=(), repr=False)
    """Keyed hashes of what the roster called them when an administrator confirmed it."""
    confirmed_at: float = 0.0


class Links:
    """Those of everybody. Every method blocks.

    Raises, each of them:
        OperatorFault: the storage does not answer.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._shelf = Shelf(storage, LINKS, LinkRecord)

    def of(self, owner: Owner) -> list[Link]:
        """Those of a person, by department."""
        return [found for held in self._shelf.all(f"{owner.stem}.") if (found := _link(held))]

    def all(self) -> list[Link]:
        """Everybody's."""
        return [found for held in self._shelf.all() if (found := _link(held))]

    def names(self) -> Sequence[str]:
        """Another list, once anybody is linked or no more."""
        return self._storage.names(LINKS)

    def whose(self, department: str, number: str) -> list[Link]:
        """Who has this number there: nobody, or one; two, where two administrators decided at the
        same moment."""
        names = self._storage.find(LINKS, "number", f"{department} {number}")
        return [
            found
            for held in self._shelf.some(names)
            # What is found by is a hint: what counts is sealed.
            if (found := _link(held)) and (found.department, found.number) == (department, number)
        ]

    def waiting(self) -> list[Link]:
        """Everybody who waits for a month."""
        names = self._storage.find(LINKS, "waits", "yes")
        every = (_link(held) for held in self._shelf.some(names))
        return [found for found in every if found is not None and found.waits_for]

    def tell_changes(self, owner: Owner, department: str, *, tell: bool) -> Link | None:
        """Whether they are told of changes; None: they are not linked there."""
        return self._change(owner, department, lambda one: {"changes": tell})

    def wait_for(self, owner: Owner, department: str, sheet: str, period: str) -> Link | None:
        """They are told once this month is there; None: they are not linked there."""
        new = (sheet, period)

        def how(one: LinkRecord) -> dict[str, object]:
            every = dict.fromkeys((*one.waits_for, new))
            return {"waits_for": tuple(every)[-MOST_WAITED_FOR:]}

        return self._change(owner, department, how)

    def waited(self, owner: Owner, department: str, sheet: str, period: str) -> Link | None:
        """They wait for it no longer."""

        def how(one: LinkRecord) -> dict[str, object]:
            return {"waits_for": tuple(each for each in one.waits_for if each != (sheet, period))}

        return self._change(owner, department, how)

    def learn(self, link: Link, names: tuple[str, ...]) -> Link | None:
        """Keep what the roster calls them, instead of what the link knows; None: there is none.

        Args:
            names: keyed hashes.
        """

        def how(one: LinkRecord) -> dict[str, object]:
            is_same = (one.number, one.names) == (link.number, link.names)
            return {"names": names} if is_same else {}

        return self._change(link.owner, link.department, how)

    def end(self, owner: Owner, department: str | None = None, result: str = "ok") -> list[Link]:
        """They are linked nowhere any more, or not in this department; where they were.

        Args:
            result: for the audit trail, a result code.
        """
        ended = [one for one in self.of(owner) if department in (None, one.department)]
        for link in ended:
            unit = Unit([self.dropping(link)], events=[Event("roster_unlinked", owner, result)])
            only(self._storage.apply([unit]))
        return ended

    def find(self, owner: Owner, department: str) -> Held[LinkRecord] | None:
        """What is kept of a person's link to a department's rosters; None: there is none."""
        return self._shelf.find(_name(owner, department))

    def putting(self, owner: Owner, record: LinkRecord, expected: Version) -> Put:
        """The step that links them, for a unit.

        Args:
            expected: which link is there; a conflict where it is another by then.
        """
        return self._shelf.putting(_name(owner, record.department), record, expected)

    def dropping(self, link: Link | Held[LinkRecord]) -> Drop:
        """The step that ends a link, for a unit; of one as it was read a conflict where it is
        another by then."""
        if isinstance(link, Held):
            return self._shelf.dropping(link)
        return Drop(Key(LINKS, _name(link.owner, link.department)))

    def _change(
        self, owner: Owner, department: str, how: Callable[[LinkRecord], dict[str, object]]
    ) -> Link | None:
        name = _name(owner, department)
        changed = self._shelf.change(
            name, lambda found: None if found is None else found.model_copy(update=how(found))
        )
        return None if changed is None else _of(owner, changed)


def _name(owner: Owner, department: str) -> str:
    return f"{owner.stem}.{department}"


def _link(held: Held[LinkRecord]) -> Link | None:
    owner = owner_by_stem(held.name)
    return None if owner is None else _of(owner, held.content)


def _of(owner: Owner, record: LinkRecord) -> Link:
    return Link(
        owner,
        record.department,
        record.number,
        record.changes,
        record.waits_for,
        record.names,
        record.confirmed_at,
    )
