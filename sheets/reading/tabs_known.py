"""What tabs are called that were found before, so that the next look asks for them at once."""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass

from sheets.answer import Tab
from sheets.wanted import TabWanted, found_in

_Key = tuple[str | None, int | None]


@dataclass(frozen=True, slots=True)
class TabsAsked:
    """The tabs that a request asks for."""

    titles: tuple[str, ...]
    gids: tuple[int, ...]
    """Of those that are wanted by their gid, whatever they are called."""

    def are_in(self, body: bytes) -> bool:
        """Whether an answer has them: a title may be another tab's by now."""
        # In a cell's text the quotes around the name would be escaped.
        return all(re.search(rb'"sheetId":\s*%d\b' % gid, body) for gid in self.gids)


class TabsKnown:
    """By spreadsheet, the tabs of the last list. Any thread may use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._found: dict[str, dict[_Key, str | None]] = {}

    def of(self, spreadsheet: str, tabs: Sequence[TabWanted]) -> TabsAsked | None:
        """What to ask for; None: which tabs there are has to be looked up first."""
        with self._lock:
            known = self._found.get(spreadsheet, {})
        names = {_key(one): known.get(_key(one), one.title) for one in tabs}
        return None if None in names.values() else _asked(names)

    def note(self, spreadsheet: str, tabs: Sequence[TabWanted], there: Sequence[Tab]) -> TabsAsked:
        """Keep which of them are there, and ask for those."""
        names: dict[_Key, str | None] = {}
        for one in tabs:
            tab = found_in(there, one)
            names[_key(one)] = None if tab is None else tab.title
        with self._lock:
            self._found[spreadsheet] = names
        return _asked(names)


def _key(one: TabWanted) -> _Key:
    return one.title, one.gid


def _asked(names: dict[_Key, str | None]) -> TabsAsked:
    titles = dict.fromkeys(title for title in names.values() if title is not None)
    gids = (gid for (_, gid), title in names.items() if gid is not None and title is not None)
    return TabsAsked(tuple(titles), tuple(gids))
