"""Storages and stores over a data folder, wired as the product wires them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from bot.kinds import FINISHED_UPLOADS, UPLOADS
from bot.uploads.jobs import UploadJob
from bot.uploads.journal import UploadJournal
from processes.storage import KINDS
from security.encryption import TokenEncryption
from security.logging_utils import OwnerMask
from security.storage.catalogue import Kind
from security.storage.documents import Documents
from security.storage.files.data_folder import load_mask_key
from security.storage.files.storage import FileStorage
from security.storage.protocol import Key, Put, Storage, Unit
from security.storage.sealing import Sealer
from security.storage.sql.installation import MASK_KEY, find_or_make_value
from security.token_store import TokenStore
from tests import places

MASK = OwnerMask(b"a mask key for tests")


def storage_in(
    folder: Path,
    keyring: TokenEncryption,
    mask: Callable[[str], str] = MASK,
    *,
    tells: bool = True,
) -> Storage:
    """The storage in `folder`, or in the database that stands for it in this test."""
    return places.storage(folder, keyring, mask, tells=tells)


def storage_sealed_by(folder: Path, sealer: Sealer) -> Storage:
    """The same, which seals and opens by other means."""
    if (kept := places.databases()) is not None:
        return kept.storage(folder, sealer, MASK)
    return FileStorage(folder, sealer, MASK, KINDS)


def store_in(
    folder: Path,
    keyring: TokenEncryption,
    mask: Callable[[str], str] = MASK,
    *,
    tells: bool = True,
) -> TokenStore:
    """The token store in `folder`."""
    return TokenStore(storage_in(folder, keyring, mask, tells=tells), mask)


def masks_in(folder: Path, keyring: TokenEncryption) -> OwnerMask:
    """The masks of the logs there; their key is made where there is none yet."""
    if (kept := places.databases()) is None:
        return OwnerMask(load_mask_key(folder, None))
    storage = kept.storage(folder, Sealer(keyring), MASK)
    storage.prepare()
    return OwnerMask(find_or_make_value(storage, MASK_KEY))


def documents_in(folder: Path, kind: Kind, keyring: TokenEncryption) -> Documents:
    """The documents of one kind in `folder`."""
    return Documents(storage_in(folder, keyring), kind)


def documents_named(folder: Path, kind: str, keyring: TokenEncryption) -> Documents:
    """The same, by the kind's name."""
    return documents_in(folder, next(known for known in KINDS if known.name == kind), keyring)


def uploads_in(folder: Path, keyring: TokenEncryption) -> list[UploadJob]:
    """Every upload written down in `folder` that can be read, in the order the files were sent."""
    storage = storage_in(folder, keyring)
    names = {name for kind in (UPLOADS, FINISHED_UPLOADS) for name in storage.names(kind)}
    jobs = filter(None, map(UploadJournal(storage).load, names))
    return sorted(jobs, key=lambda job: (job.created_at, job.reply_to))


def keep(
    folder: Path, kind: str, name: str, document: dict[str, Any], keyring: TokenEncryption
) -> None:
    """Put a document of whatever kind into `folder`, as its writers would."""
    storage, its = storage_in(folder, keyring), next(k for k in KINDS if k.name == kind)
    storage.prepare()
    owner = its.owner_of(name)
    [lease] = storage.lease([owner.stem]) if its.leased and owner else [None]
    assert not isinstance(lease, Exception)
    [outcome] = storage.apply([Unit([Put(Key(its, name), document)], lease)])
    assert not isinstance(outcome, Exception)


class _Between:
    def __init__(self, storage: Storage, meanwhile: Callable[[], object]) -> None:
        self._storage = storage
        self._meanwhile = [meanwhile]

    def __getattr__(self, name: str) -> Any:
        return getattr(self._storage, name)

    def apply(self, units: Sequence[Unit]) -> list[Any]:
        while self._meanwhile:
            self._meanwhile.pop()()
        return self._storage.apply(units)


def between(storage: Storage, meanwhile: Callable[[], object]) -> Storage:
    """The same storage, on which somebody else was faster: after the looks that the next change
    follows from, and before it."""
    return cast(Storage, _Between(storage, meanwhile))


def folder_of(store: TokenStore) -> Path:
    """The data folder a store was made over, or what a database stands for."""
    if isinstance(store.storage, FileStorage):
        return store.storage.folder
    kept = places.databases()
    assert kept is not None
    return kept.folder_of(store.storage)
