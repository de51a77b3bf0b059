"""Documents that were found and not believed: each is told once, and looked at again at each sweep.

Somebody who can write into the data folder but has no key can put plaintext there, or move a sealed
document under another name. None of that is used; an operator must hear of it all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final, Protocol

from security.errors import CustodyError
from security.storage.catalogue import CREDENTIALS, Identity, Kind

NOT_BELIEVED: Final = frozenset(
    {"plaintext_refused", "wrong_document", "wrong_owner", "older_generation"}
)
"""The result codes of a document that is not what its name says."""


class Place(Protocol):
    """Where such a document lies."""

    @property
    def kind(self) -> Kind:
        """What is kept there."""

    def read(self, name: str) -> object | None:
        """The document; None: it has gone. Raises CustodyError."""


class Refusals:
    """Those that this process has met. Safe from any thread."""

    def __init__(self, tell: Callable[[Identity, str], None] = lambda identity, code: None) -> None:
        """
        Args:
            tell: called once for each document, with its result code.
        """
        self._tell = tell
        self._met: dict[tuple[str, str], tuple[Place, str]] = {}

    def note(self, place: Place, name: str, code: str) -> None:
        """This one was not believed just now."""
        key = (place.kind.name, name)
        known = self._met.get(key)
        if known is None or known[1] != code:
            self._met[key] = (place, code)
            self._tell(place.kind.identify(name), code)

    def standing(self) -> Counter[str]:
        """Result code → how many of them still lie there. Credentials are left to the sweep.

        Blocks on the disk.
        """
        counts: Counter[str] = Counter()
        for key, (place, code) in list(self._met.items()):
            try:
                place.read(key[1])
            except CustodyError as fault:
                if fault.code in NOT_BELIEVED:
                    counts[fault.code] += place.kind is not CREDENTIALS
                else:
                    counts[code] += place.kind is not CREDENTIALS
            else:
                self._met.pop(key, None)
        return +counts
