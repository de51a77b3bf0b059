"""What may have become of an owner's credential: the states that count as whole."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from security.credential import Credential, Owner
from security.errors import CorruptCredential, CustodyError
from security.owner_documents import TOMBSTONES, credential_key
from security.storage.documents import Documents
from security.token_store import TokenStore
from tests.crash import world


@dataclass(frozen=True)
class Remains:
    """What is found in a storage. For one look: it remembers."""

    store: TokenStore

    def current(self, owner: Owner) -> Credential | None:
        """What the program would use; None: nothing, damaged, or hidden by a tombstone."""
        try:
            return self.store.load(owner)
        except CorruptCredential:
            return None

    def raw(self, owner: Owner) -> bytes | None:
        """The current document, as it stands."""
        [found] = self.store.storage.read([credential_key(owner)])
        if isinstance(found, Exception):
            raise found
        return None if found is None else found.raw

    def quarantined(self, owner: Owner) -> list[bytes]:
        """The copies in quarantine, decrypted where they open."""
        return self._quarantined.get(owner, [])

    @cached_property
    def _quarantined(self) -> dict[Owner, list[bytes]]:
        return world.quarantined(self.store.storage)

    def ended(self, owner: Owner) -> int | None:
        """The generation in the owner's tombstone; None: there is none that can be read."""
        try:
            found = Documents(self.store.storage, TOMBSTONES).read(owner.stem)
        except CustodyError:
            return None
        return None if found is None else int(found["generation"])


class Fate(Protocol):
    """One acceptable state of one owner."""

    def holds(self, remains: Remains, owner: Owner) -> bool:
        """Whether `owner` is in this state."""


@dataclass(frozen=True)
class Current:
    """Connected: the program uses exactly this credential, or a later generation of it."""

    credential: Credential

    def holds(self, remains: Remains, owner: Owner) -> bool:
        found = remains.current(owner)
        if found is None or found.generation < self.credential.generation:
            return False
        return replace(found, generation=0) == replace(self.credential, generation=0)


@dataclass(frozen=True)
class Damaged:
    """Current and unreadable, as it was; the next use sets it aside."""

    data: bytes

    def holds(self, remains: Remains, owner: Owner) -> bool:
        return remains.raw(owner) == self.data


@dataclass(frozen=True)
class Quarantined:
    """Nothing that the program would use; the bytes as they were are in quarantine."""

    data: bytes

    def holds(self, remains: Remains, owner: Owner) -> bool:
        return remains.current(owner) is None and self.data in remains.quarantined(owner)


@dataclass(frozen=True)
class SetAside:
    """The same, and nothing is in its place: how a quarantine ends."""

    data: bytes

    def holds(self, remains: Remains, owner: Owner) -> bool:
        aside = Quarantined(self.data).holds(remains, owner)
        return aside and remains.raw(owner) is None


@dataclass(frozen=True)
class Gone:
    """Disconnected: nothing is there but a tombstone, which keeps old ones from coming back."""

    generation: int

    def holds(self, remains: Remains, owner: Owner) -> bool:
        ended = remains.ended(owner)
        return (
            remains.raw(owner) is None
            and not remains.quarantined(owner)
            and ended is not None
            and ended >= self.generation
        )


@dataclass(frozen=True)
class Unknown:
    """Never connected."""

    def holds(self, remains: Remains, owner: Owner) -> bool:
        return remains.raw(owner) is None and not remains.quarantined(owner)


@dataclass(frozen=True)
class Both:
    """Two at once: a new credential, and the damaged one before it in quarantine."""

    first: Fate
    second: Fate

    def holds(self, remains: Remains, owner: Owner) -> bool:
        return self.first.holds(remains, owner) and self.second.holds(remains, owner)


@dataclass(frozen=True)
class Kept:
    """A copy of these bytes is in quarantine, whatever is current."""

    data: bytes

    def holds(self, remains: Remains, owner: Owner) -> bool:
        return self.data in remains.quarantined(owner)


def before(start: world.World, owner: Owner) -> Fate:
    """What the owner was before any operation."""
    if owner == world.NEW:
        return Unknown()
    if owner == world.EVE:
        return Damaged(start.raw[owner])
    if owner in (world.FAY, world.GUS):
        return SetAside(start.raw[owner])
    return Current(start.credentials[owner])
