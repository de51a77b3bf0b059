"""Whether a number on a roster is still of the person who was linked to it: by the name beside it.

A number may be given to somebody new, whose duties are nobody else's business, and whose name is
perhaps filled in later: among names, none is another one as well. What is kept of a name is a keyed
hash: it tells another name, and nobody can read it out of what is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property

from departments.secret import AccessSecret
from security.credential import Owner
from security.storage.protocol import Storage
from sheets.cells.grid import ERRORS
from sheets.cells.text import plain
from sheets.people.links import Link


class Names:
    """Every method blocks.

    Raises, each of them:
        OperatorFault: the storage does not answer.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    def hashes(self, owner: Owner, names: Iterable[str]) -> tuple[str, ...]:
        """Of each name one, also of none (as a formula's that finds none); the same however it is
        spaced, in whatever width and case."""
        every = dict.fromkeys("" if name in ERRORS else plain(name) for name in names)
        return tuple(self._secret.digest("roster_names", f"{owner.name} {one}") for one in every)

    def is_of(self, link: Link, people: Mapping[str, str]) -> bool:
        """Whether the number of a link is of whom it means, among these of a roster. Where nobody
        has a name, nothing is said against it.

        Args:
            people: by their numbers, what they are called.
        """
        if not link.names or link.number not in people or not any(people.values()):
            return True
        return self.hashes(link.owner, [people[link.number]])[0] in link.names

    @cached_property
    def _secret(self) -> AccessSecret:
        return AccessSecret.of(self._storage)
