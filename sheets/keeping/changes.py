"""Changes of people's days that somebody is to be told of: kept until they were."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from departments.documents import Held, Shelf
from security.storage.each import only
from security.storage.protocol import ABSENT, Conflict, Put, Step, Storage, Unit
from sheets.keeping.forms import Change, Changes
from sheets.keeping.kinds import CHANGES
from sheets.versions.difference import Difference, RosterDifference
from sheets.versions.notices import WINDOW, Event, Telling, events_of, tell

_OLDEST: Final = timedelta(days=2)
"""Who was not told by then reads it in the roster."""
_MOST: Final = 3000
_TRIES: Final = 5


class PendingChanges:
    """Those of all sheets. Every method blocks."""

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._shelf = Shelf(storage, CHANGES, Changes)

    def putting(self, sheet: str, change: Difference | None, at: float) -> list[Put]:
        """The step that adds what is different, for a unit; none, where nobody is told of that."""
        if not isinstance(change, RosterDifference):
            return []
        moment = datetime.fromtimestamp(at, UTC)
        new = [_kept(event) for event in events_of(change, moment)]
        over = {key for key in change.duties if key[0] in change.others}
        held = self._shelf.find(sheet) if new or over else None
        if not new and held is None:
            return []
        old = () if held is None else held.content.events
        left = (each for each in old if (each.person, each.day) not in over)
        every = [each for each in left if moment - each.at < _OLDEST] + new
        version = ABSENT if held is None else held.version
        return [self._shelf.putting(sheet, Changes(events=tuple(every[-_MOST:])), version)]

    def take(
        self,
        sheet: str,
        now: datetime,
        window: timedelta = WINDOW,
        also: Callable[[Telling], Sequence[Step]] = lambda telling: (),
    ) -> Telling:
        """Who is to be told what by now. It is given once: whoever takes it tells it, or loses it.

        Args:
            now: aware, in the sheet's zone.
            window: as in `tell`.
            also: the steps that keep what is given, in one unit with its taking. On files a kill
                between them leaves it to be taken once more.
        """
        for _ in range(_TRIES):
            held = self._shelf.find(sheet)
            if held is None:
                break
            telling = tell([_event(each) for each in held.content.events], now, window)
            try:
                self._keep(held, telling, also(telling))
            except Conflict:
                continue
            return telling
        return Telling((), (), None)

    def _keep(self, held: Held[Changes], telling: Telling, also: Sequence[Step]) -> None:
        left = Changes(events=tuple(map(_kept, telling.waiting)))
        if left.events != held.content.events:
            put = self._shelf.putting(held.name, left, held.version)
            only(self._storage.apply([Unit([*also, put])]))


def _kept(event: Event) -> Change:
    return Change(person=event.person, day=event.day, old=event.old, new=event.new, at=event.at)


def _event(kept: Change) -> Event:
    return Event(kept.person, kept.day, kept.old, kept.new, kept.at)
