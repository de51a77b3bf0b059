"""Whoever can write into the database, and has no key, gets nothing believed that is not there.

A value out of another row, column or generation is refused, and so is a blank one; a whole older
row where a newer generation was seen, or has ended. What is readable is never believed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import Connection, Engine, Update, insert, select, update

from security.consent.pending import CONSENTS
from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.storage.documents import Documents
from security.storage.sql.faults import run
from security.storage.sql.storage import SqlStorage
from security.storage.sql.tables import DOCUMENTS, GoogleOAuthToken
from security.token_store import TokenStore
from tests.database.conftest import Place
from tests.database.stores import change_row, row_of, storage_at
from tests.security.kit import ANN, BOB, a_credential, new_key
from tests.stores import MASK

pytestmark = pytest.mark.one_way("on")


@pytest.fixture
def place(either_place: Place) -> Place:
    """The test's database."""
    return either_place


KEYRING = TokenEncryption([new_key()])
REFRESH, ACCESS, DETAILS = COLUMNS = (
    *("encrypted_refresh_token", "encrypted_access_token"),
    "encrypted_details",
)


@pytest.fixture
def storage(place: Place) -> Iterator[SqlStorage]:
    """Ann and Bob are connected."""
    with storage_at(place, KEYRING) as made:
        store = TokenStore(made, MASK)
        for owner in (ANN, BOB):
            store.save_consent(a_credential(owner))
        yield made


def why_not(storage: SqlStorage, owner: Owner = ANN) -> str:
    """Why a process that has just been started refuses the owner's credential."""
    with pytest.raises(CustodyError) as caught:
        TokenStore(storage, MASK).load(owner)
    return caught.value.code


def refreshed(store: TokenStore, owner: Owner = ANN) -> None:
    """One generation more."""
    current = store.load(owner)
    assert current is not None
    changed = replace(current, access_token=SecretStr("ya29.refreshed"))
    store.save(changed, based_on=current.generation)


@pytest.mark.parametrize("column", COLUMNS)
def test_a_value_of_another_row_is_refused(
    storage: SqlStorage, engine: Engine, column: str
) -> None:
    """Bob's, put into Ann's row: hers is no credential then, and his is what it was."""
    change_row(engine, ANN, **{column: row_of(engine, BOB)[column]})
    assert why_not(storage) == "wrong_owner"
    assert TokenStore(storage, MASK).load(BOB) is not None


def test_a_value_of_another_column_is_refused(storage: SqlStorage, engine: Engine) -> None:
    row = row_of(engine, ANN)
    for taken, put in ((ACCESS, REFRESH), (REFRESH, ACCESS), (DETAILS, REFRESH), (ACCESS, DETAILS)):
        change_row(engine, ANN, **{put: row[taken]})
        assert why_not(storage) in ("wrong_document", "tampered"), (taken, put)
        change_row(engine, ANN, **{put: row[put]})
    change_row(engine, ANN, **{REFRESH: row[ACCESS], ACCESS: row[REFRESH]})
    assert why_not(storage) == "wrong_document"


@pytest.mark.parametrize("column", COLUMNS)
def test_a_value_of_an_older_generation_is_refused(
    storage: SqlStorage, engine: Engine, column: str
) -> None:
    """Also by a process that has seen none of them."""
    before = row_of(engine, ANN)
    refreshed(TokenStore(storage, MASK))
    change_row(engine, ANN, **{column: before[column]})
    assert why_not(storage) == "wrong_document"


@pytest.mark.parametrize(
    ("column", "blank"), [(REFRESH, b""), (ACCESS, None), (ACCESS, b""), (DETAILS, b"")]
)
def test_a_column_that_was_blanked_is_refused(
    storage: SqlStorage, engine: Engine, column: str, blank: bytes | None
) -> None:
    """Nor does it serve as if there had never been a value."""
    change_row(engine, ANN, **{column: blank})
    assert why_not(storage) in ("tampered", "unreadable")


def test_details_alone_are_no_credential(storage: SqlStorage, engine: Engine) -> None:
    """The row says that it holds everything in one piece."""
    change_row(engine, ANN, state="whole", encrypted_refresh_token=b"", encrypted_access_token=None)
    assert why_not(storage) == "wrong_document"


def test_a_row_under_another_name_is_refused(storage: SqlStorage, engine: Engine) -> None:
    store = TokenStore(storage, MASK)
    store.delete(BOB)
    row = {**row_of(engine, ANN), "owner": BOB.stem, "id": 99}
    run(engine, lambda c: c.execute(insert(GoogleOAuthToken), [row]))
    assert why_not(storage, BOB) == "wrong_owner"
    assert TokenStore(storage, MASK).load(ANN) is not None


def test_an_older_row_is_refused_where_a_newer_one_was_seen(
    storage: SqlStorage, engine: Engine
) -> None:
    """By every process that has seen it; one that was started since cannot know."""
    store, before = TokenStore(storage, MASK), row_of(engine, ANN)
    refreshed(store)
    assert store.load(ANN) is not None
    newer = row_of(engine, ANN)
    change_row(engine, ANN, **changing(before))
    with pytest.raises(OperatorFault) as caught:
        store.load(ANN)
    assert caught.value.code == "older_generation"
    change_row(engine, ANN, **changing(newer))
    assert store.load(ANN) is not None


def test_a_row_that_has_ended_counts_as_none(storage: SqlStorage, engine: Engine) -> None:
    """For every process, whatever it has seen: the tombstone tells."""
    store, before = TokenStore(storage, MASK), row_of(engine, ANN)
    store.delete(ANN)
    run(engine, lambda c: c.execute(insert(GoogleOAuthToken), [before]))
    assert TokenStore(storage, MASK).load(ANN) is None


def test_what_is_readable_is_not_believed(storage: SqlStorage, engine: Engine) -> None:
    """Generation, state and expiry are for people who look."""
    known = TokenStore(storage, MASK).load(ANN)
    assert known is not None
    change_row(
        engine,
        ANN,
        generation=99,
        state="leaving",
        access_token_expires_at=None,
        authorized_user_email="eve@example.com",
        kid="0123456789ab",
    )
    assert TokenStore(storage, MASK).load(ANN) == known


def test_documents_of_another_kind_name_or_owner_are_refused(
    storage: SqlStorage, engine: Engine
) -> None:
    """Alike of everything else that is kept."""
    kept = Documents(storage, CONSENTS)
    for owner in (ANN, BOB):
        kept.write(owner.stem, {"owner": owner.name, "flow": "device"})
    row = DOCUMENTS.c
    query = select(row.content).where(row.kind == "consents", row.name == BOB.stem)
    content = run(engine, lambda c: c.scalar(query), writes=False)
    taken = select(row.content).where(row.kind == "installation")
    secret = run(engine, lambda c: c.scalar(taken), writes=False)
    mine = update(DOCUMENTS).where(row.kind == "consents", row.name == ANN.stem)
    for planted in (content, secret, row_of(engine, ANN)[DETAILS]):
        change = mine.values(content=planted)
        run(engine, partial(execute, statement=change))
        with pytest.raises(CorruptCredential) as caught:
            kept.read(ANN.stem)
        assert caught.value.code in ("wrong_document", "wrong_owner")


def changing(row: dict[str, Any]) -> dict[str, Any]:
    """What a change of a row writes."""
    return {name: value for name, value in row.items() if name not in ("id", "owner")}


def execute(connection: Connection, statement: Update) -> None:
    """Make one change."""
    connection.execute(statement)
