"""Storages in a database, with documents of every kind, and the rows that they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import Engine, select, update

from processes.storage import KINDS
from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import CustodyError
from security.maintenance.documents import MAINTENANCE
from security.owner_documents import credential_key
from security.storage.catalogue import Document
from security.storage.documents import Documents
from security.storage.events import Event
from security.storage.protocol import Key, Storage, Stored
from security.storage.sealing import Sealer
from security.storage.sql.faults import run
from security.storage.sql.storage import SqlStorage
from security.storage.sql.tables import GoogleOAuthToken
from security.token_store import TokenStore
from tests.database.conftest import Place
from tests.security.kit import ANN, BOB, TOWN, a_credential
from tests.stores import MASK

DAN: Final = Owner.user(504)


@contextmanager
def storage_at(
    place: Place,
    keyring: TokenEncryption,
    mask: Callable[[str], str] = MASK,
    lease_seconds: float = 30,
) -> Iterator[SqlStorage]:
    """What is kept in a database, opened."""
    storage = SqlStorage(place.engine(), Sealer(keyring), mask, KINDS, lease_seconds=lease_seconds)
    try:
        storage.open()
        yield storage
    finally:
        storage.close()


def seed(storage: Storage) -> TokenStore:
    """Documents of every kind: credentials, a tombstone, a copy in quarantine, one on hold, …"""
    store = TokenStore(storage, MASK)
    store.prepare()
    for owner in (ANN, BOB, TOWN, DAN):
        store.save_consent(a_credential(owner))
    store.copies.set_aside(BOB, "invalid_grant")
    store.save_consent(a_credential(BOB))
    store.delete(DAN)
    for kind in storage.kinds:
        if not kind.leased and kind.name != "installation":
            kept = Documents(storage, kind)
            kept.write("token_501", {"of": kind.name, "name": "報告"})
            kept.write("501-0a1b2c", {"of": kind.name})
    version = stored_version(storage, ANN)
    rejection = {"owner": ANN.name, "rejection": ["invalid_grant", 1.0, version, True, False]}
    Documents(storage, MAINTENANCE).write(f"owner.{ANN.stem}", rejection)
    storage.record([Event("authorised", ANN), Event("denied", None, "not_allowed")])
    return store


def stored_version(storage: Storage, owner: Owner) -> str:
    """Which state the owner's credential is in."""
    [found] = storage.read([credential_key(owner)])
    assert found is not None
    assert not isinstance(found, Exception)
    return found.version


def documents_of(storage: Storage) -> dict[tuple[str, str], Document | bytes]:
    """All that is kept but what is of one installation alone; of what is no document, its bytes."""
    found: dict[tuple[str, str], Document | bytes] = {}
    for kind in storage.kinds:
        if kind.name == "installation":
            continue
        keys = [Key(kind, name) for name in storage.names(kind)]
        for key, stored in zip(keys, storage.read(keys), strict=True):
            assert stored is not None
            assert not isinstance(stored, Exception)
            found[kind.name, key.name] = stored.document or _bytes(storage, key, stored)
    return found


def _bytes(storage: Storage, key: Key, stored: Stored) -> bytes:
    """As they were before damage was sealed, where it was."""
    try:
        return storage.sealer.examine(key.kind, key.name, stored.raw).content
    except CustodyError:
        return stored.raw


def row_of(engine: Engine, owner: Owner) -> dict[str, Any]:
    """The owner's row, as it stands."""
    query = select(GoogleOAuthToken).where(GoogleOAuthToken.c.owner == owner.stem)
    found = run(engine, lambda c: c.execute(query).one()._asdict(), writes=False)
    return dict(found)


def change_row(engine: Engine, owner: Owner, **columns: object) -> None:
    """Somebody who has no key changes it."""
    change = (
        update(GoogleOAuthToken).where(GoogleOAuthToken.c.owner == owner.stem).values(**columns)
    )
    run(engine, lambda c: c.execute(change))
