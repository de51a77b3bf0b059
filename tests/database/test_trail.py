"""The audit trail in a database: it is kept for a time, and what is over goes by and by."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

from security.credential import Owner
from security.encryption import TokenEncryption
from security.storage.events import Action, AuditEntry, Event
from security.storage.sql.storage import SqlStorage
from security.storage.sql.trail import SqlTrail
from tests.database.conftest import Place
from tests.database.stores import storage_at
from tests.storage.backends import MASK, new_key

ANN: Final = Owner.user(501)


def add(storage: SqlStorage, action: Action, days: int, count: int) -> None:
    """Events of so many days ago, a second apart."""
    then = datetime.now(UTC) - timedelta(days=days)
    trail = SqlTrail(storage._engine, str, storage.now)
    trail.add(
        AuditEntry(then + timedelta(seconds=number), action, MASK(ANN.name), "ok")
        for number in range(count)
    )


def left(storage: SqlStorage, action: Action) -> int:
    """How many there are."""
    return len(list(storage.events(action=action)))


def write(storage: SqlStorage, count: int) -> None:
    """So many of now, in several calls."""
    for _ in range(0, count, 100):
        storage.record([Event("authorised", ANN)] * 100)


def test_what_is_over_goes_while_the_process_runs(place: Place) -> None:
    """More goes than comes, however long the process lives; what is kept longer stays."""
    keyring = TokenEncryption([new_key()])
    with storage_at(place, keyring) as storage:
        add(storage, "refreshed", 8, 4000)
        add(storage, "revoked", 401, 10)
        add(storage, "revoked", 399, 10)
        add(storage, "refreshed", 6, 10)
    with storage_at(place, keyring) as storage:
        # A start waits for little: not for what nobody has deleted for long.
        assert 3000 <= left(storage, "refreshed") < 4000
        write(storage, 2500)
        assert left(storage, "refreshed") == left(storage, "revoked") == 10
        assert left(storage, "authorised") == 2500
