"""The storages that the contract is held against, and what a test may do to each from outside."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

from cryptography.fernet import Fernet
from pydantic import SecretStr

from security.credential import Owner
from security.encryption import TokenEncryption
from security.logging_utils import OwnerMask
from security.owner_documents import CREDENTIALS, QUARANTINE, TOMBSTONES
from security.storage.catalogue import Document, Kind
from security.storage.events import Event
from security.storage.files.storage import FileStorage
from security.storage.leases import Lease
from security.storage.parts import Kept
from security.storage.protocol import Key, Put, Step, Storage, Stored, Unit, Version
from security.storage.refusals import Refusals
from security.storage.sealing import Sealer
from tests.places import full_disk
from tests.storage.memory import MemoryStorage, Shelf

MASK: Final = OwnerMask(b"a mask key for tests")
ANN, BOB = Owner.user(501), Owner.user(502)


def _moment(document: Document, now: float) -> float | None:
    moment = document.get("due", float("inf"))
    return None if moment is None else float(moment)


PAGES: Final = Kind(
    "pages",
    owner_of=lambda name: None,
    claims=lambda document: (document.get("name"), None),
    indexes=lambda document: {"colour": document.get("colour"), "shape": document.get("shape")},
    due=_moment,
)
"""Documents of nobody's alone: every rule that needs no owner is tried with them."""
LISTS: Final = Kind("lists", in_use=False)
KINDS: Final = (CREDENTIALS, TOMBSTONES, QUARANTINE, PAGES, LISTS)


def page(name: str) -> Key:
    """Where a page is kept."""
    return Key(PAGES, name)


def new_key() -> SecretStr:
    """A Fernet key."""
    return SecretStr(Fernet.generate_key().decode())


class CountingSealer(Sealer):
    """Counts the documents that were opened."""

    opened = 0

    def open(self, kind: Kind, name: str, kept: Kept) -> Document:
        self.opened += 1
        return super().open(kind, name, kept)


class Backend(ABC):
    """One place to keep things in, which may be opened several times over, as by processes."""

    is_atomic = False
    """Whether a unit's steps are made all or not at all; else what comes before a conflict stays.
    """
    is_of_processes = False
    """Whether other processes reach the same documents."""
    is_database = False
    """Whether it is one: nothing is kept there without a key, whoever changes a document changes
    the columns by which it is found as well, and leases lapse."""
    lease_seconds: float = 30

    def __init__(self, folder: Path, keyring: TokenEncryption) -> None:
        self.folder = folder
        self.keyring = keyring
        self.told: list[tuple[Kind, Owner | None, str]] = []
        """The documents that were not believed."""
        self.sealer = self._sealer(keyring)
        self.storage: Storage = self._make(self.sealer)
        self.storage.open()

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Give back what is held open."""

    def restart(self) -> None:
        """Go on as a new process does after this one has died."""
        self.storage = self._make(self.sealer)

    def another(self, keyring: TokenEncryption | None = None) -> Storage:
        """The same documents, for another process, or with other keys; not opened."""
        return self._make(self._sealer(keyring or self.keyring))

    def _sealer(self, keyring: TokenEncryption) -> CountingSealer:
        return CountingSealer(
            keyring, Refusals(lambda kind, owner, code: self.told.append((kind, owner, code)))
        )

    @abstractmethod
    def _make(self, sealer: Sealer) -> Storage:
        """A storage over the same documents."""

    @abstractmethod
    def plant(self, key: Key, raw: bytes) -> None:
        """Somebody puts bytes there by other means."""

    @abstractmethod
    def take_away(self, key: Key) -> None:
        """Somebody removes a document by other means."""

    @abstractmethod
    def withhold(self, key: Key) -> None:
        """From now on the place does not give what is kept there: a read fails."""

    @abstractmethod
    def full(self) -> AbstractContextManager[None]:
        """Within, there is no room for anything."""

    @abstractmethod
    def spoil_lease(self, name: str) -> None:
        """From now on this lease cannot be asked for."""

    # What most tests do

    def apply(
        self, *steps: Step, lease: Lease | None = None, events: tuple[Event, ...] = ()
    ) -> list[Version]:
        """Make one unit; its versions. Raises what ended it."""
        [outcome] = self.storage.apply([Unit(steps, lease, events)])
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def put(self, key: Key, document: Document) -> Version:
        """Keep a document, whatever is there."""
        with self.leased(key) as lease:
            return self.apply(Put(key, document), lease=lease)[0]

    @contextmanager
    def leased(self, key: Key) -> Iterator[Lease | None]:
        """The lease that a change of the document wants; None: it wants none."""
        owner = key.kind.owner_of(key.name)
        if not key.kind.leased or owner is None:
            yield None
            return
        [lease] = self.storage.lease([owner.stem])
        assert lease is not None
        assert not isinstance(lease, Exception)
        try:
            yield lease
        finally:
            lease.release()

    def stored(self, key: Key) -> Stored:
        """What is there; there must be something."""
        [found] = self.storage.read([key])
        assert isinstance(found, Stored)
        return found

    def document(self, key: Key) -> Document | None:
        """What is in it; None: there is none."""
        [found] = self.storage.read([key])
        if found is None:
            return None
        assert isinstance(found, Stored)
        return found.open()

    def everything(self) -> dict[Key, Version]:
        """Every document's version."""
        return {
            key: self.stored(key).version
            for kind in KINDS
            for key in (Key(kind, name) for name in self.storage.names(kind))
        }

    def whole_history(self) -> list[tuple[str, str]]:
        """Actions and results in the audit trail, oldest first."""
        entries = self.storage.events(newest_first=False)
        return [(entry.action, entry.result) for entry in entries]


class FileBackend(Backend):
    """A folder."""

    is_of_processes = True

    def _make(self, sealer: Sealer) -> Storage:
        return FileStorage(self.folder, sealer, MASK, KINDS)

    def _path(self, key: Key) -> Path:
        folder = self.folder if key.kind.is_owners else self.folder / key.kind.name
        return folder / f"{key.name}.json"

    def plant(self, key: Key, raw: bytes) -> None:
        self._path(key).unlink(missing_ok=True)
        self._path(key).write_bytes(raw)

    def take_away(self, key: Key) -> None:
        self._path(key).unlink()

    def withhold(self, key: Key) -> None:
        self._path(key).unlink()
        os.mkfifo(self._path(key))  # as little to be read as a bad sector, by root as well

    def spoil_lease(self, name: str) -> None:
        (self.folder / "locks" / f"{name}.lock").symlink_to("elsewhere")

    @contextmanager
    def full(self) -> Iterator[None]:
        with full_disk():
            yield


class MemoryBackend(Backend):
    """A dictionary."""

    def __init__(
        self,
        folder: Path,
        keyring: TokenEncryption,
        storage_class: Callable[..., MemoryStorage] = MemoryStorage,
    ) -> None:
        self.shelf = Shelf()
        self._storage_class = storage_class
        super().__init__(folder, keyring)

    def restart(self) -> None:
        self.shelf.leases.clear()
        super().restart()

    def _make(self, sealer: Sealer) -> Storage:
        options: dict[str, Any] = {"is_atomic": self.is_atomic}
        return self._storage_class(self.shelf, sealer, MASK, KINDS, **options)

    def plant(self, key: Key, raw: bytes) -> None:
        self.shelf.keep(key, raw)

    def take_away(self, key: Key) -> None:
        del self.shelf.documents[key]

    def withhold(self, key: Key) -> None:
        self.shelf.withheld.add(key)

    def spoil_lease(self, name: str) -> None:
        self.shelf.spoilt.add(name)

    @contextmanager
    def full(self) -> Iterator[None]:
        self.shelf.is_full = True
        try:
            yield
        finally:
            self.shelf.is_full = False

    def stop_after(self, steps: int | None) -> None:
        """The process ends after that many further steps; None: it does not."""
        assert isinstance(self.storage, MemoryStorage)
        self.storage.stop_after = steps


class AtomicMemoryBackend(MemoryBackend):
    """A dictionary in which a unit is made as a whole, as in a database."""

    is_atomic = True


STOPPABLE: Final = (MemoryBackend, AtomicMemoryBackend)
Make = Callable[[TokenEncryption], Backend]
