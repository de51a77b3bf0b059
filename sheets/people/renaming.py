"""Numbers of links that have another name on the roster than was confirmed: asked about.

Until they have decided, what stands beside that name is shown to nobody (`Rosters.of`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from security.storage.protocol import Storage
from sheets.people.asks import Asks
from sheets.people.links import Link, Links
from sheets.people.names import Names
from sheets.people.rosters import Rosters

Called = tuple[Mapping[str, str], Mapping[str, str]]


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
        # Whoever is linked again was confirmed by a name that stands there.
        names = [*self._links.names()]
        seen = names and self._rosters.counting(), names
        if seen == self._seen:
            return
        by_department = defaultdict[str, list[Link]](list)
        for link in self._links.all():
            by_department[link.department].append(link)
        asked = {
            self._asked(link, called)
            for department, these in by_department.items()
            for called in [[*self._rosters.called(department, self._now())]]
            for link in these
        }
        for one in self._asks.open():
            if one.is_again and one.id not in asked:
                self._asks.drop(one)
        # Beyond the most that are asked at once, the others are asked later.
        self._seen = None if None in asked else seen

    def _asked(self, link: Link, called: list[Called]) -> str | None:
        """The id of what is asked; empty: nothing is; None: it has to wait."""
        number, owner = link.number, link.owner
        if not link.names:
            first = self._names.hashes(owner, (one.get(number, "") for _, one in called))
            link = (self._links.learn(link, first) if first else None) or link
        newest = self._names.hashes(owner, (one.get(number, "") for one, _ in called))
        if not link.names or {*newest} <= {*link.names}:
            return ""
        return self._asks.ask_again(link, newest)
