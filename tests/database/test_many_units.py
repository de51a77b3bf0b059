"""Many units in one call: small transactions, and one's trouble none of another's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, event, select

from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import OperatorFault
from security.google.grants import LONGEST_TOKEN
from security.maintenance.documents import MAINTENANCE
from security.owner_documents import credential_key
from security.storage.catalogue import Document, Kind
from security.storage.protocol import Key, Put, Stored, Unit
from security.storage.sql.faults import run
from security.storage.sql.storage import SqlStorage
from security.storage.sql.tables import GoogleOAuthToken
from tests.database.conftest import Place
from tests.database.stores import storage_at
from tests.security.kit import TOWN, a_credential
from tests.storage.backends import new_key

ODD = Kind("odd", due=lambda document, _: document["due"])
"""Some of it is due at a moment that no column holds."""
ANN, BOB, CAT = (Owner.user(number) for number in (501, 502, 503))


@pytest.fixture
def storage(place: Place) -> Iterator[SqlStorage]:
    """Opened."""
    with storage_at(place, TokenEncryption([new_key()])) as found:
        yield found


def save(storage: SqlStorage, *documents: tuple[Owner, Document]) -> list[Any]:
    """In one call, as refreshes that come together are saved."""
    leases = storage.lease([owner.stem for owner, _ in documents])
    outcomes = storage.apply(
        [
            Unit([Put(credential_key(owner), document)], lease)  # type: ignore[arg-type]
            for (owner, document), lease in zip(documents, leases, strict=True)
        ]
    )
    storage.release(leases)  # type: ignore[arg-type]
    return outcomes


def document_of(owner: Owner, **fields: Any) -> Document:
    """A credential with some fields of their own."""
    document = a_credential(owner).to_document()
    own = fields.pop("drivekeeper", {})
    return {**document, **fields, "drivekeeper": {**document["drivekeeper"], **own}}


@pytest.mark.parametrize("field", ["token", "refresh_token"])
def test_what_does_not_fit_its_column_keeps_nobody_else_from_being_saved(
    storage: SqlStorage, field: str
) -> None:
    """SQLite's columns take everything, and have what MariaDB's have."""
    outcomes = save(
        storage,
        (ANN, document_of(ANN)),
        (BOB, document_of(BOB, **{field: "x" * 100_000})),
        (CAT, document_of(CAT)),
    )
    assert isinstance(outcomes[0], list)
    assert isinstance(outcomes[1], OperatorFault)
    assert isinstance(outcomes[2], list)
    assert outcomes[1].code == "too_big"
    assert "xxx" not in repr(outcomes[1])
    assert outcomes[1].__context__ is outcomes[1].__cause__ is None


@pytest.mark.parametrize("field", ["token", "refresh_token"])
def test_the_longest_tokens_that_google_is_believed_are_kept(
    storage: SqlStorage, field: str
) -> None:
    kept = document_of(ANN, **{field: '"' * LONGEST_TOKEN})
    assert [type(outcome) for outcome in save(storage, (ANN, kept))] == [list]
    [found] = storage.read([credential_key(ANN)])
    assert isinstance(found, Stored)
    assert found.open() == kept


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"drivekeeper": {"generation": 2**70}}, id="generation"),
        pytest.param({"expiry": "0001-01-01T00:00:00+05:00"}, id="expiry"),
        pytest.param({"expiry": "9999-12-31T23:59:59-05:00"}, id="late"),
        pytest.param({"account": "\ud800@example.org"}, id="half a character"),
        pytest.param({"account": "\0\U0001f600" * 400}, id="long"),
    ],
)
def test_a_column_for_people_shows_what_it_can_of_whatever_is_sealed(
    storage: SqlStorage, fields: dict[str, Any]
) -> None:
    kept = document_of(TOWN, **fields)
    outcomes = save(storage, (ANN, document_of(ANN)), (TOWN, kept))
    assert [type(outcome) for outcome in outcomes] == [list, list]
    [found] = storage.read([credential_key(TOWN)])
    assert isinstance(found, Stored)
    assert found.open() == kept
    names = run(
        storage._engine, lambda c: c.scalars(select(GoogleOAuthToken.c.owner)).all(), writes=False
    )
    assert sorted(names) == sorted((ANN.stem, TOWN.stem))


def test_a_thousand_units_are_several_transactions(storage: SqlStorage) -> None:
    """In which no row is kept from others for long; bytes count as well as rows."""
    commits = count_commits(storage._engine)
    small = [put(f"owner.token_{number}", "x") for number in range(1000)]
    large = [put(f"owner.token_{number}", "x" * 300_000) for number in range(2000, 2005)]
    for units, least in ((small, 5), (large, 3)):
        for _ in range(2):  # new ones, and such as are there
            commits.clear()
            assert all(isinstance(outcome, list) for outcome in storage.apply(units))
            assert least <= len(commits) <= 2 * least
    assert len(storage.names(MAINTENANCE)) == 1005


def test_what_cannot_be_written_down_keeps_nobody_else_from_being_saved(
    storage: SqlStorage,
) -> None:
    odd = Unit([Put(Key(MAINTENANCE, "owner.token_502"), {"text": object()})])
    outcomes = storage.apply([put("owner.token_501", "x"), odd, put("owner.token_503", "x")])
    assert [type(outcome) for outcome in outcomes] == [list, TypeError, list]
    assert len(storage.names(MAINTENANCE)) == 2


def test_what_was_written_before_the_database_went_away_is_told(storage: SqlStorage) -> None:
    """Where one of a call is refused, each is a transaction of its own."""
    refused = Unit([Put(Key(ODD, "token_502"), {"due": 1e30})])
    commits = count_commits(storage._engine)

    def go_away(_: Connection) -> None:
        if commits:
            raise OperatorFault("away", code="database_unreachable")

    event.listen(storage._engine, "begin", go_away)
    outcomes = storage.apply([put("owner.token_501", "x"), refused, put("owner.token_503", "x")])
    event.remove(storage._engine, "begin", go_away)
    assert [type(outcome) for outcome in outcomes] == [list, OperatorFault, OperatorFault]
    assert storage.names(MAINTENANCE) == ["owner.token_501"]


def put(name: str, text: str) -> Unit:
    """A small document that is nobody's alone to change."""
    return Unit([Put(Key(MAINTENANCE, name), {"text": text})])


def count_commits(engine: Engine) -> list[int]:
    """Grows with each."""
    commits: list[int] = []
    event.listen(engine, "commit", lambda _: commits.append(1))
    return commits
