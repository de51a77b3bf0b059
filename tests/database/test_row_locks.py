"""A row that somebody keeps, as a process that stands still does, holds up nobody else's."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pymysql
import pytest

from security.credential import Owner
from security.encryption import TokenEncryption
from security.maintenance.documents import MAINTENANCE
from security.owner_documents import credential_key
from security.storage.protocol import ABSENT, Drop, Key, Put, Unit
from security.storage.sql.storage import SqlStorage
from tests.database.conftest import Place
from tests.database.stores import storage_at
from tests.mariadb import MariaDB
from tests.security.kit import a_credential
from tests.storage.backends import new_key

OWNERS = [Owner.user(5000 + number) for number in range(30)]
"""Few: in a small table a server would rather read all of it than look for many."""
KEPT, OTHERS = OWNERS[0], OWNERS[1:25]
AT_ONCE = 8.0
"""Seconds. A row that is kept is waited for longer than that: for ten."""


def save_credentials(storage: SqlStorage, owners: list[Owner]) -> list[object]:
    """As refreshes are that come together."""
    leases = storage.lease([owner.stem for owner in owners])
    units = [
        Unit([Put(credential_key(owner), a_credential(owner).to_document())], lease)  # type: ignore[arg-type]
        for owner, lease in zip(owners, leases, strict=True)
    ]
    outcomes: list[object] = [*storage.apply(units)]
    storage.release(leases)  # type: ignore[arg-type]
    return outcomes


def save_documents(storage: SqlStorage, owners: list[Owner]) -> list[object]:
    """As a sweep remembers pauses."""
    units = [Unit([Put(_document(owner), {"owner": owner.name})]) for owner in owners]
    return [*storage.apply(units)]


def _document(owner: Owner) -> Key:
    return Key(MAINTENANCE, f"owner.{owner.stem}")


@pytest.fixture
def name(mariadb: MariaDB) -> str:
    """A database."""
    return mariadb.make_database()


@pytest.fixture
def storage(mariadb: MariaDB, name: str) -> Iterator[SqlStorage]:
    """Opened."""
    place = Place(mariadb.url(name), mariadb.ca)
    with storage_at(place, TokenEncryption([new_key()])) as found:
        yield found


@pytest.mark.parametrize(
    ("save", "row"),
    [
        (save_credentials, f"google_oauth_tokens WHERE owner = '{KEPT.stem}'"),
        (save_documents, f"documents WHERE name = 'owner.{KEPT.stem}' AND kind = 'maintenance'"),
    ],
    ids=["credentials", "documents"],
)
def test_others_are_saved_at_once(
    mariadb: MariaDB,
    name: str,
    storage: SqlStorage,
    save: Callable[[SqlStorage, list[Owner]], list[object]],
    row: str,
) -> None:
    save(storage, OWNERS)
    with pymysql.connect(unix_socket=str(mariadb.socket), user="root", database=name) as other:
        other.begin()
        assert other.cursor().execute(f"SELECT 1 FROM {row} FOR UPDATE") == 1
        began = time.monotonic()
        outcomes = save(storage, OTHERS)
        assert [type(outcome) for outcome in outcomes] == [list] * len(OTHERS)
        new = save(storage, [Owner.user(6000 + number) for number in range(24)])
        assert [type(outcome) for outcome in new] == [list] * 24
        assert storage.apply([Unit([Drop(_document(OTHERS[0]))])]) == [[ABSENT]]
        assert time.monotonic() - began < AT_ONCE
        assert other.server_status & 1
