"""Custody's rules over every storage: what TokenStore and Quarantine make of versions and units.

Where a process dies after any beginning of any unit, the next start finds no credential lost, and
none that has ended.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from security.credential import Credential
from security.encryption import TokenEncryption
from security.errors import CustodyError, GenerationConflict, RestoreRefused
from security.owner_documents import (
    CREDENTIALS,
    QUARANTINE,
    copy_key,
    credential_key,
    tombstone_key,
)
from security.storage.catalogue import NOTE
from security.storage.events import Event
from security.storage.protocol import Conflict, Drop
from security.token_store import Save, TokenStore
from tests.storage.backends import ANN, BOB, MASK, STOPPABLE, Backend, MemoryBackend, page
from tests.storage.memory import MemoryStorage, Stopped

KEY = credential_key(ANN)
FIRST = "1//0first"


def a_credential(token: str = FIRST, **changes: Any) -> Credential:
    """One that nobody issued."""
    made = Credential(
        owner=ANN,
        client_id="client.apps.googleusercontent.com",
        refresh_token=SecretStr(token),
        access_token=SecretStr("ya29.access"),
        expires_at=datetime.now(UTC) + timedelta(hours=1),
    )
    return replace(made, **changes)


def store_of(backend: Backend) -> TokenStore:
    """Custody's, over the backend as it is now."""
    return TokenStore(backend.storage, MASK)


def token_of(credential: Credential | None) -> str | None:
    """Its refresh token."""
    if credential is None or credential.refresh_token is None:
        return None
    return credential.refresh_token.get_secret_value()


def reseal(backend: Backend) -> None:
    """Somebody seals the credential anew: another version, the same generation."""
    with backend.leased(KEY) as lease:
        again = backend.sealer.seal(*KEY, backend.stored(KEY).open())
        assert backend.storage.reseal(KEY, lambda raw: again, lease) == "changed"


# A version is the storage's; a generation custody's


def test_a_save_under_a_resealed_version_is_judged_by_its_generation(backend: Backend) -> None:
    """The only valid refresh token is lost to nobody but a newer one."""
    store = store_of(backend)
    first = store.save_newest(a_credential())
    seen = store.read(ANN)
    reseal(backend)
    assert backend.stored(KEY).version != seen.version
    with store.leased(ANN) as lease:
        save = Save(replace(first, refresh_token=SecretStr("1//0new")), 1, lease, seen)
        [saved] = store.save_all([save])
    assert isinstance(saved, Credential)
    assert saved.generation == 2
    assert token_of(store.load(ANN)) == "1//0new"


def test_a_save_over_another_generation_is_refused(backend: Backend) -> None:
    """Whatever was read before."""
    store = store_of(backend)
    first = store.save_newest(a_credential())
    seen = store.read(ANN)
    newer = store.save_newest(a_credential("1//0newer"))
    with store.leased(ANN) as lease:
        [outcome] = store.save_all([Save(first, 1, lease, seen)])
    assert isinstance(outcome, GenerationConflict)
    assert token_of(store.load(ANN)) == token_of(newer)


@pytest.mark.parametrize("change", ["delete", "leave", "set aside"])
def test_a_save_over_an_end_is_refused(backend: Backend, change: str) -> None:
    """A slow refresh brings nobody back."""
    store = store_of(backend)
    first = store.save_newest(a_credential())
    seen = store.read(ANN)
    if change == "delete":
        store.delete(ANN)
    elif change == "leave":
        store.mark_leaving(ANN)
    else:
        store.copies.set_aside(ANN, "invalid_grant")
    before = backend.everything()
    with store.leased(ANN) as lease:
        [outcome] = store.save_all([Save(first, 1, lease, seen, events=[Event("refreshed", ANN)])])
    assert isinstance(outcome, GenerationConflict)
    assert backend.everything() == before
    assert ("refreshed", "ok") not in backend.whole_history()


def test_a_save_is_tried_five_times(make_stoppable: MemoryBackend) -> None:
    """While somebody re-seals again and again; then the conflict itself is told."""
    backend = make_stoppable
    store = store_of(backend)
    first = store.save_newest(a_credential())
    assert isinstance(backend.storage, MemoryStorage)
    backend.storage.reseals = 4
    assert store.save(first, based_on=1).generation == 2
    backend.storage.reseals = 5
    with pytest.raises(Conflict):
        store.save(first, based_on=2)
    backend.storage.reseals = 0
    assert store.save(first, based_on=2).generation == 3


def test_a_consent_counts_though_keys_were_rotated_beside_it(
    make_stoppable: MemoryBackend,
) -> None:
    """As where a process stood still, and its lease has lapsed: another version, no newer one."""
    backend = make_stoppable
    store = store_of(backend)
    store.save_newest(a_credential())
    assert isinstance(backend.storage, MemoryStorage)
    backend.storage.reseals = 1
    assert store.save_newest(a_credential("1//0next")).generation == 2


def test_a_reservation_serves_the_save_that_follows_a_reseal(backend: Backend) -> None:
    """It was had before the token was spent."""
    store = store_of(backend)
    first = store.save_newest(a_credential())
    old = store.read(ANN)
    reseal(backend)
    with store.leased(ANN) as lease:
        reservation = store.reserve(ANN, store.read(ANN), lease)
        [saved] = store.save_all([Save(first, 1, lease, old, reservation)])
    assert isinstance(saved, Credential)
    assert not reservation.is_open
    assert token_of(store.load(ANN)) == token_of(first)


def test_of_several_saves_each_has_its_own_end(backend: Backend) -> None:
    """In one call."""
    store = store_of(backend)
    ann = store.save_newest(a_credential())
    bob = store.save_newest(a_credential("1//0bob", owner=BOB))
    with store.leased(ANN) as anns, store.leased(BOB) as bobs:
        outcomes = store.save_all([Save(ann, 7, anns), Save(bob, 1, bobs)])
    assert isinstance(outcomes[0], GenerationConflict)
    assert isinstance(outcomes[1], Credential)
    assert outcomes[1].generation == 2


# What has ended


def test_what_has_ended_does_not_come_back(backend: Backend) -> None:
    """In this process, or after a restart."""
    store = store_of(backend)
    store.save_newest(a_credential())
    old = backend.stored(KEY).raw
    for end in (store.delete, lambda owner: store.copies.set_aside(owner, "invalid_grant")):
        store.save_newest(a_credential("1//0next"))
        next_one = backend.stored(KEY).raw
        end(ANN)
        for raw in (old, next_one):
            backend.plant(KEY, raw)
            assert store.load(ANN) is None
            assert store_of(backend).load(ANN) is None
            with pytest.raises(GenerationConflict):
                store.save(a_credential(), based_on=1)
        backend.take_away(KEY)
    assert store.save_newest(a_credential()).generation > 3


def test_an_older_generation_than_was_seen_is_not_believed(backend: Backend) -> None:
    """By this process; told once as an incident."""
    store = store_of(backend)
    store.save_newest(a_credential())
    old = backend.stored(KEY).raw
    newest = store.save_newest(a_credential("1//0next"))
    new = backend.stored(KEY).raw
    backend.plant(KEY, old)
    for _ in range(2):
        with pytest.raises(CustodyError) as caught:
            store.load(ANN)
        assert caught.value.code == "older_generation"
    assert backend.told == [(CREDENTIALS, ANN, "older_generation")]
    backend.plant(KEY, new)
    assert token_of(store.load(ANN)) == token_of(newest)


def test_copies_that_go_count_as_one_more_end(backend: Backend) -> None:
    """No archive from before may bring them back; where none goes, nothing more has ended."""
    store = store_of(backend)
    store.save_newest(a_credential())
    store.copies.set_aside(ANN, "invalid_grant")
    assert backend.document(tombstone_key(ANN)) == {"owner": ANN.name, "generation": 1}
    for _ in range(2):
        store.delete(ANN)
        assert backend.document(tombstone_key(ANN)) == {"owner": ANN.name, "generation": 2}


def test_the_newest_is_newer_than_what_it_was_elsewhere(backend: Backend) -> None:
    """A copy from another installation has counted on its own."""
    store = store_of(backend)
    store.save_newest(a_credential())
    assert store.save_newest(a_credential(generation=41)).generation == 42


# Set aside, and restored


@pytest.mark.parametrize("damage", [None, b"damage", b"", b"\x00\xff"])
def test_what_is_set_aside_is_kept_byte_for_byte(backend: Backend, damage: bytes | None) -> None:
    """Beside a note; a restore brings back what can be used."""
    store = store_of(backend)
    store.save_newest(a_credential())
    if damage is not None:
        backend.plant(KEY, damage)
    raw = backend.stored(KEY).raw
    assert store.copies.set_aside(ANN, "tampered", events=[Event("quarantined", ANN, "tampered")])
    [record] = store.copies.records()
    assert (record.reason, record.told) == ("tampered", False)
    assert store.copies._holds(record.name, raw)
    assert backend.document(KEY) is None
    assert backend.whole_history() == [("quarantined", "tampered")]
    if damage is not None:
        with pytest.raises(CustodyError):
            store.copies.restore(record.name)
        return
    store.copies.restore(record.name)
    assert token_of(store.load(ANN)) == "1//0first"
    assert backend.storage.names(QUARANTINE) == []
    with pytest.raises(RestoreRefused):
        store.copies.restore(record.name)


def test_what_was_judged_is_set_aside_and_nothing_else(backend: Backend) -> None:
    """A newer one stays; so does everything."""
    store = store_of(backend)
    store.save_newest(a_credential())
    version = backend.stored(KEY).version
    store.save_newest(a_credential("1//0newer"))
    before = backend.everything()
    with pytest.raises(Conflict):
        store.copies.set_aside(ANN, "invalid_grant", version=version)
    assert backend.everything() == before


# Stopped after every beginning of every unit


@pytest.fixture(params=STOPPABLE, ids=lambda backend: backend.__name__)
def make_stoppable(
    request: pytest.FixtureRequest, keyring: TokenEncryption, tmp_path: Path
) -> MemoryBackend:
    """A storage whose process ends where it is told."""
    made = request.param(tmp_path, keyring)
    assert isinstance(made, MemoryBackend)
    return made


def kept(backend: Backend) -> tuple[str | None, list[str]]:
    """The refresh token in its place, and those of the copies."""
    store = store_of(backend)
    copies = []
    for name in backend.storage.names(QUARANTINE):
        if not name.endswith(NOTE):
            [found] = backend.storage.read([copy_key(name)])
            assert found is not None
            assert not isinstance(found, Exception)
            copies.append(str(found.open()["refresh_token"]))
    return token_of(store.load(ANN)), sorted(copies)


Operation = Callable[[TokenStore], object]


def _saved(store: TokenStore) -> object:
    current = store.load(ANN)
    assert current is not None
    return store.save(
        replace(current, refresh_token=SecretStr("1//0next")), based_on=current.generation
    )


def _restored(store: TokenStore) -> object:
    return store.copies.restore(store.copies.names(ANN)[0])


def _connected(store: TokenStore) -> object:
    also = [Drop(page("consent"))]
    return store.save_newest(a_credential("1//0next"), also=also)


OPERATIONS: dict[str, Operation] = {
    "save": _saved,
    "save_newest": _connected,
    "mark_leaving": lambda store: store.mark_leaving(ANN),
    "delete": lambda store: store.delete(ANN),
    "set_aside": lambda store: store.copies.set_aside(ANN, "invalid_grant"),
}


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("has_copy", [False, True])
def test_stopped_anywhere_nothing_is_lost_and_the_next_start_goes_on(
    make_stoppable: MemoryBackend, operation: str, has_copy: bool
) -> None:
    """What was kept before or shall be kept after is kept, and nothing that has ended counts."""
    backend = make_stoppable
    store = store_of(backend)
    if has_copy:
        store.save_newest(a_credential("1//0copied"))
        store.copies.set_aside(ANN, "invalid_grant")
    first = store.save_newest(a_credential())
    first_raw, shelf = backend.stored(KEY).raw, dict(backend.shelf.documents)
    before = kept(backend)
    OPERATIONS[operation](store)
    after, ended = kept(backend), backend.document(tombstone_key(ANN))
    steps = 0
    while True:
        backend.shelf.documents.clear()
        backend.shelf.documents.update(shelf)
        backend.restart()
        backend.stop_after(steps)
        try:
            OPERATIONS[operation](store_of(backend))
        except Stopped:
            pass
        else:
            break
        backend.restart()
        store = store_of(backend)
        store.prepare()
        now = kept(backend)
        assert now[0] in (before[0], after[0])
        reachable = {now[0], *now[1]} - {None}
        reachable_before, reachable_after = {before[0], *before[1]}, {after[0], *after[1]}
        assert reachable >= (reachable_before & reachable_after) - {None}
        assert reachable <= reachable_before | reachable_after
        if operation == "set_aside":
            assert now in (before, after)
            assert len(backend.storage.names(QUARANTINE)) == 2 * len(now[1])
        if operation in ("delete", "set_aside") and now[0] is None:
            backend.plant(KEY, first_raw)
            assert store.load(ANN) is None
            backend.take_away(KEY)
        # Whoever asks again gets what they asked for.
        if now[0] is not None or operation in ("delete", "save_newest", "mark_leaving"):
            if operation == "save" and now == after:
                store.save(a_credential("1//0next"), based_on=first.generation + 1)
            else:
                OPERATIONS[operation](store)
        assert kept(backend) == after
        if ended is not None and operation == "delete":
            tombstone = backend.document(tombstone_key(ANN))
            assert tombstone is not None
            assert tombstone["generation"] >= ended["generation"]
        steps += 1
    assert steps > 0


@pytest.mark.parametrize("in_place", [None, b"damage"])
def test_a_restore_stopped_anywhere_leaves_one_too_many_never_none(
    make_stoppable: MemoryBackend, in_place: bytes | None
) -> None:
    """What was in its place and could not be used is set aside first."""
    backend = make_stoppable
    store = store_of(backend)
    store.save_newest(a_credential())
    store.copies.set_aside(ANN, "invalid_grant")
    [name] = store.copies.names(ANN)
    if in_place is not None:
        backend.plant(KEY, in_place)
    shelf = dict(backend.shelf.documents)
    steps, finished = 0, False
    while not finished:
        backend.shelf.documents.clear()
        backend.shelf.documents.update(shelf)
        backend.restart()
        backend.stop_after(steps)
        try:
            store_of(backend).copies.restore(name)
            finished = True
        except Stopped:
            backend.restart()
            store_of(backend).prepare()
        store = store_of(backend)
        reading = store.read(ANN)
        is_restored = token_of(reading.credential) == "1//0first"
        assert is_restored or name in store.copies.names(ANN)
        if in_place is not None:
            is_in_place = reading.damage is not None
            held = any(
                store.copies._holds(copy, in_place)
                for copy in store.copies.names(ANN)
                if copy != name
            )
            assert is_in_place or held
        if not finished and not is_restored:
            store.copies.restore(name)
            assert token_of(store.load(ANN)) == "1//0first"
        steps += 1
    assert steps > 2
    assert name not in store.copies.names(ANN)
