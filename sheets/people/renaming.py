"""Numbers of links that have another name on the roster than was confirmed: asked about.

Until they have decided, what stands beside that name is shown to nobody (`Rosters.of`).
"""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime
from functools import partial
from itertools import chain

from security.storage.protocol import Storage
from sheets.people.asks import Asks
from sheets.people.links import Link, Links
from sheets.people.names import Names
from sheets.people.rosters import Called, Rosters


class Renaming:
    """Looked for where anything else stands on a roster than at the last look. Blocks.

    Raises:
        OperatorFault: the storage does not answer.
    """

    def __init__(
        self, storage: Storage, links: Links, asks: Asks, rosters: Rosters, names: Names
    ) -> None:
        self._now = storage.now
        self._links, self._asks = links, asks
        self._rosters, self._names = rosters, names
        self._seen: object = None

    def look(self) -> None:
        """Have it asked whose number has another name by now; what has settled itself is asked no
        more. A link that knows no name yet learns what the roster calls them."""
        self._asks.tidy()
        now = self._now()
        # Whoever is linked again was confirmed by a name that stands there. Months pass by days.
        names, day = [*self._links.names()], datetime.fromtimestamp(now, UTC).date()
        seen = names and self._rosters.counting(), names, day
        if seen == self._seen:
            return
        by_department = defaultdict[str, list[Link]](list)
        for link in self._links.all():
            by_department[link.department].append(link)
        asked = {
            one
            for department, these in by_department.items()
            for called in [[*self._rosters.called(department, now)]]
            for link in these
            for one in self._asked(link, called)
        }
        for ask in self._asks.open():
            if ask.is_again and ask.id not in asked:
                self._asks.drop(ask)
        # Beyond the most that are asked at once, the others are asked later.
        self._seen = None if None in asked else seen

    def _asked(self, link: Link, called: list[list[Called]]) -> list[str | None]:
        """The ids of what is asked of a link: of the newest months or, where these have a name
        that was confirmed, of each other one. None: it has to wait."""
        number, hashes = link.number, partial(self._names.hashes, link.owner)
        mine = [[(month, of[number]) for month, of in one if number in of] for one in called]
        link = self._learnt(link, [*filter(None, mine)])
        if not link.names:
            return []
        newest = hashes(months[0][1] for months in mine if months)
        if not {*newest} <= {*link.names}:
            return [self._asks.ask_again(link, newest)]
        by_month = defaultdict[str, list[str]](list)
        for month, name in chain(*mine):
            by_month[month].append(name)
        others = [(month, hashes(by_month[month])) for month in sorted(by_month) if month]
        return [
            self._asks.ask_again(link, names, month)
            for month, names in others
            if not {*names} <= {*link.names}
        ]

    def _learnt(self, link: Link, mine: list[list[tuple[str, str]]]) -> Link:
        """The link with the first name that it is to know. That none was confirmed counts as long
        as none stands there: the next who has none may be somebody else.

        Args:
            mine: of each roster that has them, the months with their names, the newest first.
        """
        [none] = self._names.hashes(link.owner, [""])
        names = tuple(one for one in link.names if one != none)
        if not link.names:
            names = self._names.hashes(link.owner, (months[-1][1] for months in mine))
        elif none in self._names.hashes(link.owner, (name for _, name in chain(*mine))):
            return link
        return (self._links.learn(link, names) if names not in ((), link.names) else None) or link
