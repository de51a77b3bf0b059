"""The newest generation of each owner that this process has seen: nothing older is believed.

Somebody who can write into the data folder may keep a sealed document and bring it back later, when
its owner has connected another account, or none. Over a restart nothing is remembered: what remains
stands in docs/security.md.
"""

from __future__ import annotations

from collections.abc import Callable

from security.credential import Owner
from security.errors import OperatorFault
from security.storage.catalogue import Kind
from security.storage.sealing import Sealer


class Generations:
    """By owner; 0: none was seen. Single operations are safe from any thread."""

    def __init__(self) -> None:
        self._newest: dict[int | str, int] = {}  # of a hundred thousand: no object for each

    def newest(self, owner: Owner) -> int:
        """Asked before a look at the disk: what is saved beside that look is no step back."""
        return self._newest.get(_key(owner), 0)

    def saw(self, owner: Owner, generation: int) -> None:
        """It was read, or is durable by now."""
        if generation > self.newest(owner):
            self._newest[_key(owner)] = generation


def _key(owner: Owner) -> int | str:
    return owner.telegram_id or owner.key


def older_than_seen(
    sealer: Sealer, kind: Kind, owner: Owner, look: Callable[[], object]
) -> OperatorFault:
    """What to raise where an old document has come back, or the newest one has gone.

    Args:
        look: looks again; raises CustodyError while nothing has changed.
    """
    sealer.refusals.note(kind, owner.stem, "older_generation", look)
    return OperatorFault(
        "an older generation than one that was seen before", code="older_generation"
    )
