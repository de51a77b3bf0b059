"""Documents that were found and not believed: each is told once, and looked at again at each sweep.

Somebody who can write into the data folder and has no key can put plaintext there, move a sealed
document under another name, or bring an old one back. None of that is used; an operator must hear
of it all the same.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Final

from security.credential import Owner
from security.errors import CustodyError
from security.storage.catalogue import Kind

NOT_BELIEVED: Final = frozenset(
    {"plaintext_refused", "wrong_document", "wrong_owner", "older_generation"}
)
"""The result codes of a document that is not what its name says."""

Tell = Callable[[Kind, Owner | None, str], None]
"""Told the kind, the owner and the result code."""


class Refusals:
    """Those that this process has met. Safe from any thread."""

    def __init__(self, tell: Tell = lambda kind, owner, code: None) -> None:
        """
        Args:
            tell: called once for each document.
        """
        self._tell = tell
        self._met: dict[tuple[Kind, str], tuple[str, Callable[[], object]]] = {}

    def note(self, kind: Kind, name: str, code: str, look: Callable[[], object]) -> None:
        """This one was not believed just now.

        Args:
            look: looks again; raises CustodyError while nothing has changed.
        """
        known = self._met.get((kind, name))
        if known is None or known[0] != code:
            self._met[kind, name] = (code, look)
            self._tell(kind, kind.owner_of(name), code)

    def standing(self) -> Counter[str]:
        """Result code → how many of them still lie there. Credentials are left to the sweep.

        Blocks on the disk.
        """
        counts: Counter[str] = Counter()
        for (kind, name), (code, look) in list(self._met.items()):
            try:
                look()
            except CustodyError:
                counts[code] += kind.due is None
            else:
                self._met.pop((kind, name), None)
        return +counts
