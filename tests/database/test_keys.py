"""Keys of what is kept in a database: every part of a row counts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, select

from security.encryption import TokenEncryption, kid_of
from security.errors import OperatorFault
from security.owner_documents import QUARANTINE
from security.recovery.key_use import census
from security.recovery.rotation import Mode, Rotation
from security.storage.parts import Parts
from security.storage.protocol import Key, PutRaw, Unit
from security.storage.sql.tables import DOCUMENTS, GoogleOAuthToken
from security.token_store import TokenStore
from tests.database.conftest import Place
from tests.database.stores import change_row, documents_of, row_of, seed, storage_at
from tests.security.kit import ANN, BOB, MASK, ROOT, new_key, secret
from tests.stores import storage_in

pytestmark = pytest.mark.one_way("on")


@pytest.fixture
def place(ready_place: Place) -> Place:
    """The test's database."""
    return ready_place


FIRST, SECOND, THIRD = new_key(), new_key(), new_key()
OLD, NEW, BOTH = (TokenEncryption(keys) for keys in ([FIRST], [SECOND], [SECOND, FIRST]))
ALL = TokenEncryption([THIRD, SECOND, FIRST])


def everything_in(engine: Engine) -> bytes:
    """Whatever stands in any column."""
    with engine.connect() as connection:
        tables = (GoogleOAuthToken, DOCUMENTS)
        rows = [row for table in tables for row in connection.execute(select(table))]
    values = [value for row in rows for value in row]
    return b"\n".join(v if isinstance(v, bytes) else str(v).encode() for v in values)


def test_after_a_rotation_no_column_needs_the_old_key(place: Place, engine: Engine) -> None:
    """Every document is what it was, in its generation; a second run changes nothing."""
    with storage_at(place, OLD) as storage:
        store = seed(storage)
        before, generation = documents_of(storage), store.load(BOB)
    with storage_at(place, BOTH) as storage:
        [older] = census(storage).of("older")
        assert older.files["credentials"] == 3
        report = Rotation(TokenStore(storage, MASK)).run(Mode.ROTATE)
        assert (report.left, report.is_complete) == ([], True)
        assert [use.kid for use in census(storage).keys if use.may_be_dropped] == [OLD.kid]
        again = Rotation(TokenStore(storage, MASK)).run(Mode.ROTATE)
        assert again.count("changed") == 0
    assert OLD.kid is not None
    assert OLD.kid.encode() not in everything_in(engine)
    with storage_at(place, NEW) as storage:
        assert documents_of(storage) == before
        assert TokenStore(storage, MASK).load(BOB) == generation
    assert row_of(engine, ANN)["encrypted_refresh_token"]


@pytest.mark.parametrize(
    "column", ["encrypted_refresh_token", "encrypted_access_token", "encrypted_details"]
)
@pytest.mark.one_way
def test_one_column_under_an_older_key_is_counted_and_rotated(
    place: Place, engine: Engine, column: str
) -> None:
    """A key is needed as long as any part needs it."""
    with storage_at(place, ALL) as storage:
        store = seed(storage)
        before = documents_of(storage)
        plain = ALL.decrypt(row_of(engine, ANN)[column])
        change_row(engine, ANN, **{column: OLD.encrypt(plain)})
        older = {use.kid: use.files for use in census(storage).of("older")}
        assert older == {OLD.kid: {"credentials": 1}, NEW.kid: {}}
        assert Rotation(store).run(Mode.ROTATE).kinds["credentials"]["changed"] == 1
        assert kid_of(row_of(engine, ANN)[column]) == ALL.kid
        assert all(use.may_be_dropped for use in census(storage).of("older"))
        assert documents_of(storage) == before


def test_a_column_under_a_foreign_key_is_named_and_left(place: Place, engine: Engine) -> None:
    """The row stays as it is; the others go on."""
    stranger = TokenEncryption([new_key()])
    with storage_at(place, OLD) as storage:
        seed(storage)
    column = "encrypted_access_token"
    change_row(engine, ANN, **{column: stranger.encrypt(OLD.decrypt(row_of(engine, ANN)[column]))})
    before = row_of(engine, ANN)
    with storage_at(place, BOTH) as storage:
        assert [use.kid for use in census(storage).of("not set")] == [stranger.kid]
        [left] = Rotation(TokenStore(storage, MASK)).run(Mode.ROTATE).left
    assert (left.kind, left.owner, left.result) == ("credentials", MASK(ANN.name), "unknown_key")
    assert row_of(engine, ANN) == before


def test_nothing_is_decrypted_in_a_database(place: Place) -> None:
    """And it is said where that can be done."""
    with storage_at(place, OLD) as storage:
        store = seed(storage)
        before = documents_of(storage)
        with pytest.raises(OperatorFault, match="tokens move --to files"):
            Rotation(store).run(Mode.DECRYPT)
        assert documents_of(storage) == before


def test_without_a_key_no_database_is_opened(place: Place) -> None:
    """Whoever comes without the settings' own look at it."""
    with pytest.raises(OperatorFault) as caught, storage_at(place, TokenEncryption([])):
        pass
    assert caught.value.code == "key_missing"


def test_a_divided_copy_in_files_is_rotated_and_decrypted_like_any_other(
    place: Place, tmp_path: Path
) -> None:
    """What was set aside in a database, and brought into files as it stands."""
    with storage_at(place, OLD) as storage:
        seed(storage)
        [name] = [n for n in storage.names(QUARANTINE) if not n.endswith(".note")]
        [found] = storage.read([Key(QUARANTINE, name)])
    assert found is not None
    assert not isinstance(found, Exception)
    assert Parts.of(found.raw) is not None
    folder = tmp_path / "user_data"
    kept, key = storage_in(folder, BOTH), Key(QUARANTINE, name)
    kept.prepare()
    [lease] = kept.lease([BOB.stem])
    assert lease is not None
    assert not isinstance(lease, Exception)
    kept.apply([Unit([PutRaw(key, found.raw)], lease)])
    lease.release()
    assert Rotation(TokenStore(kept, MASK)).run(Mode.ROTATE).is_complete
    raw = (folder / "quarantine" / f"{name}.json").read_bytes()
    parts = Parts.of(raw)
    assert parts is not None
    assert {kid_of(part) for part in (parts.details, *parts.fields.values())} == {NEW.kid}
    plain = storage_in(folder, TokenEncryption([SECOND, FIRST], required=False))
    assert Rotation(TokenStore(plain, MASK)).run(Mode.DECRYPT).is_complete
    assert json.loads((folder / "quarantine" / f"{name}.json").read_bytes()) == found.document


@pytest.mark.one_way  # processes' starts take their time
def test_beside_four_processes_that_save_no_save_is_lost(place: Place) -> None:
    """Each of their saves raises a generation by one: the sum tells."""
    back = TokenEncryption([FIRST, SECOND])
    with storage_at(place, OLD) as storage, ExitStack() as stack:
        store = seed(storage)
        first = sum(generations(store))
        savers = [stack.enter_context(saver(place)) for _ in range(4)]
        for one in savers:
            assert one.stdout is not None
            assert one.stdout.readline() == "go\n"
        for keyring in (BOTH, back) * 3:
            with storage_at(place, keyring) as rotated:
                rotation = Rotation(TokenStore(rotated, MASK), lease_seconds=20)
                assert rotation.run(Mode.ROTATE).left == []
        outputs = [one.communicate(timeout=30) for one in savers]
        with storage_at(place, BOTH) as end:
            assert sum(generations(TokenStore(end, MASK))) == first + sum(
                int(output) for output, _ in outputs
            )
    assert all(int(output) > 0 for output, _ in outputs)


def generations(store: TokenStore) -> list[int]:
    """Of everybody who is connected."""
    return [found.generation for owner in store.owners() if (found := store.load(owner))]


@contextmanager
def saver(place: Place) -> Iterator[subprocess.Popen[str]]:
    """A process that saves."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.database.saving", *map(secret, (SECOND, FIRST))],
        cwd=ROOT,
        env={**os.environ, **place.variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()
