"""The contract of a storage: re-sealing, keys that do not fit, and documents not to be believed."""

from __future__ import annotations

import json

import pytest
from pydantic import SecretStr

from security.encryption import TokenEncryption, fingerprint, is_encrypted
from security.errors import CorruptCredential, OperatorFault
from security.owner_documents import (
    CREDENTIALS,
    QUARANTINE,
    TOMBSTONES,
    copy_key,
    credential_key,
    tombstone_key,
)
from security.storage.catalogue import Kind
from security.storage.protocol import ABSENT, Conflict, Drop, Key, Put, PutRaw, Stored, Unit
from security.storage.sealing import Sealer
from tests.storage.backends import ANN, BOB, LISTS, PAGES, Backend, Make, new_key, page

ONE, TWO = page("one"), page("two")
PLAIN = b'{"n": 1}'


def sealing(*keys: SecretStr, required: bool | None = None) -> TokenEncryption:
    """A keyring; with a key of its own where none is given."""
    return TokenEncryption(keys or [new_key()], required=required)


# Re-sealing


def test_a_reseal_keeps_the_content_and_raises_the_version(make: Make) -> None:
    """Under the newest key; a save based on what was read before meets a conflict."""
    old, new = new_key(), new_key()
    backend = make(sealing(old))
    version = backend.put(ONE, {"n": 1})
    both = backend.another(sealing(new, old))
    rotated = sealing(new, old)

    def convert(raw: bytes) -> bytes:
        return rotated.encrypt(rotated.decrypt(raw))

    assert both.reseal(ONE, convert, None) == "changed"
    [found] = both.read([ONE])
    assert found is not None
    assert not isinstance(found, Exception)
    assert (found.document, found.version != version) == ({"n": 1}, True)
    assert fingerprint(new).encode() in found.raw
    with pytest.raises(Conflict):
        backend.apply(Put(ONE, {"n": 2}, version))


def test_a_reseal_says_what_it_found(backend: Backend) -> None:
    """Nothing there: vanished. Nothing to do: already, and nothing has changed."""
    assert backend.storage.reseal(ONE, lambda raw: raw, None) == "vanished"
    version = backend.put(ONE, {"n": 1})
    seen: list[bytes] = []
    assert backend.storage.reseal(ONE, seen.append, None) == "already"
    assert seen == [backend.stored(ONE).raw]
    assert backend.stored(ONE).version == version
    assert set(backend.everything()) == {ONE}


def test_what_a_reseals_conversion_raises_changes_nothing(backend: Backend) -> None:
    """And comes out as it is; the next change finds nothing held."""
    before = backend.put(ONE, {"n": 1})

    def refuse(raw: bytes) -> bytes:
        raise CorruptCredential("not to be converted", code="tampered")

    with pytest.raises(CorruptCredential) as caught:
        backend.storage.reseal(ONE, refuse, None)
    assert caught.value.code == "tampered"
    assert backend.stored(ONE).version == before
    assert backend.put(ONE, {"n": 2}) != before


def test_a_reseal_without_room_changes_nothing(backend: Backend) -> None:
    """An operator's fault."""
    before = backend.put(ONE, {"n": 1})
    with backend.full(), pytest.raises(OperatorFault):
        backend.storage.reseal(ONE, lambda raw: raw + b" ", None)
    assert backend.stored(ONE).version == before


def test_a_leased_document_is_resealed_under_its_lease(backend: Backend) -> None:
    """As any change of it."""
    version = backend.put(credential_key(ANN), {"n": 1})
    with backend.leased(credential_key(ANN)) as lease:
        outcome = backend.storage.reseal(credential_key(ANN), lambda raw: raw, lease)
    assert outcome == "changed"
    assert backend.document(credential_key(ANN)) == {"n": 1}
    assert backend.stored(credential_key(ANN)).version != version


def test_what_was_resealed_is_found_by_what_it_holds(backend: Backend) -> None:
    """Also where a conversion has changed that."""
    backend.put(ONE, {"colour": "red", "due": 5})
    backend.storage.reseal(ONE, lambda raw: raw, None)
    assert backend.storage.find(PAGES, "colour", "red") == ["one"]
    blue = backend.sealer.seal(PAGES, "one", {"colour": "blue"})
    backend.storage.reseal(ONE, lambda raw: blue, None)
    assert backend.storage.find(PAGES, "colour", "red") == []
    assert backend.storage.find(PAGES, "colour", "blue") == ["one"]


# Keys that do not fit what is kept


def refusal(backend: Backend, keyring: TokenEncryption) -> OperatorFault | None:
    """What keeps a process with these keys from starting; None: nothing."""
    storage = backend.another(keyring)
    before = backend.everything()
    faults = []
    for start in (storage.check_keys, storage.open):
        try:
            start()
        except OperatorFault as fault:
            faults.append(fault)
    assert len(faults) in (0, 2)
    assert backend.everything() == before
    return faults[0] if faults else None


def test_an_empty_storage_opens_with_any_keys(make: Make) -> None:
    """And so does one with damage alone."""
    backend = make(sealing())
    for keyring in (TokenEncryption(), sealing(), sealing(required=False)):
        assert refusal(backend, keyring) is None
    backend.plant(credential_key(ANN), b"damage")
    backend.plant(ONE, b"")
    for keyring in (TokenEncryption(), sealing(), sealing(required=False)):
        assert refusal(backend, keyring) is None


@pytest.mark.parametrize("kind", [CREDENTIALS, TOMBSTONES, QUARANTINE, PAGES, LISTS])
def test_without_a_key_nothing_sealed_may_be_there(make: Make, kind: Kind) -> None:
    """Of any kind; the key that is missing is named."""
    key = new_key()
    backend = make(sealing(key))
    backend.put(Key(kind, ANN.stem), {})
    fault = refusal(backend, TokenEncryption())
    assert fault is not None
    assert fault.code == "key_missing"
    assert fingerprint(key) in str(fault)
    assert refusal(backend, sealing(key)) is None


def test_where_no_sealed_credential_opens_the_keys_are_refused(make: Make) -> None:
    """The key that most of them want is named first; one that opens is enough."""
    lost, rare, ours = new_key(), new_key(), new_key()
    backend = make(sealing(ours))
    for owner, key in ((ANN, rare), (BOB, lost)):
        raw = sealed_under(key, credential_key(owner))
        backend.plant(credential_key(owner), raw)
    third = Key(CREDENTIALS, "token_503")
    backend.plant(third, sealed_under(lost, third))
    backend.put(ONE, {"n": 1})  # opens, but credentials decide
    fault = refusal(backend, sealing(ours))
    assert fault is not None
    assert fault.code == "unknown_key"
    assert f"{fingerprint(lost)}, {fingerprint(rare)}" in str(fault)
    backend.plant(third, sealed_under(ours, third))
    assert refusal(backend, sealing(ours)) is None
    assert refusal(backend, sealing(ours, lost)) is None


def sealed_under(key: SecretStr, at: Key) -> bytes:
    """A document sealed under this key."""
    return Sealer(sealing(key)).seal(at.kind, at.name, {"n": 1})


def test_where_no_credential_is_sealed_the_kinds_in_use_decide(make: Make) -> None:
    """What the bot can do without is no reason to refuse a start."""
    backend = make(sealing())
    lost = new_key()
    for key in (tombstone_key(ANN), copy_key(f"{ANN.stem}.x"), Key(LISTS, "a")):
        backend.plant(key, sealed_under(lost, key))
    assert refusal(backend, sealing()) is None
    backend.plant(ONE, sealed_under(lost, ONE))
    fault = refusal(backend, sealing())
    assert fault is not None
    assert fault.code == "unknown_key"


def test_plaintext_alone_is_refused_where_a_key_is_required(make: Make) -> None:
    """Mixed with sealed documents it is each document's own matter."""
    key = new_key()
    backend = make(TokenEncryption())
    backend.put(ONE, {"n": 1})
    fault = refusal(backend, sealing(key))
    assert fault is not None
    assert fault.code == "plaintext_refused"
    assert refusal(backend, sealing(key, required=False)) is None
    assert refusal(backend, TokenEncryption()) is None
    backend.plant(TWO, sealed_under(key, TWO))
    assert refusal(backend, sealing(key)) is None


def test_of_what_is_looked_at_to_try_the_keys_nobody_is_told(make: Make) -> None:
    """Whoever starts it again and again would fill the log and the trail with that."""
    backend = make(TokenEncryption())
    for key in (credential_key(ANN), tombstone_key(ANN), ONE):
        backend.put(key, {"name": "another"} if key is ONE else {})
    storage = backend.another(sealing())
    for start in (storage.check_keys, storage.open):
        with pytest.raises(OperatorFault):
            start()
    backend.another(TokenEncryption()).open()
    assert backend.told == []
    assert storage.sealer.refusals.standing() == {}


def test_a_document_that_cannot_be_read_decides_nothing(make: Make) -> None:
    """The others do."""
    key = new_key()
    backend = make(sealing(key))
    for owner in (ANN, BOB):
        backend.put(credential_key(owner), {})
    backend.withhold(credential_key(ANN))
    backend.another(sealing(key)).open()
    with pytest.raises(OperatorFault) as caught:
        backend.another(TokenEncryption()).check_keys()
    assert caught.value.code == "key_missing"
    backend.withhold(credential_key(BOB))
    backend.another(TokenEncryption()).check_keys()


def test_a_storage_that_cannot_be_written_does_not_open(backend: Backend) -> None:
    """Better now than when a token has been spent."""
    with backend.full(), pytest.raises(OperatorFault) as caught:
        backend.another().open()
    assert caught.value.code == "store_failed"


def test_a_storage_is_prepared_for_whoever_is_to_mend_its_keys_or_its_room(make: Make) -> None:
    """What does not open can still be looked at, listed and removed."""
    backend = make(sealing())
    backend.put(ONE, {"n": 1})
    storage = backend.another(TokenEncryption())
    with backend.full():
        storage.prepare()
        storage.prepare([PAGES])
    [found] = storage.read([ONE])
    assert isinstance(found, Stored)
    assert isinstance(found.fault, OperatorFault)
    assert storage.names(PAGES) == ["one"]
    assert storage.apply([Unit([Drop(ONE)])]) == [[ABSENT]]


# Documents that are not believed


def test_a_sealed_document_is_refused_under_any_other_name(make: Make) -> None:
    """Another's, of another kind, or moved; each is told once, by kind, owner and code."""
    backend = make(sealing())
    backend.put(credential_key(ANN), {"n": 1})
    backend.put(ONE, {"n": 1})
    anns, one = backend.stored(credential_key(ANN)).raw, backend.stored(ONE).raw
    cases = [
        (credential_key(BOB), anns, BOB, "wrong_owner"),
        (TWO, one, None, "wrong_document"),
        (Key(LISTS, "one"), one, None, "wrong_document"),
        (credential_key(ANN), one, ANN, "wrong_owner"),
        (tombstone_key(ANN), anns, ANN, "wrong_document"),
        (copy_key(f"{BOB.stem}.20260101t000000000001"), anns, BOB, "wrong_owner"),
    ]
    for key, raw, owner, code in cases:
        backend.told.clear()
        backend.plant(key, raw)
        for _ in range(2):
            found = backend.stored(key)
            assert found.document is None
            assert found.fault is not None
            assert found.fault.code == code
            assert found.raw == raw
        assert backend.told == [(key.kind, owner, code)]
    assert backend.sealer.refusals.standing()["wrong_document"] == 2  # a page has a time of its own


def test_plaintext_is_refused_under_a_key_and_told(make: Make) -> None:
    """Of whatever kind, until it is gone or sealed."""
    backend = make(sealing())
    for key in (ONE, tombstone_key(ANN), Key(LISTS, "a")):
        backend.plant(key, json.dumps({}).encode())
        found = backend.stored(key)
        assert isinstance(found.fault, OperatorFault)
        assert found.fault.code == "plaintext_refused"
    assert len(backend.told) == 3
    assert sum(backend.sealer.refusals.standing().values()) == 2  # a page has a time of its own
    backend.take_away(Key(LISTS, "a"))
    with backend.leased(tombstone_key(ANN)) as lease:
        backend.apply(Put(tombstone_key(ANN), {}), lease=lease)
    assert sum(backend.sealer.refusals.standing().values()) == 0


def test_plaintext_is_believed_by_its_own_words_without_a_key(make: Make) -> None:
    """What names another document inside is refused all the same."""
    backend = make(TokenEncryption())
    backend.plant(ONE, b'{"name": "two"}')
    backend.plant(TWO, b'{"name": "two", "n": 1}')
    backend.plant(tombstone_key(ANN), b'{"owner": "user:502", "generation": 1}')
    backend.plant(credential_key(ANN), b'{"drivekeeper": {"owner": "user:502"}}')
    codes = {}
    for key in (ONE, TWO, tombstone_key(ANN), credential_key(ANN)):
        fault = backend.stored(key).fault
        codes[key] = fault.code if fault else None
    assert codes == {
        ONE: "wrong_document",
        TWO: None,
        tombstone_key(ANN): "wrong_document",
        credential_key(ANN): "wrong_owner",
    }
    assert len(backend.told) == 3


def test_plaintext_is_read_beside_a_key_where_that_is_allowed(make: Make) -> None:
    """And sealed by the next put."""
    backend = make(sealing(required=False))
    backend.plant(ONE, PLAIN)
    assert backend.document(ONE) == {"n": 1}
    backend.put(ONE, {"n": 1})
    assert is_encrypted(backend.stored(ONE).raw)
    assert backend.told == []


def test_a_readers_refusal_is_told_once_and_looked_at_again(backend: Backend) -> None:
    """An older generation than one that was seen, which no storage can know."""
    key, standing = tombstone_key(ANN), True

    def look() -> None:
        if standing:
            raise OperatorFault("an older one", code="older_generation")

    for _ in range(2):
        backend.storage.sealer.refusals.note(key.kind, key.name, "older_generation", look)
    assert backend.told == [(TOMBSTONES, ANN, "older_generation")]
    assert backend.sealer.refusals.standing() == {"older_generation": 1}
    standing = False
    assert backend.sealer.refusals.standing() == {}


def test_tampered_bytes_are_damage(make: Make) -> None:
    """No operator can mend them."""
    backend = make(sealing())
    backend.put(ONE, {"n": 1})
    raw = backend.stored(ONE).raw
    for damaged in (raw.replace(b"gAAAA", b"gAAAB"), raw[:-30] + b'"}', raw[: len(raw) // 2]):
        backend.apply(PutRaw(ONE, damaged))
        assert isinstance(backend.stored(ONE).fault, CorruptCredential)


def test_a_lost_key_is_an_operators_matter(make: Make) -> None:
    """It names the key, and nobody is told of a document not to be believed."""
    lost = new_key()
    backend = make(sealing())
    backend.plant(ONE, sealed_under(lost, ONE))
    fault = backend.stored(ONE).fault
    assert isinstance(fault, OperatorFault)
    assert fault.code == "unknown_key"
    assert fingerprint(lost) in str(fault)
    assert backend.told == []
