"""A database that is rolled back to a dump of it: who is refused, and who is back."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import SecretBytes, SecretStr

from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.recovery.backup import About, write_backup
from security.recovery.restore import Restore, verify
from security.storage.each import only
from security.token_store import TokenStore
from tests.database.conftest import NewPlace
from tests.database.dumps import Dumps
from tests.database.stores import documents_of, seed, storage_at
from tests.security.kit import ANN, BOB, TOWN, new_key
from tests.stores import MASK

pytestmark = pytest.mark.one_way("on")

KEYRING = TokenEncryption([new_key()])
BACKUP_KEY = new_key()


def test_rolled_back_to_a_dump(
    new_place: NewPlace, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Leases have lapsed; a process that goes on refuses what is older than it has seen; who has
    left since is back, and the newest archive says so."""
    place = new_place()
    dumps = Dumps(place, None if place.ca is None else request.getfixturevalue("mariadb"))
    dump, archive = tmp_path / "of.dump", tmp_path / "a.dkb"
    with storage_at(place, KEYRING) as storage:
        store = seed(storage)
        with storage_at(place, KEYRING, lease_seconds=3) as other:
            held = only(other.lease([TOWN.stem]))
            assert held is not None
            dumps.make(dump, *([] if place.ca is None else ["--hex-blob"]))
            held.release()
        before = documents_of(storage)
        # Since then: Ann's token was refreshed, and Bob has left.
        ann = store.load(ANN)
        assert ann is not None
        store.save(replace(ann, access_token=SecretStr("ya29.new")), based_on=ann.generation)
        store.delete(BOB)
        about = About(datetime.now(UTC), "1.0", (), SecretBytes(b"the key of the masks"))
        write_backup(archive, [BACKUP_KEY], about, store, outside=tmp_path / "none")
        if place.ca:  # SQLite's keeps its file open: whoever puts a dump back takes it away
            storage._engine.dispose()
        dumps.put_back(dump)
        # A process that was not stopped. SQLite's sees that its file is another one.
        with pytest.raises(OperatorFault) as caught:
            store.load(ANN)
        assert caught.value.code == ("older_generation" if place.ca else "store_failed")
    with storage_at(place, KEYRING) as storage:
        assert documents_of(storage) == before
        store = TokenStore(storage, MASK)
        assert store.load(ANN) == ann
        assert store.load(BOB) is not None
        with store.leased(TOWN, 5):  # whoever held it then does so no more
            pass
        run = Restore(store, lease_seconds=5)
        run.run(archive, [BACKUP_KEY], verify(archive, [BACKUP_KEY]))
        now = store.load(ANN)
        assert now is not None
        assert (now.generation, now.access_token) == (ann.generation + 1, SecretStr("ya29.new"))
        assert run.report.restored == 1
        assert run.report.refused["ended_in_archive"] == 1
        assert store.load(BOB) is not None
