"""What people are about to be told: taken out of the pending changes, kept until it was sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date

from departments.documents import Held, Kept, Shelf
from security.credential import Owner
from security.storage.catalogue import owner_by_stem
from security.storage.protocol import ABSENT, Put, Storage
from sheets.keeping.forms import Change
from sheets.people.kinds import NOTICES
from sheets.people.links import Link, Links
from sheets.versions.notices import Event, Notice


class NoticeRecord(Kept):
    """What is kept of it."""

    number: str
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Letter:
    """What one person is to be told of one sheet."""

    owner: Owner
    sheet: str
    """Its id."""
    number: str = field(repr=False)
    """Whose duties they are."""
    changes: tuple[Change, ...] = field(repr=False)
    held: Held[NoticeRecord] = field(repr=False)


class Outbox:
    """That of everybody. Every method blocks.

    Raises, each of them:
        OperatorFault: the storage does not answer.
    """

    def __init__(
        self, storage: Storage, links: Links, is_theirs: Callable[[Link, str, date], bool]
    ) -> None:
        """
        Args:
            is_theirs: whether what stands on a day of a sheet is of whom the link means.
        """
        self._links = links
        self._is_theirs = is_theirs
        self._shelf = Shelf(storage, NOTICES, NoticeRecord)

    def putting(self, sheet: str, notices: Iterable[Notice]) -> list[Put]:
        """The steps that keep what is to be told, for the unit that takes it out of the pending
        changes. Nobody is told who is not linked, or does not want to be.

        On files a kill may come between: what is taken once more then comes to the same.
        """
        department = sheet.partition(".")[0]
        steps: list[Put] = []
        for notice in notices:
            for link in self._links.whose(department, notice.person):
                if link.changes and (new := self._theirs(link, sheet, notice.changes)):
                    steps.append(self._adding(link.owner, sheet, notice.person, new))
        return steps

    def _theirs(self, link: Link, sheet: str, changes: Iterable[Event]) -> list[Change]:
        return [_kept(one) for one in changes if self._is_theirs(link, sheet, one.day)]

    def letters(self) -> Iterator[Letter]:
        """Everything that waits to be sent."""
        for held in self._shelf.all():
            owner, sheet = owner_by_stem(held.name), held.name.partition(".")[2]
            if owner is not None:
                record = held.content
                yield Letter(owner, sheet, record.number, record.changes, held)

    def mark(self, letter: Letter, *, told: bool) -> None:
        """It was sent, or after all was not: then it waits again, with what has come meanwhile."""
        if told:
            self._shelf.forget(letter.held)
            return

        def how(found: NoticeRecord | None) -> NoticeRecord:
            later = () if found is None else found.changes
            return letter.held.content.model_copy(update={"changes": merged(letter.changes, later)})

        self._shelf.change(letter.held.name, how)

    def _adding(self, owner: Owner, sheet: str, number: str, new: Sequence[Change]) -> Put:
        name = f"{owner.stem}.{sheet}"
        held = self._shelf.find(name)
        old: Sequence[Change] = ()
        if held is not None and held.content.number == number:
            old = held.content.changes
        record = NoticeRecord(number=number, changes=merged(old, new))
        return self._shelf.putting(name, record, ABSENT if held is None else held.version)


def merged(earlier: Iterable[Change], later: Iterable[Change]) -> tuple[Change, ...]:
    """Each day once, from what it was at first to what it is now, the oldest day first; what was
    taken back meanwhile is not in it."""
    found: dict[date, Change] = {}
    for change in (*earlier, *later):
        first = found.get(change.day)
        found[change.day] = (
            change if first is None else change.model_copy(update={"old": first.old})
        )
    days = sorted(found.values(), key=lambda change: change.day)
    return tuple(
        change for change in days if [d.text for d in change.old] != [d.text for d in change.new]
    )


def _kept(event: Event) -> Change:
    return Change(person=event.person, day=event.day, old=event.old, new=event.new, at=event.at)
