"""Real files, damaged in every way hypothesis can think of."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from security.credential import Credential
from security.encryption import TokenEncryption
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.logging_utils import describe
from security.token_store import TokenStore
from tests.security.kit import ANN, BOB, a_credential, kept_in, new_key, secret
from tests.spots import copy_at
from tests.stores import folder_of, store_in

KEYRINGS = {"plain": TokenEncryption(), "encrypted": TokenEncryption([new_key()])}
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
# tmp_path is one folder for all examples of a test; each example writes the whole file anew.
fuzz = settings(
    max_examples=settings.get_profile("fuzz").max_examples,  # pytest --fuzz=N
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


few = settings(fuzz, max_examples=100)


@st.composite
def damage(draw: st.DrawFn, good: bytes) -> bytes:
    """`good` cut, flipped, spliced, repeated, or with a value of its JSON replaced."""
    kind = draw(st.sampled_from(["cut", "flip", "insert", "drop", "replace", "bytes"]))
    place = draw(st.integers(0, len(good) - 1))
    match kind:
        case "cut":
            return good[:place]
        case "flip":
            return (
                good[:place] + bytes([good[place] ^ draw(st.integers(1, 255))]) + good[place + 1 :]
            )
        case "insert":
            return good[:place] + draw(st.binary(max_size=20)) + good[place:]
        case "drop":
            return good[:place] + good[place + draw(st.integers(1, 40)) :]
        case "replace":
            document: dict[str, Any] = json.loads(good)
            part = document.get("drivekeeper", document) if draw(st.booleans()) else document
            part[draw(st.sampled_from(sorted(part)))] = draw(values)
            return json.dumps(document).encode()
        case _:
            return draw(st.binary(max_size=200))


def check(store: TokenStore, data: bytes) -> None:
    """Either it is a credential that can be used and saved, or one of two refusals."""
    (folder_of(store) / "token_501.json").write_bytes(data)
    refusal: CustodyError | None = None
    try:
        loaded = store.load(ANN)
    except (CorruptCredential, OperatorFault) as error:
        refusal = error
    if refusal is not None:
        assert describe(refusal)
        assert "1//0" not in str(refusal)
        if isinstance(refusal, CorruptCredential):
            _set_aside(store, data, refusal.code)
        return
    assert loaded is not None
    assert loaded.owner == ANN
    assert Credential.from_document(ANN, loaded.to_document()).to_document() == loaded.to_document()
    for token in (loaded.access_token, loaded.refresh_token):
        assert token is None or secret(token).isascii()  # it shall go into a header


def _set_aside(store: TokenStore, data: bytes, reason: str) -> None:
    """With its reason, and its bytes as they were (encrypted, where there is a key)."""
    store.copies.set_aside(ANN, reason)
    assert store.load(ANN) is None
    [record] = store.copies.records()
    assert (record.owner, record.reason) == (ANN, reason)
    copy = copy_at(folder_of(store), record.name)
    assert copy.raw() == data or kept_in(KEYRINGS["encrypted"], copy) == data
    store.delete(ANN)


@pytest.mark.parametrize("kind", KEYRINGS)
@given(data=st.data())
@fuzz
@pytest.mark.one_way
def test_a_damaged_file_loads_or_is_refused_as_corrupt_or_as_the_operators(
    kind: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """No other exception ever reaches a sweep or a handler."""
    folder = tmp_path_factory.getbasetemp() / f"fuzz-{kind}"
    store = store_in(folder, KEYRINGS[kind])
    if not folder.exists():
        store.prepare()
    (folder / "token_501.json").unlink(missing_ok=True)
    for left in (folder / "tombstones").glob("*"):
        left.unlink()
    store.save_consent(a_credential())
    good = (folder / "token_501.json").read_bytes()
    check(store, data.draw(damage(good)))


@given(content=values)
@few
def test_any_json_in_an_envelope_loads_or_is_refused(
    content: Any, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The key is right, and what it opens is rubbish."""
    folder = tmp_path_factory.getbasetemp() / "fuzz-content"
    store = store_in(folder, KEYRINGS["encrypted"])
    if not folder.exists():
        store.prepare()
    check_content = KEYRINGS["encrypted"].encrypt(json.dumps(content).encode())
    (folder / "token_501.json").write_bytes(check_content)
    with pytest.raises(CustodyError):
        store.load(ANN)


@pytest.mark.parametrize("kind", KEYRINGS)
def test_swapping_two_files_that_name_their_owners_is_noticed(
    kind: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Neither serves the other."""
    store = store_in(tmp_path_factory.mktemp("swap") / "user_data", KEYRINGS[kind])
    store.prepare()
    store.save_consent(a_credential(ANN))
    store.save_consent(a_credential(BOB))
    ann, bob = folder_of(store) / "token_501.json", folder_of(store) / "token_502.json"
    (third := folder_of(store) / "swap").write_bytes(ann.read_bytes())
    bob.replace(ann)
    third.replace(bob)
    for owner in (ANN, BOB):
        with pytest.raises(CorruptCredential) as caught:
            store.load(owner)
        assert caught.value.code == "wrong_owner"
