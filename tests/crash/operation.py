"""What an operation under test is: what it does, what it starts from, and how it may end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from security.credential import Owner
from security.encryption import TokenEncryption
from security.token_store import TokenStore
from tests.crash.fates import Fate, Remains
from tests.crash.world import DATA, World
from tests.stores import store_in

ALL_DONE: Final = "all"
"""What an operation reports once it has done everything."""

Steps = Iterator[str]
"""The names of the owners that were reported as done, as that happens."""


@dataclass(frozen=True)
class Hands:
    """What an operation works with."""

    world: World
    scratch: Path
    """Holds the data folder and whatever is beside it."""
    keyring: TokenEncryption

    @property
    def folder(self) -> Path:
        """The data folder."""
        return self.scratch / DATA

    def store(self) -> TokenStore:
        """A store as in a process that has just started."""
        return store_in(self.folder, self.keyring, self.world.mask)

    def remains(self) -> Remains:
        """What is in the folder now."""
        return Remains(self.folder, self.keyring, self.store())


@dataclass(frozen=True)
class Operation:
    """One row of the matrix."""

    name: str
    run: Callable[[Hands], Steps]
    ends: Callable[[World], Mapping[Owner, Fate]] = field(default=lambda world: {})
    """What becomes of the owners it touches; all others stay as they were."""
    between: Callable[[World], Mapping[Owner, Fate]] = field(default=lambda world: {})
    """A third state, whole as well, that a cut may leave an owner in."""
    stays: frozenset[Owner] = frozenset()
    """Owners who stay in that third state when the operation is done again."""
    prepare: Callable[[Hands], None] = field(default=lambda hands: None)
    """Changes the world before the operation."""
    begins: Callable[[World], Mapping[Owner, Fate]] = field(default=lambda world: {})
    """The owners that are in another state than the world's, then."""
    keyring: Callable[[World], TokenEncryption] = field(default=lambda world: world.keyring)
    also: Callable[[Hands], list[str]] = field(default=lambda hands: [])
    """Losses that no owner's fate tells, wherever the operation was cut."""
    finally_also: Callable[[Hands], list[str]] = field(default=lambda hands: [])
    """The same, where the operation has said that it is done."""
