"""What an operation under test is: what it does, what it starts from, and how it may end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from processes.storage import open_storage
from security.credential import Owner
from security.encryption import TokenEncryption
from security.storage.protocol import Storage
from security.token_store import TokenStore
from tests.crash.fates import Fate, Remains
from tests.crash.world import CANARY, DATA, World, damage, entries, let_time_pass

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

    def storage(self, keyring: TokenEncryption | None = None) -> Storage:
        """The storage as in a process that has just started; None: with the usual keys."""
        return open_storage(self.folder, keyring or self.keyring, self.world.mask)

    def store(self) -> TokenStore:
        """The store upon it."""
        return TokenStore(self.storage(), self.world.mask)

    def remains(self) -> Remains:
        """What is there now."""
        return Remains(self.store())

    def take_away(self, owner: Owner) -> None:
        """Somebody removes an owner's credential by other means."""
        (self.folder / f"{owner.stem}.json").unlink()

    def damage(self, owner: Owner) -> bytes:
        """Make an owner's credential one that no key opens; what it is then."""
        return damage(self.folder / f"{owner.stem}.json")

    def let_time_pass(self) -> None:
        """Nothing there was written just now, and no lease is of a process that lives."""
        let_time_pass(self.scratch)

    def left_behind(self) -> list[str]:
        """Plaintext that was not there before, temporary files, files that others may read."""
        found = []
        for name, entry in entries(self.scratch):
            ours = name.startswith(DATA)
            if ours and entry.stat().st_mode & 0o077:
                found.append(f"others may read {entry.name}")
            if ours and name.endswith(".tmp"):
                found.append(f"a temporary file: {entry.name}")
            if entry.is_file():
                data = Path(entry).read_bytes()
                if CANARY.encode() in data and self.world.plain.get(name) != data:
                    found.append(f"plaintext in {entry.name}")
        return found


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
