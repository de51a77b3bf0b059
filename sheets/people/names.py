"""Whether a number on a roster is still of the person who was linked to it: by the name beside it.

A number may be given to somebody new, whose duties are nobody else's business. What is kept of a
name is a keyed hash: it tells another name, and nobody can read it out of what is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

from departments.secret import AccessSecret
from security.credential import Owner
from security.storage.protocol import Storage
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
        """Of each name one; the same however it is spaced, in whatever width and case."""
        every = dict.fromkeys(filter(None, map(plain, names)))
        return tuple(self._secret.digest("roster_names", f"{owner.name} {one}") for one in every)

    def is_of(self, link: Link, name: str) -> bool:
        """Whether somebody of this name may be whom the link means. A roster without names says
        nothing against it."""
        return not link.names or {*self.hashes(link.owner, [name])} <= {*link.names}

    @cached_property
    def _secret(self) -> AccessSecret:
        return AccessSecret.of(self._storage)
