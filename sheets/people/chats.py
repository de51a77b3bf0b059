"""Chats that are told how many changes there were, and of nobody in particular."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from departments.documents import Held, Kept, Shelf
from security.storage.protocol import Put, Storage
from sheets.people.kinds import CHATS
from sheets.versions.notices import WINDOW, Notice, is_day

_MOST = 3000


class Cell(Kept):
    """One that has changed, and nobody in the chat knows that yet."""

    sheet: str
    person: str
    day: date
    at: float
    """When that was taken up."""


class ChatRecord(Kept):
    """What is kept of a chat."""

    chat_id: int
    topic_id: int | None = None
    departments: tuple[str, ...] = ()
    """Their slugs; none: all."""
    language: str = ""
    """In which it is told."""
    cells: tuple[Cell, ...] = ()


@dataclass(frozen=True, slots=True)
class Count:
    """How much has changed in one month of a sheet."""

    sheet: str
    month: date
    """Its first day."""
    cells: int
    people: int


@dataclass(frozen=True, slots=True)
class Digest:
    """What one chat is to be told."""

    chat_id: int
    topic_id: int | None
    language: str
    counts: tuple[Count, ...]
    held: Held[ChatRecord] = field(repr=False)


class Chats:
    """All of them. Every method blocks.

    Raises, each of them:
        OperatorFault: the storage does not answer.
    """

    def __init__(self, storage: Storage) -> None:
        self._now = storage.now
        self._shelf = Shelf(storage, CHATS, ChatRecord)

    def subscribe(
        self, chat_id: int, topic_id: int | None, departments: Iterable[str], language: str = ""
    ) -> None:
        """This chat is told from now on, in this topic of it.

        Args:
            departments: their slugs; none: all that there are.
            language: in which it is told.
        """
        new = ChatRecord(
            chat_id=chat_id,
            topic_id=topic_id,
            departments=tuple(departments),
            language=language,
        )
        self._shelf.write(_name(chat_id), new)

    def end(self, chat_id: int) -> bool:
        """It is told no more; False: it was not."""
        held = self._shelf.find(_name(chat_id))
        if held is None:
            return False
        self._shelf.drop(held.name)
        return True

    def move(self, chat_id: int, new_id: int) -> None:
        """The group has become a supergroup: it is told there."""
        held = self._shelf.find(_name(chat_id))
        if held is not None:
            self._shelf.write(_name(new_id), held.content.model_copy(update={"chat_id": new_id}))
            self._shelf.drop(held.name)

    def find(self, chat_id: int) -> ChatRecord | None:
        """What a chat is told of; None: of nothing."""
        held = self._shelf.find(_name(chat_id))
        return None if held is None else held.content

    def putting(self, sheet: str, notices: Iterable[Notice]) -> list[Put]:
        """The steps that keep what chats are to be told, for the unit that takes it out of the
        pending changes; taken once more, it comes to the same."""
        now = self._now()
        new = [
            Cell(sheet=sheet, person=notice.person, day=change.day, at=now)
            for notice in notices
            for change in notice.changes
        ]
        if not new:
            return []
        department, steps = sheet.partition(".")[0], list[Put]()
        for held in self._shelf.all():
            record = held.content
            if record.departments and department not in record.departments:
                continue
            known = {(one.sheet, one.person, one.day): one for one in (*new, *record.cells)}
            cells = tuple(known.values())[-_MOST:]
            steps.append(
                self._shelf.putting(
                    held.name, record.model_copy(update={"cells": cells}), held.version
                )
            )
        return steps

    def due(self, now: datetime, window: timedelta = WINDOW) -> Iterator[Digest]:
        """What chats are to be told by now: by day, and once a while nothing more has come.

        Args:
            now: aware, in the zone by which the night is quiet.
            window: so long nothing more must have come; three times that is the longest wait.
        """
        if not is_day(now):
            return
        at, still = now.timestamp(), window.total_seconds()
        for held in self._shelf.all():
            cells = held.content.cells
            if not cells:
                continue
            first, last = min(one.at for one in cells), max(one.at for one in cells)
            if at - last >= still or at - first >= 3 * still:
                one = held.content
                counts = tuple(_counted(cells))
                yield Digest(one.chat_id, one.topic_id, one.language, counts, held)

    def mark(self, digest: Digest, *, told: bool) -> None:
        """It was sent, or after all was not: then it is told with what has come meanwhile."""
        sent = digest.held.content.cells
        keys = {(one.sheet, one.person, one.day) for one in sent}

        def how(found: ChatRecord | None) -> ChatRecord | None:
            if found is None:  # it wants to know no more
                return None
            left = tuple(one for one in found.cells if (one.sheet, one.person, one.day) not in keys)
            return found.model_copy(update={"cells": left if told else (*sent, *left)})

        self._shelf.change(digest.held.name, how)


def _counted(cells: Iterable[Cell]) -> Iterator[Count]:
    found: dict[tuple[str, date], list[Cell]] = {}
    for one in cells:
        found.setdefault((one.sheet, one.day.replace(day=1)), []).append(one)
    for (sheet, month), these in sorted(found.items()):
        yield Count(sheet, month, len(these), len({one.person for one in these}))


def _name(chat_id: int) -> str:
    return f"chat{'-' if chat_id < 0 else ''}{abs(chat_id)}"
