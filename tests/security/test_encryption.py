"""The keyring: what it seals opens again, and nothing else does."""

from __future__ import annotations

import json
import traceback

import pytest
from cryptography.fernet import Fernet
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from security import encryption
from security.encryption import TokenEncryption, fingerprint, is_encrypted
from security.errors import CorruptCredential, CustodyError, OperatorFault
from tests.security.kit import new_key

OLD, NEW, OTHER = new_key(), new_key(), new_key()
PLAIN = b'{"refresh_token": "1//0canary"}'
quick = settings(max_examples=100, deadline=None, database=None)


def envelope(keyring: TokenEncryption, **changes: object) -> bytes:
    """A sealed file with some of its fields changed; None takes a field out."""
    document = json.loads(keyring.encrypt(PLAIN)) | changes
    return json.dumps({k: v for k, v in document.items() if v is not None}).encode()


@given(st.binary())
@quick
def test_whatever_is_encrypted_comes_back_and_does_not_show(data: bytes) -> None:
    """Any bytes, also those that look like an envelope or a token."""
    sealed = TokenEncryption([NEW]).encrypt(data)
    assert TokenEncryption([NEW]).decrypt(sealed) == data
    assert is_encrypted(sealed)
    assert len(data) < 6 or data not in sealed


@given(st.dictionaries(st.text(), st.integers()).map(lambda d: json.dumps(d).encode()))
@quick
def test_without_a_key_documents_stay_as_they_are(data: bytes) -> None:
    """Plaintext in, plaintext out."""
    assert TokenEncryption().decrypt(TokenEncryption().encrypt(data)) == data


def test_an_envelope_names_its_version_algorithm_and_key() -> None:
    """The shape the design fixes."""
    document = json.loads(TokenEncryption([NEW]).encrypt(PLAIN))
    assert document.pop("data").startswith("gAAAA")
    assert document == {"v": 1, "alg": "fernet", "kid": fingerprint(NEW)}


def test_a_kid_is_stable_differs_by_key_and_holds_no_part_of_it() -> None:
    """It goes into operators' messages."""
    assert fingerprint(NEW) == fingerprint(SecretStr(NEW.get_secret_value()))
    assert fingerprint(NEW) != fingerprint(OLD)
    assert len(fingerprint(NEW)) == 12
    assert fingerprint(NEW) not in NEW.get_secret_value()


def test_old_keys_open_and_the_newest_encrypts() -> None:
    """Rotation: put the new key first, keep the old one behind it."""
    rotated = TokenEncryption([NEW, OLD])
    assert rotated.decrypt(TokenEncryption([OLD]).encrypt(PLAIN)) == PLAIN
    assert json.loads(rotated.encrypt(PLAIN))["kid"] == rotated.kid == fingerprint(NEW)


def test_a_key_that_is_not_configured_is_named_to_the_operator() -> None:
    """Not a corrupt file: the operator has to bring the key back."""
    with pytest.raises(OperatorFault, match=fingerprint(OTHER)) as caught:
        TokenEncryption([NEW, OLD]).decrypt(TokenEncryption([OTHER]).encrypt(PLAIN))
    assert "put it there, behind the others, or see “A key is lost”" in str(caught.value)
    assert caught.value.code == "unknown_key"


def test_a_wrong_kid_does_not_keep_a_file_from_its_key() -> None:
    """An envelope whose kid is not configured is tried with every key."""
    assert TokenEncryption([NEW, OLD]).decrypt(envelope(TokenEncryption([OLD]), kid="0" * 12))


def test_a_damaged_kid_is_not_repeated_in_the_message() -> None:
    """Only fingerprints are shown: anything could stand there."""
    with pytest.raises(OperatorFault) as caught:
        TokenEncryption([NEW]).decrypt(envelope(TokenEncryption([OTHER]), kid="1//0canary"))
    assert "canary" not in str(caught.value)


def test_without_any_key_an_envelope_is_an_operator_fault_that_names_the_key() -> None:
    """The most likely mistake: the variable was forgotten."""
    with pytest.raises(OperatorFault, match=fingerprint(NEW)) as caught:
        TokenEncryption().decrypt(TokenEncryption([NEW]).encrypt(PLAIN))
    assert caught.value.code == "key_missing"


@pytest.mark.parametrize("change", [{"v": 2}, {"v": None}, {"v": "1"}, {"alg": "aes"}, {"alg": 1}])
def test_an_unknown_version_or_algorithm_is_an_operator_fault(change: dict[str, object]) -> None:
    """A newer version wrote it; throwing it away would be wrong."""
    with pytest.raises(OperatorFault) as caught:
        TokenEncryption([NEW]).decrypt(envelope(TokenEncryption([NEW]), **change))
    assert caught.value.code == "unknown_envelope"


@pytest.mark.parametrize(
    "change", [{"data": None}, {"data": 5}, {"kid": None}, {"kid": 5}, {"data": ""}]
)
def test_an_envelope_without_its_parts_is_corrupt(change: dict[str, object]) -> None:
    """Nothing an operator could bring back."""
    with pytest.raises(CorruptCredential):
        TokenEncryption([NEW]).decrypt(envelope(TokenEncryption([NEW]), **change))


@given(st.integers(min_value=0, max_value=10_000), st.integers(min_value=1, max_value=255))
@quick
def test_a_changed_byte_of_the_ciphertext_is_noticed(position: int, flip: int) -> None:
    """Fernet signs; base64's padding bits at the very end carry no information."""
    keyring = TokenEncryption([NEW])
    token = bytearray(json.loads(keyring.encrypt(PLAIN))["data"].encode())
    position %= len(token)
    token[position] ^= flip
    try:
        opened = keyring.decrypt(envelope(keyring, data=token.decode("latin-1")))
    except CorruptCredential:
        return
    assert opened == PLAIN  # base64 has more than one spelling of the same bytes


@given(st.integers(min_value=0))
@quick
def test_a_cut_ciphertext_is_corrupt(length: int) -> None:
    """A crash of another program while it was writing."""
    keyring = TokenEncryption([NEW])
    token: str = json.loads(keyring.encrypt(PLAIN))["data"]
    with pytest.raises(CorruptCredential):
        keyring.decrypt(envelope(keyring, data=token[: length % (len(token) - 4)]))


def test_a_bare_fernet_token_opens_with_any_key() -> None:
    """Other programs keep the token alone, with a newline at its end."""
    token = Fernet(OLD.get_secret_value()).encrypt(PLAIN) + b"\n"
    assert is_encrypted(token)
    assert TokenEncryption([NEW, OLD]).decrypt(token) == PLAIN


@pytest.mark.parametrize(("keys", "code"), [((NEW,), "unknown_key"), ((), "key_missing")])
def test_a_bare_token_that_no_key_opens_is_an_operator_fault(
    keys: tuple[SecretStr, ...], code: str
) -> None:
    """Whether its key is missing or it is damaged cannot be told, so nobody is quarantined."""
    with pytest.raises(OperatorFault) as caught:
        TokenEncryption(keys).decrypt(Fernet(OTHER.get_secret_value()).encrypt(PLAIN))
    assert caught.value.code == code


def test_plaintext_is_read_beside_a_key_only_where_that_is_said() -> None:
    """TOKEN_REQUIRE_ENCRYPTION=false; the next save encrypts it."""
    assert TokenEncryption([NEW], required=False).decrypt(PLAIN) == PLAIN


@pytest.mark.parametrize("required", [True, None])
def test_with_a_key_plaintext_is_refused(required: bool | None) -> None:
    """Else whoever can write into the folder needs no key."""
    with pytest.raises(OperatorFault) as caught:
        TokenEncryption([NEW], required=required).decrypt(PLAIN)
    assert caught.value.code == "plaintext_refused"


@pytest.mark.parametrize("data", [b"", b"rubbish", b"[1]", b'{"v": 1, "alg": "fernet", "da'])
def test_with_a_key_what_is_neither_sealed_nor_a_document_is_damage(data: bytes) -> None:
    """Nothing an operator could believe: a credential goes into quarantine."""
    with pytest.raises(CorruptCredential) as caught:
        TokenEncryption([NEW]).decrypt(data)
    assert caught.value.code == "unreadable"


def test_required_encryption_without_a_key_cannot_be_set_up() -> None:
    """Else it would write plaintext."""
    with pytest.raises(OperatorFault) as caught:
        TokenEncryption(required=True)
    assert caught.value.code == "key_missing"


def test_encrypt_and_decrypt_leave_plaintext_alone_without_a_keyring() -> None:
    """The two functions of the specification degrade."""
    encryption.install(TokenEncryption())
    assert encryption.decrypt(encryption.encrypt(PLAIN)) == encryption.encrypt(PLAIN) == PLAIN


def test_encrypt_and_decrypt_use_the_installed_keyring() -> None:
    """The composition root installs it."""
    try:
        encryption.install(TokenEncryption([NEW]))
        assert encryption.encrypt(PLAIN) != PLAIN
        assert encryption.decrypt(encryption.encrypt(PLAIN)) == PLAIN
    finally:
        encryption.install(TokenEncryption())


def test_a_keyring_shows_no_key() -> None:
    """Neither as text nor in its attributes' text."""
    keyring = TokenEncryption([NEW])
    shown = f"{keyring!r} {keyring} {vars(keyring)!r}"
    assert NEW.get_secret_value()[:8] not in shown


@pytest.mark.parametrize(
    "data",
    [
        TokenEncryption([OTHER]).encrypt(PLAIN),
        envelope(TokenEncryption([NEW]), data="gAAAAcanary"),
        Fernet(OTHER.get_secret_value()).encrypt(PLAIN),
    ],
    ids=["another key", "damaged", "bare"],
)
def test_a_refusal_shows_neither_key_nor_content(data: bytes) -> None:
    """Its whole traceback may end up in a terminal."""
    with pytest.raises(CustodyError) as caught:
        TokenEncryption([NEW]).decrypt(data)
    shown = "".join(traceback.format_exception(caught.value))
    assert "canary" not in shown
    assert NEW.get_secret_value()[:8] not in shown
    assert data.decode()[-40:] not in shown
