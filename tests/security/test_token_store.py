"""TokenStore: generations, tombstones, quarantine, locks; with and without a key."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock, Timeout
from pydantic import SecretStr

from security.credential import Credential, Owner
from security.custody.disconnect import shares_account
from security.encryption import TokenEncryption
from security.errors import GenerationConflict, OperatorFault
from security.owner_documents import CREDENTIALS, QUARANTINE, TOMBSTONES, tombstone_of
from security.token_store import Save, TokenStore
from tests.security.kit import (
    ANN,
    BOB,
    MASK,
    TOWN,
    a_credential,
    in_minutes,
    kept_in,
    mode_of,
    new_key,
    python,
    sealed_by,
    secret,
    umask,
)
from tests.spots import Spot, copy_at, credential_at, full, names_in, tombstone_at
from tests.stores import documents_in, folder_of, store_in


def spot_of(store: TokenStore, credential: Credential) -> Spot:
    """Where it lies."""
    return credential_at(folder_of(store), credential.owner)


def quarantined(store: TokenStore) -> list[str]:
    """What lies in the quarantine, by name."""
    return names_in(folder_of(store), QUARANTINE)


def put(store: TokenStore, document: dict[str, Any], keyring: TokenEncryption) -> None:
    """Ann's credential, as some program wrote it."""
    sealed = keyring.encrypt(json.dumps(document).encode())
    credential_at(folder_of(store), ANN).plant(sealed)


# Saving


def test_what_is_saved_is_loaded(store: TokenStore) -> None:
    """For people and departments."""
    for owner in (ANN, TOWN):
        saved = store.save_consent(a_credential(owner))
        loaded = store.load(owner)
        assert loaded is not None
        assert loaded.to_document() == saved.to_document()
    assert store.owners() == sorted([ANN, TOWN])


def test_nobody_has_no_credential(store: TokenStore) -> None:
    """Not an error."""
    assert store.load(ANN) is None


def test_every_file_and_folder_is_private(store: TokenStore) -> None:
    """Tokens, tombstones, quarantine with its notes, locks; whatever the umask."""
    with umask(0):
        for owner in (ANN, BOB):
            with store.leased(owner) as lease:
                store.save_consent(a_credential(owner), lease=lease)
        store.copies.set_aside(ANN, "tampered")
    paths = [folder_of(store), *folder_of(store).rglob("*")]
    assert len([path for path in paths if path.is_file()]) == 6
    assert {mode_of(path) for path in paths if path.is_file()} == {0o600}
    assert {mode_of(path) for path in paths if path.is_dir()} == {0o700}


def test_a_refresh_raises_the_generation(store: TokenStore) -> None:
    """By one, each time."""
    first = store.save_consent(a_credential())
    second = store.save(first, based_on=first.generation)
    assert (first.generation, second.generation) == (1, 2)


def test_of_several_saves_each_has_its_own_end(store: TokenStore) -> None:
    """A conflict, or an owner without a credential, keeps nobody else's from being saved."""
    ann, bob = (store.save_consent(a_credential(owner)) for owner in (ANN, BOB))
    newest = store.save(ann, based_on=ann.generation)
    new = replace(bob, access_token=SecretStr("ya29.new"))
    with store.leased(ANN) as one, store.leased(TOWN) as two, store.leased(BOB) as three:
        outcomes = store.save_all(
            [
                Save(ann, ann.generation, one),
                Save(a_credential(TOWN), 1, two),
                Save(new, bob.generation, three),
            ]
        )
    assert [type(outcome) for outcome in outcomes] == [
        GenerationConflict,
        GenerationConflict,
        Credential,
    ]
    generations = {
        owner: found.generation for owner in (ANN, BOB, TOWN) if (found := store.load(owner))
    }
    assert generations == {ANN: newest.generation, BOB: 2}
    loaded = store.load(BOB)
    assert loaded is not None
    assert secret(loaded.access_token) == "ya29.new"


def test_a_save_based_on_an_older_generation_is_refused(store: TokenStore) -> None:
    """A slow refresh does not undo a newer consent."""
    old = store.save_consent(a_credential())
    new = store.save_consent(a_credential(refresh_token=None))
    with pytest.raises(GenerationConflict):
        store.save(old, based_on=old.generation)
    loaded = store.load(ANN)
    assert loaded is not None
    assert loaded.generation == new.generation == 2
    assert loaded.refresh_token is None


def test_a_save_after_disconnecting_is_refused(store: TokenStore) -> None:
    """A slow refresh brings nobody back."""
    old = store.save_consent(a_credential())
    store.delete(ANN)
    with pytest.raises(GenerationConflict):
        store.save(old, based_on=old.generation)
    assert store.load(ANN) is None


def test_a_save_while_leaving_is_refused(store: TokenStore) -> None:
    """The mark is as good as the end."""
    old = store.save_consent(a_credential())
    store.mark_leaving(ANN)
    with pytest.raises(GenerationConflict):
        store.save(old, based_on=old.generation)


def test_a_full_disk_keeps_the_old_credential(store: TokenStore) -> None:
    """Whole."""
    old = store.save_consent(a_credential())
    with full(folder_of(store)), pytest.raises(OperatorFault) as caught:
        store.save(replace(old, access_token=None), based_on=old.generation)
    loaded = store.load(ANN)
    assert caught.value.code == "store_failed"
    assert loaded is not None
    assert loaded.to_document() == old.to_document()


def test_a_consent_replaces_a_damaged_file_and_keeps_its_bytes(store: TokenStore) -> None:
    """It goes into quarantine first."""
    saved = store.save_consent(a_credential())
    spot_of(store, saved).plant(b"rubbish")
    again = store.save_consent(a_credential())
    assert again.generation > saved.generation
    assert len(store.copies.names(ANN)) == 1


# Tombstones


def test_a_generation_survives_deletion(store: TokenStore) -> None:
    """Whoever connects again goes on counting."""
    for _ in range(3):
        store.save_consent(a_credential())
    store.delete(ANN)
    assert store.save_consent(a_credential()).generation == 4


def test_deleting_twice_does_not_lower_the_tombstone(store: TokenStore) -> None:
    """A second tap on the button."""
    store.save_consent(a_credential())
    store.delete(ANN)
    store.delete(ANN)
    assert store.save_consent(a_credential()).generation == 2


def test_an_old_backup_brings_no_disconnected_owner_back(store: TokenStore) -> None:
    """Its generation is no newer than the tombstone."""
    saved = store.save_consent(a_credential())
    backup = spot_of(store, saved).raw()
    store.delete(ANN)
    spot_of(store, saved).plant(backup)
    assert store.load(ANN) is None
    with pytest.raises(GenerationConflict):
        store.save(saved, based_on=saved.generation)
    assert store.save_consent(a_credential()).generation == 2


def test_an_old_backup_does_not_beat_a_newer_consent(store: TokenStore) -> None:
    """Somebody disconnected, connected again, and then a backup was restored."""
    saved = store.save_consent(a_credential())
    backup = spot_of(store, saved).raw()
    store.delete(ANN)
    newer = store.save_consent(a_credential())
    spot_of(store, saved).plant(backup)
    assert store.load(ANN) is None
    with pytest.raises(GenerationConflict):
        store.save(newer, based_on=newer.generation)


def test_another_programs_file_counts_as_new_and_rises_above_the_tombstone(
    store: TokenStore, keyring: TokenEncryption
) -> None:
    """It has no generation of ours; an operator put it there."""
    store.save_consent(a_credential())
    store.delete(ANN)
    document = a_credential().to_document()
    del document["drivekeeper"]
    put(store, document, keyring)
    loaded = store.load(ANN)
    assert loaded is not None
    assert store.save(loaded, based_on=0).generation == 2
    assert store.load(ANN) is not None


def test_a_damaged_file_leaves_a_tombstone_above_any_counter(store: TokenStore) -> None:
    """What it had counted cannot be read any more."""
    saved = store.save_consent(a_credential())
    backup = spot_of(store, saved).raw()
    spot_of(store, saved).plant(b"rubbish")
    store.delete(ANN)
    spot_of(store, saved).plant(backup)
    assert store.load(ANN) is None
    assert store.save_consent(a_credential()).generation > 1_000_000_000


@pytest.mark.parametrize("content", [b"", b"{}", b"rubbish", b'{"generation": "x"}'])
def test_a_damaged_tombstone_stops_nobody_from_connecting(
    store: TokenStore, content: bytes
) -> None:
    """And never lowers the counter."""
    store.save_consent(a_credential())
    store.delete(ANN)
    tombstone_at(folder_of(store), ANN).plant(content)
    assert store.save_consent(a_credential()).generation > 1_000_000_000
    assert store.load(ANN) is not None


def test_a_tombstone_under_a_lost_key_stops_nobody(folder: Path) -> None:
    """Keys are rotated out; tombstones are small and old."""
    after = store_in(folder, TokenEncryption([new_key()]), MASK)
    after.prepare()
    lost, there = TokenEncryption([new_key()]), tombstone_at(folder, ANN)
    there.plant(sealed_by(lost, there.key, tombstone_of(ANN, 1)))
    after.save_consent(a_credential())
    assert after.load(ANN) is not None
    after.delete(ANN)
    assert after.load(ANN) is None


# Encryption


def test_with_a_key_no_token_lies_in_plaintext(folder: Path) -> None:
    """Anywhere under the folder, quarantine and tombstones included."""
    store = store_in(folder, TokenEncryption([new_key()]), MASK)
    store.prepare()
    store.save_consent(a_credential())
    store.copies.set_aside(ANN, "invalid_grant")
    store.save_consent(a_credential())
    everything = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    for hidden in (b"1//0", b"ya29", b"amy@", b"user:501"):
        assert hidden not in everything


def test_plaintext_loads_where_it_is_allowed_and_is_encrypted_at_the_next_save(
    folder: Path,
) -> None:
    """A key was added, and TOKEN_REQUIRE_ENCRYPTION=false."""
    plain = store_in(folder, TokenEncryption())
    plain.prepare()
    saved = plain.save_consent(a_credential())
    sealed = store_in(folder, TokenEncryption([new_key()], required=False), MASK)
    sealed.prepare()
    loaded = sealed.load(ANN)
    assert loaded is not None
    sealed.save(loaded, based_on=saved.generation)
    assert b"ya29" not in spot_of(sealed, saved).raw()


def test_plaintext_never_replaces_an_envelope(folder: Path) -> None:
    """Not by a consent either."""
    sealed = store_in(folder, TokenEncryption([new_key()]), MASK)
    sealed.prepare()
    saved = sealed.save_consent(a_credential())
    before = spot_of(sealed, saved).raw()
    with pytest.raises(OperatorFault) as caught:
        store_in(folder, TokenEncryption()).save_consent(a_credential())
    assert caught.value.code == "key_missing"
    assert spot_of(sealed, saved).raw() == before


def test_start_up_without_a_key_is_refused_where_envelopes_are(folder: Path) -> None:
    """And the message names the key."""
    keyring = TokenEncryption([new_key()])
    store = store_in(folder, keyring)
    store.prepare()
    store.save_consent(a_credential())
    with pytest.raises(OperatorFault, match=str(keyring.kid)) as caught:
        store_in(folder, TokenEncryption()).prepare()
    assert caught.value.code == "key_missing"


def test_start_up_without_a_key_is_refused_where_only_tombstones_are_sealed(folder: Path) -> None:
    """Everybody has disconnected, and the key was forgotten."""
    store = store_in(folder, TokenEncryption([new_key()]), MASK)
    store.prepare()
    store.save_consent(a_credential())
    store.delete(ANN)
    with pytest.raises(OperatorFault) as caught:
        store_in(folder, TokenEncryption()).prepare()
    assert caught.value.code == "key_missing"


def test_start_up_is_refused_where_no_file_opens_with_the_keys(folder: Path) -> None:
    """The wrong key altogether."""
    lost = TokenEncryption([new_key()])
    store = store_in(folder, lost)
    store.prepare()
    store.save_consent(a_credential())
    with pytest.raises(OperatorFault, match=str(lost.kid)) as caught:
        store_in(folder, TokenEncryption([new_key()]), MASK).prepare()
    assert caught.value.code == "unknown_key"


def test_one_file_under_a_lost_key_does_not_stop_everybody(folder: Path) -> None:
    """It is that owner's operator fault."""
    key = new_key()
    store = store_in(folder, TokenEncryption([key]))
    store.prepare()
    for owner, its_key in ((ANN, new_key()), (BOB, key)):
        its = credential_at(folder, owner)
        its.plant(sealed_by(TokenEncryption([its_key]), its.key, a_credential(owner).to_document()))
    store.prepare()
    assert store.load(BOB) is not None
    with pytest.raises(OperatorFault) as caught:
        store.load(ANN)
    assert caught.value.code == "unknown_key"


# Leaving


def test_leaving_keeps_the_tokens_until_google_was_told(store: TokenStore) -> None:
    """Start-up finishes what was interrupted, and needs them for that."""
    saved = store.save_consent(a_credential())
    marked = store.mark_leaving(ANN)
    loaded = store.load(ANN)
    assert marked is not None
    assert loaded is not None
    assert (loaded.state, loaded.generation) == ("leaving", saved.generation)
    assert secret(loaded.refresh_token) == secret(saved.refresh_token)


def test_a_crash_between_tombstone_and_deletion_is_still_seen_as_leaving(
    store: TokenStore,
) -> None:
    """Else start-up would not finish it."""
    saved = store.save_consent(a_credential())
    store.mark_leaving(ANN)
    left = spot_of(store, saved).raw()
    store.delete(ANN)
    spot_of(store, saved).plant(left)
    loaded = store.load(ANN)
    assert loaded is not None
    assert loaded.state == "leaving"


def test_a_consent_after_leaving_is_active(store: TokenStore) -> None:
    """They changed their mind."""
    store.save_consent(a_credential())
    store.mark_leaving(ANN)
    store.save_consent(a_credential())
    loaded = store.load(ANN)
    assert loaded is not None
    assert loaded.state == "active"


def test_nobody_cannot_leave(store: TokenStore) -> None:
    """Not an error."""
    assert store.mark_leaving(ANN) is None


# Quarantine


@pytest.mark.parametrize("content", [b"rubbish", b"", b"\x00\xff" * 50])
def test_quarantine_keeps_the_bytes_and_a_note(
    store: TokenStore, keyring: TokenEncryption, content: bytes
) -> None:
    """Encrypted first where a key is set and they were not."""
    there = credential_at(folder_of(store), ANN)
    there.plant(content)
    store.copies.set_aside(ANN, "unreadable")
    (name,) = store.copies.names(ANN)
    assert there.is_empty
    copy = copy_at(folder_of(store), name)
    assert kept_in(keyring, copy) == content
    assert (copy.raw() == content) is (keyring.kid is None)
    note = documents_in(folder_of(store), QUARANTINE, keyring).read(f"{name}.note")
    assert note is not None
    assert set(note) == {"owner", "reason", "time", "told"}
    assert (note["owner"], note["reason"]) == (MASK("user:501"), "unreadable")


def test_an_envelope_goes_into_quarantine_as_it_is(folder: Path) -> None:
    """Its key may come back."""
    store = store_in(folder, TokenEncryption([new_key()]), MASK)
    store.prepare()
    before = spot_of(store, store.save_consent(a_credential())).raw()
    store.copies.set_aside(ANN, "invalid_grant")
    (name,) = store.copies.names(ANN)
    assert copy_at(folder, name).raw() == before


def test_the_quarantined_are_gone_from_the_owners(store: TokenStore) -> None:
    """They must connect again."""
    store.save_consent(a_credential())
    store.copies.set_aside(ANN, "invalid_grant")
    assert store.load(ANN) is None
    assert store.owners() == []
    assert store.save_consent(a_credential()).generation == 2


def test_quarantining_nobody_leaves_no_trace(store: TokenStore) -> None:
    """No note without bytes."""
    store.copies.set_aside(ANN, "invalid_grant")
    assert quarantined(store) == []


def test_purging_spares_whoever_has_a_similar_id(store: TokenStore) -> None:
    """501 and 5011."""
    longer = a_credential(type(ANN).user(5011))
    for credential in (a_credential(), longer):
        store.save_consent(credential)
        store.copies.set_aside(credential.owner, "invalid_grant")
    store.delete(ANN)
    assert store.copies.names(ANN) == []
    assert len(store.copies.names(longer.owner)) == 1
    assert len(quarantined(store)) == 2


def test_deleting_removes_the_quarantined_copies_too(store: TokenStore) -> None:
    """What is forgotten is forgotten; the tombstone alone stays."""
    store.save_consent(a_credential())
    store.copies.set_aside(ANN, "invalid_grant")
    store.save_consent(a_credential())
    store.delete(ANN)
    folder = folder_of(store)
    assert (names_in(folder, CREDENTIALS), quarantined(store)) == ([], [])
    assert names_in(folder, TOMBSTONES) == [ANN.stem]


# Others' files, and accounts


@pytest.mark.parametrize(
    "name",
    ["notes.json", "token_abc.json", "token_0501.json", "token_501.json.bak", "token_501 (1).json",
     "TOKEN_7.json", "token_501.txt", "token_-5.json", "token_department_.json"],
)  # fmt: skip
def test_files_that_are_not_ours_are_ignored(store: TokenStore, name: str) -> None:
    """Whatever they hold."""
    (folder_of(store) / name).write_text("{")
    store.prepare()
    assert store.owners() == []


def test_only_those_who_stay_share_an_account(store: TokenStore) -> None:
    """Not the one who asks, not the leaving, nobody of another account; the unreadable may."""
    ann = store.save_consent(a_credential())
    store.save_consent(a_credential(TOWN, account_id=SecretStr("another")))
    bob = a_credential(BOB, account_id=SecretStr("PERMISSION-1"))
    assert not shares_account(store, ann)
    store.save_consent(bob)
    assert shares_account(store, ann)
    store.mark_leaving(BOB)
    assert not shares_account(store, ann)
    credential_at(folder_of(store), Owner.user(7)).plant(b"{")
    assert shares_account(store, ann)


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (("1", "a@x.org"), ("1", "renamed@x.org"), True),
        (("1", "a@x.org"), ("2", "a@x.org"), False),
        (("1", "a@x.org"), (None, "A@X.org"), True),
        (("1", "a@x.org"), (None, "b@x.org"), False),
        (("1", "a@x.org"), (None, None), True),
        (("1", None), (None, "a@x.org"), True),
    ],
)
def test_one_account_is_told_by_id_then_by_address_else_it_may_be_shared(
    one: tuple[str | None, str | None], other: tuple[str | None, str | None], shared: bool
) -> None:
    """Other programs' files name an address at best."""
    made = []
    for account_id, account in (one, other):
        document = a_credential().to_document()
        document["account"], document["drivekeeper"]["account_id"] = account, account_id
        made.append(Credential.from_document(ANN, document))
    assert made[0].may_share_account(made[1]) is shared
    assert made[1].may_share_account(made[0]) is shared


# Locks


def test_a_lease_is_held_once(store: TokenStore) -> None:
    """Also within one process."""
    first = store.lease(ANN)
    assert first is not None
    assert store.lease(ANN) is None
    other = store.lease(BOB)
    assert other is not None
    other.release()
    first.release()
    second = store.lease(ANN)
    assert second is not None
    second.release()


def test_the_file_of_a_lock_is_private_and_stays(store: TokenStore) -> None:
    """Deleting it would make two locks of it."""
    with store.leased(ANN):
        pass
    assert mode_of(folder_of(store) / "locks" / "token_501.lock") == 0o600


def test_a_dropped_lock_is_free_again(store: TokenStore) -> None:
    """Whoever waited for it was cancelled."""
    assert store.lease(ANN) is not None
    assert store.lease(ANN) is not None


def test_a_lock_that_stays_held_is_an_operator_fault(store: TokenStore) -> None:
    """After the time-out."""
    with (
        store.leased(ANN),
        pytest.raises(OperatorFault) as caught,
        store.leased(ANN, timeout_seconds=0.05),
    ):
        raise AssertionError("two hold one lock")
    assert caught.value.code == "locked"


def test_a_lock_and_one_of_filelock_keep_each_other_out(store: TokenStore) -> None:
    """Programs of former versions took them with it, and scripts of operators may."""
    path = folder_of(store) / "locks" / "token_501.lock"
    with store.leased(ANN), pytest.raises(Timeout):
        FileLock(path).acquire(blocking=False)
    with FileLock(path):
        assert store.lease(ANN) is None
    with store.leased(ANN, timeout_seconds=0):
        pass


_HOLDER = """
import sys
from pathlib import Path
from security.credential import Owner
from security.encryption import TokenEncryption
from tests.stores import store_in
store = store_in(Path(sys.argv[1]), TokenEncryption(), str)
with store.leased(Owner.user(501)):
    print("held", flush=True)
    sys.stdin.readline()
print("free", flush=True)
sys.stdin.readline()
"""


def test_a_lease_keeps_other_processes_out(store: TokenStore) -> None:
    """Until it is given back."""
    with python(_HOLDER, str(folder_of(store))) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert store.lease(ANN) is None
        holder.stdin.write("\n")
        holder.stdin.flush()
        assert holder.stdout.readline() == "free\n"
        with store.leased(ANN, timeout_seconds=5):
            pass
        holder.kill()


def test_a_lock_ends_with_its_process(store: TokenStore) -> None:
    """By SIGKILL."""
    with python(_HOLDER, str(folder_of(store))) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        assert store.lease(ANN) is None
        holder.kill()
        holder.wait()
        with store.leased(ANN, timeout_seconds=5):
            pass


_COUNTER = """
import sys
from pathlib import Path
from pydantic import SecretStr
from security.credential import Owner
from security.encryption import TokenEncryption
from tests.stores import store_in
store = store_in(Path(sys.argv[1]), TokenEncryption([SecretStr(sys.argv[2])]), str)
owner = Owner.user(501)
for _ in range(20):
    with store.leased(owner) as lease:
        store.save_consent(store.load(owner), lease=lease)
"""


@pytest.mark.one_way
def test_consents_of_several_processes_are_all_counted(folder: Path) -> None:
    """No save is lost between reading and writing."""
    key = new_key()
    store = store_in(folder, TokenEncryption([key]))
    store.prepare()
    store.save_consent(a_credential(expires_at=in_minutes(1)))
    writers = [python(_COUNTER, str(folder), secret(key)) for _ in range(2)]
    for writer in writers:
        _, errors = writer.communicate(timeout=30)
        assert writer.returncode == 0, errors
    loaded = store.load(ANN)
    assert loaded is not None
    assert loaded.generation == 41
