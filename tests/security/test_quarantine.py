"""The quarantine: nothing gets lost on the way in or back, whatever is interrupted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from freezegun import freeze_time

from security.credential import Credential, Owner
from security.encryption import TokenEncryption
from security.errors import CorruptCredential, OperatorFault, RestoreRefused
from security.owner_documents import QUARANTINE
from security.quarantine.records import QuarantineRecord
from security.token_store import TokenStore
from tests.security.hearing import hearing
from tests.security.kit import (
    ANN,
    BOB,
    MASK,
    TOWN,
    a_credential,
    kept_in,
    new_key,
    sealed_by,
    secret,
)
from tests.spots import (
    Spot,
    copy_at,
    credential_at,
    everything_in,
    full,
    names_in,
    note_at,
    tombstone_at,
)
from tests.stores import folder_of, store_in


def set_aside(store: TokenStore, owner: Owner = ANN, reason: str = "invalid_grant") -> str:
    """The owner connected, and the credential went into quarantine: the copy's name."""
    store.save_consent(a_credential(owner))
    store.copies.set_aside(owner, reason)
    return store.copies.names(owner)[-1]


def loaded(store: TokenStore, owner: Owner = ANN) -> Credential:
    """The owner's credential; there must be one."""
    credential = store.load(owner)
    assert credential is not None
    return credential


def spot(store: TokenStore) -> Spot:
    """Where Ann's credential lies."""
    return credential_at(folder_of(store), ANN)


def copy_spot(store: TokenStore, name: str) -> Spot:
    """Where a copy lies."""
    return copy_at(folder_of(store), name)


def snapshot(store: TokenStore) -> dict[str, bytes]:
    """Everything with its bytes, but for locks."""
    return everything_in(folder_of(store))


def quarantined(store: TokenStore) -> list[str]:
    """What lies in the quarantine, by name."""
    return names_in(folder_of(store), QUARANTINE)


def only_record(store: TokenStore) -> QuarantineRecord:
    """The one copy there is."""
    (record,) = store.copies.records()
    return record


# On the way in


def test_a_second_attempt_goes_on_with_the_copy_of_the_first(store: TokenStore) -> None:
    """The tombstone could not be written; the next sweep comes by again and again."""
    store.save_consent(a_credential())
    tombstone = folder_of(store) / "tombstones" / f"{ANN.stem}.json"
    tombstone.mkdir()
    with pytest.raises(OperatorFault):
        store.copies.set_aside(ANN, "invalid_grant")
    name = only_record(store).name
    store.copies.mark_told(name, told=True)
    with pytest.raises(OperatorFault):
        store.copies.set_aside(ANN, "revoked")
    assert not spot(store).is_empty
    tombstone.rmdir()
    store.copies.set_aside(ANN, "revoked")
    record = only_record(store)
    assert (record.name, record.reason, record.told) == (name, "invalid_grant", True)
    assert spot(store).is_empty


def test_a_full_disk_leaves_the_credential_where_it_is(store: TokenStore) -> None:
    """Nobody is disconnected by that."""
    store.save_consent(a_credential())
    with full(folder_of(store)), pytest.raises(OperatorFault):
        store.copies.set_aside(ANN, "invalid_grant")
    assert loaded(store).generation == 1
    assert store.copies.records() == []


def test_copies_of_one_instant_are_both_kept(store: TokenStore) -> None:
    """A coarse clock, or one that was set back."""
    with freeze_time("2026-01-02T03:04:05Z"):
        first, second = set_aside(store), set_aside(store)
    assert first != second
    assert len(store.copies.records()) == 2


def after_the_note(store: TokenStore, before: TokenStore, name: str) -> None:
    """Neither copy nor tombstone, and the file in place."""
    copy_spot(store, name).take_away()
    after_the_copy(store, before, name)


def after_the_copy(store: TokenStore, before: TokenStore, name: str) -> None:
    """No tombstone, and the file in place."""
    tombstone_at(folder_of(store), ANN).take_away()
    after_the_tombstone(store, before, name)


def after_the_tombstone(store: TokenStore, before: TokenStore, _: str) -> None:
    """The file is still in place."""
    spot(store).plant(spot(before).raw())


@pytest.mark.parametrize("interrupt", [after_the_note, after_the_copy, after_the_tombstone])
def test_start_up_finishes_what_a_crash_interrupted(
    folder: Path,
    tmp_path: Path,
    keyring: TokenEncryption,
    interrupt: Callable[[TokenStore, TokenStore, str], None],
) -> None:
    """In place and whole, or in quarantine and whole: nothing in between, and no orphans."""
    before, store = (store_in(path, keyring) for path in (tmp_path / "before", folder))
    before.prepare()
    saved = before.save_consent(a_credential())
    store.prepare()
    spot(store).plant(spot(before).raw())
    store.copies.set_aside(ANN, "invalid_grant")
    interrupt(store, before, store.copies.names(ANN)[0])

    store.prepare()

    if interrupt is after_the_note:
        assert secret(loaded(store).refresh_token) == secret(saved.refresh_token)
        assert quarantined(store) == []
    else:
        assert store.load(ANN) is None
        assert spot(store).is_empty
        assert only_record(store).reason == "invalid_grant"
        assert store.save_consent(a_credential()).generation > saved.generation


def test_start_up_keeps_away_from_what_somebody_is_at(store: TokenStore) -> None:
    """A command beside it holds the lock, half-way through."""
    name = set_aside(store)
    copy_spot(store, name).take_away()
    with store.leased(ANN):
        store.prepare()
        assert not note_at(folder_of(store), name).is_empty
    store.prepare()
    assert note_at(folder_of(store), name).is_empty


def test_start_up_leaves_a_restored_credential_in_place(store: TokenStore) -> None:
    """The crash came between the file's write and the copy's end."""
    name = set_aside(store)
    left = copy_spot(store, name).raw()
    store.copies.restore(name)
    copy_spot(store, name).plant(left)
    store.prepare()
    assert loaded(store).generation == 2
    with pytest.raises(RestoreRefused):
        store.copies.restore(name)
    assert loaded(store).generation == 2


# On the way back


@pytest.mark.parametrize("owner", [ANN, TOWN], ids=["user", "department"])
def test_a_restored_credential_loads_above_its_tombstone(store: TokenStore, owner: Owner) -> None:
    """With all that was in it; the copy and its note are gone."""
    before = store.save_consent(a_credential(owner))
    store.copies.set_aside(owner, "invalid_grant")
    done = store.copies.restore(only_record(store).name)
    after = loaded(store, owner)
    assert (done.owner, done.generation, done.replaced) == (owner, after.generation, None)
    assert after.generation > before.generation
    assert secret(after.refresh_token) == secret(before.refresh_token)
    assert after.account_id == before.account_id
    assert quarantined(store) == []
    assert store.save(after, based_on=after.generation).generation == after.generation + 1


def test_a_second_restore_says_that_the_copy_has_gone(store: TokenStore) -> None:
    """And changes nothing."""
    name = set_aside(store)
    store.copies.restore(name)
    before = snapshot(store)
    with pytest.raises(RestoreRefused, match="no such copy") as caught:
        store.copies.restore(name)
    assert caught.value.code == "gone"
    assert snapshot(store) == before


def test_a_usable_credential_is_not_replaced(store: TokenStore) -> None:
    """Its owner has connected again meanwhile."""
    name = set_aside(store)
    store.save_consent(a_credential())
    before = snapshot(store)
    with pytest.raises(RestoreRefused) as caught:
        store.copies.restore(name)
    assert caught.value.code == "superseded"
    assert snapshot(store) == before


def test_whoever_is_disconnecting_is_not_brought_back(store: TokenStore) -> None:
    """Even if a copy is still there."""
    name = set_aside(store)
    store.save_consent(a_credential())
    store.mark_leaving(ANN)
    before = snapshot(store)
    with pytest.raises(RestoreRefused) as caught:
        store.copies.restore(name)
    assert caught.value.code == "not_connected"
    assert snapshot(store) == before


def test_an_unreadable_file_goes_into_quarantine_before_it_is_replaced(
    store: TokenStore, keyring: TokenEncryption
) -> None:
    """Its bytes are kept, with the reason."""
    name = set_aside(store)
    spot(store).plant(b"rubbish")
    assert store.copies.restore(name).replaced == "unreadable"
    assert secret(loaded(store).refresh_token) == "1//0refresh-of-501"
    record = only_record(store)
    assert record.reason == "unreadable"
    assert kept_in(keyring, copy_spot(store, record.name)) == b"rubbish"


def test_a_file_under_a_lost_key_makes_room_as_well(folder: Path) -> None:
    """Its key may come back: it is kept as it is."""
    store = store_in(folder, TokenEncryption([new_key()]))
    store.prepare()
    name = set_aside(store)
    lost = TokenEncryption([new_key()])
    locked = sealed_by(lost, spot(store).key, a_credential().to_document())
    spot(store).plant(locked)
    assert store.copies.restore(name).replaced == "unknown_key"
    assert store.load(ANN) is not None
    record = only_record(store)
    assert copy_spot(store, record.name).raw() == locked


def test_an_old_backup_in_its_place_is_set_aside(store: TokenStore) -> None:
    """It counted as none; its bytes are kept all the same."""
    saved = store.save_consent(a_credential(access_token=None))
    old = spot(store).raw()
    store.save(saved, based_on=saved.generation)
    store.copies.set_aside(ANN, "invalid_grant")
    spot(store).plant(old)
    assert store.copies.restore(store.copies.names(ANN)[0]).replaced == "superseded"
    assert loaded(store).generation > 2
    assert len(store.copies.records()) == 1


def test_without_its_key_nothing_is_restored(folder: Path) -> None:
    """An operator's to mend; the copy stays."""
    sealed = store_in(folder, TokenEncryption([new_key()]))
    sealed.prepare()
    name = set_aside(sealed)
    before = snapshot(sealed)
    with pytest.raises(OperatorFault) as caught:
        store_in(folder, TokenEncryption()).copies.restore(name)
    assert caught.value.code == "key_missing"
    assert snapshot(sealed) == before


def test_a_copy_without_a_refresh_token_stays_where_it_is(store: TokenStore) -> None:
    """It would go back into quarantine at the next sweep."""
    store.save_consent(a_credential(refresh_token=None))
    store.copies.set_aside(ANN, "no_refresh_token")
    before = snapshot(store)
    with pytest.raises(RestoreRefused) as caught:
        store.copies.restore(only_record(store).name)
    assert caught.value.code == "no_refresh_token"
    assert snapshot(store) == before


@pytest.mark.parametrize("content", [b"", b"rubbish", b"{}", b"[]"])
def test_a_damaged_copy_is_not_restored_over_a_damaged_file(
    store: TokenStore, keyring: TokenEncryption, content: bytes
) -> None:
    """Nothing moves before the copy has been tried."""
    name = set_aside(store)
    copy_spot(store, name).plant(keyring.encrypt(content))
    spot(store).plant(b"rubbish")
    before = snapshot(store)
    with pytest.raises(CorruptCredential):
        store.copies.restore(name)
    assert snapshot(store) == before


def test_a_copy_under_another_owners_name_is_not_restored(store: TokenStore) -> None:
    """Somebody has renamed files."""
    name = set_aside(store)
    other = name.replace("501", "502")
    copy_spot(store, other).plant(copy_spot(store, name).raw())
    copy_spot(store, name).take_away()
    with pytest.raises(CorruptCredential) as caught:
        store.copies.restore(other)
    assert caught.value.code == "wrong_owner"
    assert store.load(BOB) is None


def test_a_full_disk_keeps_the_copy_and_what_is_in_its_place(store: TokenStore) -> None:
    """Both, as they were."""
    name = set_aside(store)
    spot(store).plant(b"rubbish")
    before = snapshot(store)
    with full(folder_of(store)), pytest.raises(OperatorFault):
        store.copies.restore(name)
    assert snapshot(store) == before


@pytest.mark.parametrize("name", ["", "x", "token_501", "../token_501.20260101t000000000000"])
def test_names_of_no_copy_are_refused(store: TokenStore, name: str) -> None:
    """Whatever somebody sends."""
    set_aside(store)
    for method in (store.copies.restore, store.copies.purge):
        with pytest.raises(RestoreRefused) as caught:
            method(name)
        assert caught.value.code == "gone"


# Lists, notes, ends


def test_records_tell_all_but_the_name(store: TokenStore) -> None:
    """Oldest first; what is shown of them holds no Telegram id."""
    set_aside(store, TOWN, "tampered")
    set_aside(store, ANN, "invalid_grant")
    town, ann = store.copies.records()
    assert (town.owner, town.owner_mask, town.reason) == (TOWN, MASK(TOWN.name), "tampered")
    assert (ann.owner, ann.reason, ann.told) == (ANN, "invalid_grant", False)
    assert "501" not in repr(ann).replace(ann.time.isoformat(), "").partition("time=")[0]
    assert ann.id.startswith(f"{MASK(ANN.name)}.2")


@pytest.mark.parametrize("note", [None, b"", b"rubbish", b"[]", b'{"reason": 1, "time": "x"}'])
def test_a_copy_is_listed_whatever_has_become_of_its_note(
    store: TokenStore, note: bytes | None
) -> None:
    """Its name says whose and when; the reason is not known any more."""
    name = set_aside(store)
    there = note_at(folder_of(store), name)
    was = only_record(store)
    there.take_away() if note is None else there.plant(note)
    record = only_record(store)
    assert (record.owner, record.reason, record.told) == (ANN, "unreadable", False)
    assert record.time == was.time
    store.copies.mark_told(name, told=True)
    assert only_record(store).told
    store.copies.restore(name)
    assert loaded(store).generation == 2


def test_a_copy_is_listed_though_its_note_is_under_a_lost_key(folder: Path) -> None:
    """And that its owner was told can still be noted: nobody is told twice."""
    lost = store_in(folder, TokenEncryption([new_key()]))
    lost.prepare()
    name = set_aside(lost)
    store = store_in(folder, TokenEncryption([new_key()]))
    assert only_record(store).reason == "unreadable"
    store.copies.mark_told(name, told=True)
    assert only_record(store).told


def test_what_was_told_is_remembered(store: TokenStore) -> None:
    """Reason and time stay; it can be taken back."""
    name = set_aside(store)
    was = only_record(store)
    store.copies.mark_told(name, told=True)
    now = only_record(store)
    assert (now.told, now.reason, now.time) == (True, was.reason, was.time)
    store.copies.mark_told(name, told=False)
    assert only_record(store) == was


def test_telling_of_a_copy_that_has_gone_leaves_no_note(store: TokenStore) -> None:
    """It was purged while the message was on its way."""
    name = set_aside(store)
    store.copies.purge(name)
    store.copies.mark_told(name, told=True)
    assert quarantined(store) == []


def test_copies_are_found_by_id_and_by_owner(store: TokenStore) -> None:
    """Not by nothing, and not by a Telegram id."""
    for owner in (ANN, ANN, BOB):
        set_aside(store, owner)
    first, second, bob = store.copies.records()
    find = store.copies.find
    assert find(first.id) == [first]
    assert find(second.id[:-1]) in ([second], [first, second])
    assert find(MASK(ANN.name)) == [first, second]
    assert find(MASK(BOB.name)) == [bob]
    assert [find(text) for text in ("", "501", first.name, "u_", first.id[:17])] == [[]] * 5


def test_purging_deletes_one_copy_and_its_note(store: TokenStore) -> None:
    """The other stays; a second time there is nothing to delete."""
    first, second = set_aside(store), set_aside(store)
    store.copies.purge(first)
    assert only_record(store).name == second
    assert len(quarantined(store)) == 2
    with pytest.raises(RestoreRefused) as caught:
        store.copies.purge(first)
    assert caught.value.code == "gone"


def test_other_peoples_files_in_the_folder_are_passed_over(store: TokenStore) -> None:
    """They are no copies."""
    name = set_aside(store)
    for stranger in ("a", "token_501.backup", "token_0.20260101t000000000000", "token_501"):
        copy_spot(store, stranger).plant(b"{}")
    assert only_record(store).name == name
    store.prepare()
    assert store.copies.find(MASK(ANN.name)) == [only_record(store)]


def test_nothing_stays_of_who_leaves_where_times_of_folders_are_coarse(store: TokenStore) -> None:
    """Two copies within the two seconds that such a disk does not tell apart."""
    quarantine = folder_of(store) / "quarantine"
    tick = time.time() - 1.9
    for owner in (ANN, BOB):
        store.save_consent(a_credential(owner))
        store.copies.set_aside(owner, "invalid_grant")
        os.utime(quarantine, (tick, tick))
        assert len(store.copies.names(ANN)) == 1
    store.delete(BOB)
    assert {path.name.partition(".")[0] for path in quarantine.iterdir()} == {ANN.stem}


@pytest.mark.encryption("off")
@pytest.mark.one_way
def test_setting_one_aside_costs_the_same_however_many_are_there(store: TokenStore) -> None:
    """Otherwise a whole fleet on hold, once confirmed, would take hours."""
    store.save_consent(a_credential())
    for number in range(2000):
        (
            folder_of(store) / "quarantine" / f"token_{number + 1000}.20260101t000000000000.json"
        ).touch()
    listed: list[object] = []

    def listen(event: str, arguments: tuple[object, ...]) -> None:
        if event == "os.scandir" and str(arguments[0]).endswith("quarantine"):
            listed.append(arguments)

    with hearing(listen):
        store.copies.set_aside(ANN, "invalid_grant")
    assert listed == []
    assert len(store.copies.names(ANN)) == 1
