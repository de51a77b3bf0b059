"""The contract of a storage: what is read, and what becomes of units. Leases, keys and finding:
test_contract_leases.py, test_contract_keys.py, test_contract_finding.py.

Every test takes a backend and nothing that only one backend has; tests/storage/mutants.py breaks
these rules one by one.
"""

from __future__ import annotations

import json

import pytest

from security.encryption import TokenEncryption, is_encrypted
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.owner_documents import copy_key, credential_key, tombstone_key, tombstone_of
from security.storage.events import Event
from security.storage.protocol import (
    ABSENT,
    ANY,
    Conflict,
    Copy,
    Drop,
    Key,
    Put,
    PutRaw,
    Step,
    Stored,
    Unit,
)
from tests.storage.backends import ANN, BOB, LISTS, PAGES, Backend, Make, new_key, page

ONE, TWO = page("one"), page("two")
COPY = copy_key(f"{ANN.stem}.20260101t000000000001")
ODD_NAMES = ("../x", "x/y", "", ".x", "X", "x y", "x" * 122, "x\n", "ä", "x\0")


# Reading


def test_several_documents_are_read_in_one_call_each_with_its_own_fault(backend: Backend) -> None:
    """Of several kinds; what cannot be read hides nothing beside it."""
    ann = {"refresh_token": "1//0", "drivekeeper": {"owner": ANN.name}}
    backend.put(credential_key(ANN), ann)
    backend.put(tombstone_key(ANN), tombstone_of(ANN, 3))
    backend.plant(ONE, b"damage")
    found = backend.storage.read([credential_key(ANN), ONE, TWO, tombstone_key(ANN)])
    credential, damaged, missing, tombstone = found
    assert isinstance(credential, Stored)
    assert isinstance(damaged, Stored)
    assert isinstance(tombstone, Stored)
    assert missing is None
    assert (credential.document, credential.fault) == (ann, None)
    assert tombstone.open() == {"owner": "user:501", "generation": 3}
    assert damaged.document is None
    with pytest.raises(CorruptCredential) as caught:
        damaged.open()
    assert caught.value is damaged.fault
    assert damaged.raw == b"damage"


@pytest.mark.parametrize("raw", [b"", b"[]", b"null", b'"x"', b"{", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_object_is_damage_and_never_an_error_of_the_storage(
    backend: Backend, raw: bytes
) -> None:
    """It is there, as it stands, and says why it cannot be read."""
    backend.plant(ONE, raw)
    found = backend.stored(ONE)
    assert isinstance(found.fault, CorruptCredential)
    assert found.raw == raw


def test_nothing_is_read_for_no_keys(backend: Backend) -> None:
    """Not an error."""
    assert backend.storage.read([]) == []


def test_what_is_put_is_read_and_sealed_where_there_is_a_key(backend: Backend) -> None:
    """Nested, empty, in any letters; the document crosses the seam in plaintext alone."""
    for document in ({}, {"a": {"b": [1, None, "淡海"]}}, {"sealed": {"kind": "x"}}):
        backend.put(ONE, document)
        found = backend.stored(ONE)
        assert found.document == document
        assert is_encrypted(found.raw) is backend.sealer.is_sealing
        assert found.is_private


def test_names_that_are_none_are_refused_before_anything_is_done(backend: Backend) -> None:
    """A name may become a part of a file's."""
    for name in ODD_NAMES:
        steps: list[Step] = [Put(ONE, {}), Put(page(name), {})]
        for odd in (
            lambda: backend.storage.read([page(name)]),  # noqa: B023 - called at once
            lambda: backend.storage.apply([Unit([Put(TWO, {})]), Unit(steps)]),  # noqa: B023
            lambda: backend.storage.apply([Unit([Copy(ONE, source=page(name))])]),  # noqa: B023
            lambda: backend.storage.lease([name]),  # noqa: B023
        ):
            with pytest.raises(ValueError, match="not a name"):
                odd()
    assert backend.storage.names(PAGES) == []


def test_bytes_are_held_sealed_since_or_not(backend: Backend) -> None:
    """And no others; where there is no document, none are."""
    for raw in (b'{"a": 1}', b"damage"):
        backend.apply(PutRaw(ONE, raw))
        assert backend.storage.holds(ONE, raw)
        assert not backend.storage.holds(ONE, raw + b" ")
        assert not backend.storage.holds(TWO, raw)
    backend.put(ONE, {"a": 1})
    assert backend.storage.holds(ONE, backend.stored(ONE).raw)


def test_what_cannot_be_read_can_be_dropped(backend: Backend) -> None:
    """A read of it fails, with what is beside it untouched; then there is nothing."""
    backend.put(ONE, {"a": 1})
    backend.put(TWO, {"a": 2})
    backend.withhold(ONE)
    withheld, beside = backend.storage.read([ONE, TWO])
    assert isinstance(withheld, OperatorFault)
    assert isinstance(beside, Stored)
    assert backend.storage.names(PAGES) == ["one", "two"]
    assert backend.apply(Drop(ONE)) == [ABSENT]
    assert backend.storage.read([ONE]) == [None]
    assert backend.storage.names(PAGES) == ["two"]


# Versions


def test_a_version_changes_with_every_put_and_not_otherwise(backend: Backend) -> None:
    """Also where the same is put again."""
    versions = [backend.put(ONE, {"a": 1}) for _ in range(20)]
    assert len(set(versions)) == len(versions)
    for _ in range(2):
        assert backend.stored(ONE).version == versions[-1]
    backend.put(TWO, {})
    assert backend.another().read([ONE]) == [backend.stored(ONE)]
    assert not {ABSENT, ANY} & set(versions)


def test_a_foreign_change_changes_the_version(backend: Backend) -> None:
    """Whoever made it knew nothing of versions."""
    version = backend.put(ONE, {"a": 1})
    backend.plant(ONE, backend.stored(ONE).raw)
    assert backend.stored(ONE).version != version
    with pytest.raises(Conflict):
        backend.apply(Put(ONE, {}, version))


def test_a_put_wants_the_version_that_is_there(backend: Backend) -> None:
    """Absent, any, or just this one; else nothing changes."""
    with pytest.raises(Conflict):
        backend.apply(Put(ONE, {"n": 0}, "no such version"))
    assert backend.document(ONE) is None
    [first] = backend.apply(Put(ONE, {"n": 1}, ABSENT))
    for step in (Put(ONE, {"n": 2}, ABSENT), PutRaw(ONE, b"{}", expected=ABSENT)):
        with pytest.raises(Conflict):
            backend.apply(step)
    assert (backend.document(ONE), backend.stored(ONE).version) == ({"n": 1}, first)
    [second] = backend.apply(Put(ONE, {"n": 2}, first))
    with pytest.raises(Conflict):
        backend.apply(Put(ONE, {"n": 3}, first))
    assert (backend.document(ONE), backend.stored(ONE).version) == ({"n": 2}, second)
    backend.apply(Put(ONE, {"n": 4}, ANY))
    assert backend.document(ONE) == {"n": 4}


def test_a_drop_wants_the_version_that_is_there(backend: Backend) -> None:
    """What has gone already is no conflict, unless a version is expected."""
    first = backend.put(ONE, {})
    second = backend.put(ONE, {})
    with pytest.raises(Conflict):
        backend.apply(Drop(ONE, first))
    assert backend.document(ONE) == {}
    assert backend.apply(Drop(ONE, second)) == [ABSENT]
    assert backend.document(ONE) is None
    assert backend.apply(Drop(ONE), Drop(ONE, ABSENT)) == [ABSENT, ABSENT]
    with pytest.raises(Conflict):
        backend.apply(Drop(ONE, second))


# Units


def test_the_steps_of_a_unit_are_made_in_their_order(backend: Backend) -> None:
    """The last one counts; each has its version."""
    versions = backend.apply(
        Put(ONE, {"n": 1}),
        Put(ONE, {"n": 2}),
        Copy(TWO, ONE),
        Drop(ONE),
        Put(ONE, {"n": 3}, ABSENT),
    )
    assert backend.document(ONE) == {"n": 3}
    assert versions[3] == ABSENT
    assert [versions[4], versions[2]] == [backend.stored(key).version for key in (ONE, TWO)]
    assert len(set(versions)) == 5


def test_ones_conflict_is_none_of_anothers(backend: Backend) -> None:
    """Whichever of the units of a call it is, and whatever ends it."""
    version = backend.put(ONE, {"n": 1})
    units = [
        Unit([Put(ONE, {"n": 2}, "old")]),
        Unit([Put(TWO, {"n": 3})]),
        Unit([Put(page("three"), {"n": 4}), Drop(page("three"), "old")]),
        Unit([Put(Key(LISTS, "x"), {"n": 5})]),
        Unit([Copy(page("four"), page("nothing"))]),
    ]
    outcomes = backend.storage.apply(units)
    assert [type(outcome) for outcome in outcomes] == [Conflict, list, Conflict, list, Conflict]
    assert backend.stored(ONE).version == version
    assert backend.document(TWO) == {"n": 3}
    assert backend.document(Key(LISTS, "x")) == {"n": 5}


def test_units_of_one_call_meet_each_other(backend: Backend) -> None:
    """The second one that wants the same version finds it gone."""
    version = backend.put(ONE, {"n": 1})
    outcomes = backend.storage.apply([Unit([Put(ONE, {"n": at}, version)]) for at in (2, 3)])
    assert [type(outcome) for outcome in outcomes] == [list, Conflict]
    assert backend.document(ONE) == {"n": 2}
    raw = backend.stored(ONE).raw
    outcomes = backend.storage.apply([Unit([Copy(TWO, ONE)]), Unit([Drop(ONE)])])
    assert [type(outcome) for outcome in outcomes] == [list, list]
    assert backend.storage.holds(TWO, raw)


def test_a_conflict_leaves_the_steps_before_it_or_none(backend: Backend) -> None:
    """As the backend declares; never one after it."""
    for conflict in (Put(TWO, {}, "old"), Copy(TWO, page("nothing")), Drop(TWO, "old")):
        backend.apply(Drop(ONE), Drop(TWO), Drop(page("three")))
        with pytest.raises(Conflict):
            backend.apply(Put(ONE, {"n": 1}), conflict, Put(page("three"), {}))
        assert (backend.document(ONE) is None) is backend.is_atomic
        assert backend.document(TWO) is backend.document(page("three")) is None


def test_no_units_are_no_trouble(backend: Backend) -> None:
    """Nor is one without steps."""
    assert backend.storage.apply([]) == []
    assert backend.storage.apply([Unit([])]) == [[]]


def test_without_room_nothing_changes(backend: Backend) -> None:
    """It is an operator's fault, and the storage says so when asked."""
    version = backend.put(ONE, {"n": 1})
    with backend.full():
        for step in (Put(ONE, {"n": 2}), PutRaw(ONE, b'{"n": 2}'), Copy(TWO, ONE)):
            with pytest.raises(OperatorFault) as caught:
                backend.apply(step)
            assert caught.value.code == "store_failed"
        with pytest.raises(OperatorFault):
            backend.storage.check_writable()
        with pytest.raises(OperatorFault):
            backend.storage.check_writable(ONE.kind)
    assert (backend.document(ONE), backend.stored(ONE).version) == ({"n": 1}, version)
    assert backend.document(TWO) is None
    backend.storage.check_writable()
    assert set(backend.everything()) == {ONE}


# Copies, and bytes from elsewhere


def test_a_copy_is_as_its_source_stands(make: Make) -> None:
    """Sealed, damaged, or under a key that is not configured: byte for byte."""
    lost, ours = TokenEncryption([new_key()]), new_key()
    backend = make(TokenEncryption([ours]))
    sealed = backend.sealer.seal(*credential_key(ANN), {"client_id": "x"})
    foreign = lost.encrypt(b'{"client_id": "x"}')
    cut = sealed[:-20] + b'"}'
    for raw in (sealed, foreign, cut):
        backend.plant(credential_key(ANN), raw)
        version = backend.stored(credential_key(ANN)).version
        with backend.leased(COPY) as lease:
            backend.apply(Copy(COPY, credential_key(ANN), version), lease=lease)
        assert backend.stored(COPY).raw == raw
        assert backend.storage.holds(COPY, raw)
        assert backend.stored(credential_key(ANN)).version == version
    backend.plant(credential_key(ANN), sealed)
    with backend.leased(COPY) as lease:
        backend.apply(Copy(COPY, credential_key(ANN)), lease=lease)
    assert backend.document(COPY) == {"client_id": "x"}


@pytest.mark.parametrize("raw", [b'{"client_id": "x"}', b"damage", b"", b"\x00\xff"])
def test_a_copy_of_plaintext_is_sealed_under_a_key_and_not_believed(make: Make, raw: bytes) -> None:
    """Whoever put it there had no key; its bytes are kept all the same."""
    backend = make(TokenEncryption([new_key()]))
    backend.plant(credential_key(ANN), raw)
    with backend.leased(COPY) as lease:
        backend.apply(Copy(COPY, credential_key(ANN)), lease=lease)
    copied = backend.stored(COPY)
    assert is_encrypted(copied.raw)
    assert backend.storage.holds(COPY, raw)
    assert copied.document is None
    if raw.startswith(b"{"):
        assert copied.fault is not None
        assert copied.fault.code == "plaintext_refused"


def test_a_copy_without_a_key_is_its_source(make: Make) -> None:
    """And what was believed before is believed there."""
    backend = make(TokenEncryption())
    for raw in (b'{"client_id": "x"}', b"damage"):
        backend.plant(credential_key(ANN), raw)
        with backend.leased(COPY) as lease:
            backend.apply(Copy(COPY, credential_key(ANN)), lease=lease)
        assert backend.stored(COPY).raw == raw


def test_a_copy_wants_the_version_of_its_source(backend: Backend) -> None:
    """What has been judged, and nothing else; what is not there is no copy."""
    old = backend.put(ONE, {"n": 1})
    new = backend.put(ONE, {"n": 2})
    for expected in (old, ABSENT):
        with pytest.raises(Conflict):
            backend.apply(Copy(TWO, ONE, expected))
    with pytest.raises(Conflict):
        backend.apply(Copy(TWO, page("nothing")))
    assert backend.document(TWO) is None
    backend.apply(Copy(TWO, ONE, new))
    assert backend.stored(TWO).raw == backend.stored(ONE).raw


def test_bytes_from_elsewhere_are_believed_where_that_is_said(make: Make) -> None:
    """Else plaintext among them is sealed, and nobody's word."""
    backend = make(TokenEncryption([new_key()]))
    content = json.dumps({"n": 1}).encode()
    backend.apply(PutRaw(ONE, content, is_believed=True), PutRaw(TWO, content))
    assert backend.document(ONE) == {"n": 1}
    assert is_encrypted(backend.stored(ONE).raw)
    assert is_encrypted(backend.stored(TWO).raw)
    with pytest.raises(OperatorFault) as caught:
        backend.document(TWO)
    assert caught.value.code == "plaintext_refused"


@pytest.mark.parametrize("is_believed", [False, True])
def test_sealed_bytes_from_elsewhere_stay_as_they_are(make: Make, is_believed: bool) -> None:
    """Be they readable or not."""
    backend = make(TokenEncryption([new_key()]))
    ours = backend.sealer.seal(PAGES, "one", {"n": 1})
    theirs = TokenEncryption([new_key()]).encrypt(b"{}")
    for raw in (theirs, ours):
        backend.apply(PutRaw(ONE, raw, is_believed))
        assert backend.stored(ONE).raw == raw
    assert backend.document(ONE) == {"n": 1}


def test_plaintext_takes_no_sealed_documents_place(make: Make) -> None:
    """By no step: the key was forgotten."""
    backend = make(TokenEncryption([new_key()]))
    backend.put(ONE, {"n": 1})
    before = backend.stored(ONE)
    without_key = backend.another(TokenEncryption())
    backend.plant(TWO, b'{"n": 2}')
    for step in (Put(ONE, {"n": 2}), PutRaw(ONE, b"{}"), PutRaw(ONE, b"{}", True), Copy(ONE, TWO)):
        [outcome] = without_key.apply([Unit([step])])
        assert isinstance(outcome, OperatorFault)
        assert outcome.code == "key_missing"
    assert backend.stored(ONE) == before


# Events


def test_events_are_written_once_their_unit_is_made(backend: Backend) -> None:
    """None of a unit that failed, none twice, each with its owner's mask."""
    backend.apply(
        Put(ONE, {}), events=(Event("refreshed", ANN), Event("denied", None, "access_denied"))
    )
    units = [
        Unit([Put(ONE, {}), Put(TWO, {}, "old")], events=[Event("revoked", BOB)]),
        Unit([Put(TWO, {})], events=[Event("restored", BOB)]),
    ]
    backend.storage.apply(units)
    backend.storage.record([Event("purged", ANN)])
    assert backend.whole_history() == [
        ("refreshed", "ok"),
        ("denied", "access_denied"),
        ("restored", "ok"),
        ("purged", "ok"),
    ]


def test_a_fault_of_one_step_is_told_in_its_unit_alone(backend: Backend) -> None:
    """An exception is an outcome, never what `apply` itself raises."""
    with backend.full():
        outcomes = backend.storage.apply([Unit([Put(ONE, {})]), Unit([Drop(TWO)])])
    assert isinstance(outcomes[0], CustodyError)
    assert outcomes[1] == [ABSENT]
