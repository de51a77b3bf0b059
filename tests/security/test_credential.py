"""What is kept: google-auth's format in both directions, and nobody else's."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from google.oauth2.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from security.credential import DRIVE_FILE_SCOPE, Credential, Owner
from security.encryption import TokenEncryption
from security.errors import CorruptCredential
from security.token_store import TokenStore
from tests.security.kit import ANN, BOB, TOWN, a_credential, in_minutes, secret
from tests.spots import credential_at
from tests.stores import store_in

moments = st.datetimes(timezones=st.just(UTC))
tokens = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1).map(SecretStr)


@st.composite
def credentials(draw: st.DrawFn) -> Credential:
    """Any credential there can be."""
    return Credential(
        owner=draw(st.sampled_from([ANN, TOWN])),
        client_id=draw(st.text(min_size=1)),
        refresh_token=draw(st.none() | tokens),
        access_token=draw(st.none() | tokens),
        expires_at=draw(st.none() | moments),
        scopes=(DRIVE_FILE_SCOPE,),
        account=draw(st.none() | st.text(min_size=1).map(SecretStr)),
        account_id=draw(st.none() | tokens),
        generation=draw(st.integers(min_value=0)),
        granted_at=draw(st.none() | moments),
        refresh_expires_at=draw(st.none() | moments),
        state=draw(st.sampled_from(["active", "leaving"])),
    )


def written_by_google_auth(expiry: datetime | None, **changes: Any) -> dict[str, Any]:
    """`Credentials.to_json()`, as another program keeps it."""
    made = Credentials(  # type: ignore[no-untyped-call]
        token="ya29.theirs",
        refresh_token="1//0theirs",
        token_uri="https://oauth2.googleapis.com/token",
        client_id="client",
        client_secret="their secret",
        scopes=[DRIVE_FILE_SCOPE],
        expiry=expiry,
    )
    document: dict[str, Any] = json.loads(made.to_json())  # type: ignore[no-untyped-call]
    return document | changes


@given(credentials())
@settings(max_examples=100, deadline=None, database=None)
def test_a_credential_comes_back_but_for_fractions_of_seconds(credential: Credential) -> None:
    """From the object to the file's text and back."""
    text = json.dumps(credential.to_document())
    back = Credential.from_document(credential.owner, json.loads(text))
    for moment in ("expires_at", "granted_at", "refresh_expires_at"):
        kept, given_ = getattr(back, moment), getattr(credential, moment)
        assert (kept is None) == (given_ is None)
        assert kept is None or kept == given_.replace(microsecond=0)
    assert back.to_document() == credential.to_document()


@pytest.mark.parametrize("microsecond", [0, 123456])
def test_a_file_of_google_auth_loads_as_it_is(tmp_path: Path, microsecond: int) -> None:
    """Its owner is the one in the file's name."""
    expiry = datetime(2031, 2, 3, 4, 5, 6, microsecond)  # noqa: DTZ001 - google-auth's are naive
    (tmp_path / "token_501.json").write_text(json.dumps(written_by_google_auth(expiry)))
    loaded = store_in(tmp_path, TokenEncryption()).load(ANN)
    assert loaded is not None
    assert loaded.owner == ANN
    assert secret(loaded.refresh_token) == "1//0theirs"
    assert secret(loaded.access_token) == "ya29.theirs"
    assert loaded.expires_at == expiry.replace(tzinfo=UTC)
    assert (loaded.scopes, loaded.generation) == ((DRIVE_FILE_SCOPE,), 0)


def test_google_auth_loads_a_file_of_ours(tmp_path: Path) -> None:
    """The way back to another program stays open."""
    store = store_in(tmp_path / "data", TokenEncryption())
    store.prepare()
    saved = store.save_consent(a_credential())
    theirs = Credentials.from_authorized_user_file(  # type: ignore[no-untyped-call]
        str(tmp_path / "data" / "token_501.json")
    )
    assert theirs.refresh_token == secret(saved.refresh_token)
    assert theirs.token == secret(saved.access_token)
    assert saved.expires_at is not None
    assert theirs.expiry == saved.expires_at.replace(tzinfo=None, microsecond=0)
    assert theirs.scopes == [DRIVE_FILE_SCOPE]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2031-02-03T04:05:06Z", datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)),
        ("2031-02-03T04:05:06", datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)),
        ("2031-02-03T04:05:06.5Z", datetime(2031, 2, 3, 4, 5, 6, 500_000, tzinfo=UTC)),
        ("2031-02-03T04:05:06.123456", datetime(2031, 2, 3, 4, 5, 6, 123_456, tzinfo=UTC)),
        ("2031-02-03T12:05:06+08:00", datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)),
    ],
)
def test_every_spelling_of_an_expiry_is_understood(text: str, meant: datetime) -> None:
    """With and without a fraction, a Z, an offset."""
    loaded = Credential.from_document(ANN, written_by_google_auth(None) | {"expiry": text})
    assert loaded.expires_at == meant


def test_a_file_without_an_expiry_is_never_fresh() -> None:
    """google-auth would take it for fresh for ever."""
    loaded = Credential.from_document(ANN, written_by_google_auth(None))
    assert loaded.expires_at is None
    assert not loaded.is_fresh(datetime.now(UTC))


@pytest.mark.parametrize(
    ("left", "lead", "fresh"), [(16, 15, True), (15, 15, False), (-1, 0, False)]
)
def test_fresh_means_longer_than_the_lead(left: float, lead: float, fresh: bool) -> None:
    """Exactly the lead is too little."""
    now = datetime.now(UTC)
    credential = a_credential(expires_at=now + timedelta(minutes=left))
    assert credential.is_fresh(now, timedelta(minutes=lead)) is fresh


@pytest.mark.parametrize(
    "change",
    [
        {"refresh_token": {"a": 1}},
        {"refresh_token": "1//0höh"},
        {"client_id": None},
        {"client_id": ""},
        {"client_id": 7},
        {"refresh_token": 7},
        {"refresh_token": True},
        {"refresh_token": ["1//0theirs"]},
        {"refresh_token": "1//0with\nnewline"},
        {"client_id": ["client"]},
        {"drivekeeper": []},
        {"drivekeeper": "x"},
        {"drivekeeper": {"generation": "5"}},
        {"drivekeeper": {"generation": True}},
        {"drivekeeper": {"generation": -1}},
        {"drivekeeper": {"generation": 1.5}},
        {"drivekeeper": {"state": "gone"}},
        {"drivekeeper": {"state": []}},
    ],
    ids=str,
)
def test_a_field_of_the_wrong_kind_is_corrupt(change: dict[str, Any]) -> None:
    """What cannot be had again: nothing half-read of that is ever sent to Google."""
    with pytest.raises(CorruptCredential) as caught:
        Credential.from_document(ANN, written_by_google_auth(None) | change)
    assert caught.value.code == "unreadable"


@pytest.mark.parametrize("name", ["user:502", "department:tanhae", "", None, 5])
def test_another_owners_name_inside_is_corrupt(name: Any) -> None:
    """Files got mixed up: nobody may get into another's Drive."""
    document = a_credential().to_document()
    document["drivekeeper"]["owner"] = name
    with pytest.raises(CorruptCredential) as caught:
        Credential.from_document(ANN, document)
    assert caught.value.code == "wrong_owner"


def test_swapped_files_are_noticed(store: TokenStore, folder: Path) -> None:
    """Encrypted or not: the name is inside."""
    for owner in (ANN, BOB):
        store.save_consent(a_credential(owner))
    one, other = credential_at(folder, ANN), credential_at(folder, BOB)
    first = one.raw()
    one.plant(other.raw())
    other.plant(first)
    for owner in (ANN, BOB):
        with pytest.raises(CorruptCredential) as caught:
            store.load(owner)
        assert caught.value.code == "wrong_owner"


def test_a_credentials_text_shows_no_secret_and_no_id() -> None:
    """It may end up in an exception's text."""
    credential = a_credential(Owner.user(7301948265), expires_at=in_minutes(5))
    shown = f"{credential!r} {credential} {credential.owner!r} {credential.owner}"
    for hidden in ("1//0", "ya29", "7301948265", "amy@", "permission-1"):
        assert hidden not in shown


def test_the_clients_secret_and_google_auths_token_address_are_not_kept() -> None:
    """A stolen file should not bring the client's secret; a planted address is not followed."""
    document = written_by_google_auth(None, token_uri="https://evil.example/token")
    kept = Credential.from_document(ANN, document).to_document()
    assert kept["client_secret"] == ""
    assert kept["token_uri"] == "https://oauth2.googleapis.com/token"


@pytest.mark.parametrize("owner", [ANN, TOWN])
def test_an_owners_name_and_file_name_lead_back_to_it(owner: Owner) -> None:
    """Both are kept on disk."""
    assert Owner.parse(owner.name) == owner
    assert Owner.from_stem(owner.stem) == owner


@pytest.mark.parametrize(
    "name", ["", "user:", "user:0", "user:01", "user:-5", "user:٣", "user:1\n", "department:A",
             "department:../x", "group:1", "user:" + "9" * 20]
)  # fmt: skip
def test_what_is_no_owner_is_refused(name: str) -> None:
    """It would become a file's name."""
    with pytest.raises(ValueError, match="not an owner"):
        Owner.parse(name)


@pytest.mark.parametrize("telegram_id", [0, -100123])
def test_a_group_or_nobody_owns_no_credential(telegram_id: int) -> None:
    """Groups have negative ids."""
    with pytest.raises(ValueError, match="not an owner"):
        Owner.user(telegram_id)


def test_times_are_kept_in_utc() -> None:
    """Whatever zone they were given in."""
    taipei = timezone(timedelta(hours=8))
    credential = a_credential(expires_at=datetime(2031, 1, 1, 8, tzinfo=taipei))
    assert credential.to_document()["expiry"] == "2031-01-01T00:00:00Z"


_MOMENT = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
_SECONDS = int(_MOMENT.timestamp())


@pytest.mark.parametrize(
    "written",
    [
        *(_SECONDS, float(_SECONDS), str(_SECONDS), f"{_SECONDS}.0"),
        *(_SECONDS * 1000, str(_SECONDS * 1000), _SECONDS * 1000 + 0.0),
    ],
    ids=repr,
)
def test_a_number_is_an_expiry_in_seconds_or_milliseconds(written: Any) -> None:
    """As programs in other languages keep it."""
    loaded = Credential.from_document(ANN, written_by_google_auth(None) | {"expiry": written})
    assert loaded.expires_at == _MOMENT


ODD: list[Any] = [
    *(None, "", 0, -1, 1.5, True, False, "x", "soon", [], ["x"], {}, {"a": 1}, [[]]),
    *(1e400, -1e400, float("nan"), 10**30, -(10**30), 1e16, "9" * 400, "\ud800", "\x00"),
    *("0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59.999999-23:59", "2031-13-01", "ya29\n"),
]


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize(
    "field",
    [
        *("token", "expiry", "scopes", "account", "token_uri", "client_secret", "quota_project_id"),
        *("universe_domain", "type", "rapt_token", "trust_boundary"),
    ],
)
def test_an_odd_field_of_another_program_condemns_no_grant(field: str, odd: Any) -> None:
    """It can be had again by a refresh, and until then the token is not believed."""
    loaded = Credential.from_document(ANN, written_by_google_auth(None) | {field: odd})
    assert loaded.refresh_token is not None
    assert secret(loaded.refresh_token) == "1//0theirs"
    assert not loaded.is_fresh(datetime.now(UTC))
    assert loaded.serves_until(datetime.now(UTC)) <= datetime.now(UTC).timestamp()
    assert loaded.scopes
    again = json.loads(json.dumps(loaded.to_document()))
    assert Credential.from_document(ANN, again).to_document() == loaded.to_document()


@pytest.mark.parametrize("odd", ODD, ids=repr)
@pytest.mark.parametrize("field", ["granted_at", "refresh_expires_at", "account_id"])
def test_an_odd_note_beside_a_credential_condemns_no_grant(field: str, odd: Any) -> None:
    """It is for people to read."""
    document = a_credential().to_document()
    document["drivekeeper"][field] = odd
    loaded = Credential.from_document(ANN, document)
    assert loaded.refresh_token is not None
    assert json.dumps(loaded.to_document())


@pytest.mark.parametrize(
    "field", ["token", "expiry", "scopes", "account", "drivekeeper", "token_uri", "client_secret"]
)
@pytest.mark.parametrize("lacks", [True, False], ids=["missing", "null"])
def test_a_field_that_is_not_there_is_unknown(field: str, lacks: bool) -> None:
    """Missing or null is the same."""
    document = written_by_google_auth(None)
    document.pop(field, None)
    if not lacks:
        document[field] = None
    loaded = Credential.from_document(ANN, document)
    assert loaded.refresh_token is not None
    assert loaded.scopes == (DRIVE_FILE_SCOPE,)


def test_an_expiry_in_another_century_is_not_waited_for() -> None:
    """No access token lives for a day: it would never be refreshed, and the grant die unused."""
    document = written_by_google_auth(None) | {"expiry": "9999-12-31T23:59:59Z"}
    loaded = Credential.from_document(ANN, document)
    assert not loaded.is_fresh(datetime.now(UTC))
    assert loaded.serves_until(datetime.now(UTC)) == 0
