"""The way back: what is missing or older returns, what has ended or is newer stays."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from filelock import Timeout
from pydantic import SecretBytes, SecretStr

from security.credential import Credential, Owner
from security.encryption import TokenEncryption, kid_of
from security.errors import CorruptCredential, OperatorFault
from security.owner_documents import QUARANTINE, copy_key, credential_key, note_key
from security.quarantine.records import Note
from security.recovery.backup import About, write_backup
from security.recovery.bot_stopped import bot_stopped
from security.recovery.owner_state import take_snapshot
from security.recovery.restore import Restore, RestoreReport, verify
from security.recovery.snapshot import OwnerSnapshot
from security.storage.catalogue import NOTE
from security.storage.files.data_folder import restore_mask_key
from security.storage.leases import BOT_LEASE
from security.storage.protocol import Copy, Put, Unit
from tests.security.kit import (
    ANN,
    BOB,
    MASK,
    TOWN,
    a_credential,
    kept_in,
    mode_of,
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
    held,
    names_in,
    spot,
    state_of,
    tombstone_at,
)
from tests.stores import store_in

KEY = new_key()


class Place:
    """One installation: a data folder and its keys."""

    def __init__(self, folder: Path, *keys: SecretStr) -> None:
        self.folder = folder
        self.keyring = TokenEncryption(keys)
        self.store = store_in(folder, self.keyring)

    def back_up(self, name: str = "a.dkb") -> Path:
        """An archive of it, beside the folder."""
        about = About(datetime.now(UTC), "1.0", (), SecretBytes(b"mask key"))
        target = self.folder.parent / name
        write_backup(target, [KEY], about, self.store, outside=self.folder, replace=True)
        return target

    def restore(self, archive: Path, **options: Any) -> RestoreReport:
        """What `drivekeeper restore` does."""
        run = Restore(self.store, **{"lease_seconds": 0, **options})
        run.run(archive, [KEY], verify(archive, [KEY]))
        return run.report

    def snapshot(self, owner: Owner) -> OwnerSnapshot:
        """What an archive would hold of the owner."""
        return take_snapshot(self.store.storage, owner, self.store.copies.names(owner))

    def spot(self, owner: Owner = ANN) -> Spot:
        """Where the owner's credential lies."""
        return credential_at(self.folder, owner)

    def tree(self) -> dict[str, bytes]:
        """Everything but locks and the trail."""
        found = everything_in(self.folder)
        return {name: raw for name, raw in found.items() if not name.startswith("audit")}

    def notes(self) -> list[tuple[str, bool]]:
        """Reason and told of each note in quarantine."""
        names = [name for name in names_in(self.folder, QUARANTINE) if name.endswith(NOTE)]
        raws = [spot(self.folder, QUARANTINE, name).raw() for name in names]
        notes = (json.loads(self.keyring.decrypt(raw)) for raw in raws)
        return sorted((note["reason"], note["told"]) for note in notes)


@pytest.fixture
def here(folder: Path, encryption_keys: tuple[SecretStr, ...]) -> Place:
    """Ann and Bob are connected."""
    place = Place(folder, *encryption_keys)
    place.store.prepare()
    for owner in (ANN, BOB):
        place.store.save_consent(a_credential(owner))
    return place


@pytest.fixture
def there(tmp_path: Path) -> Place:
    """Another machine, with another key; there is no folder yet."""
    (tmp_path / "there").mkdir()
    return Place(tmp_path / "there" / "user_data", new_key())


def refreshed(place: Place, owner: Owner = ANN) -> Credential:
    """The owner's credential, a generation later."""
    current = place.store.load(owner)
    assert current is not None
    changed = replace(current, access_token=SecretStr("ya29.refreshed"))
    return place.store.save(changed, based_on=current.generation)


def loaded(place: Place, owner: Owner = ANN) -> Credential:
    """The owner's credential; there must be one."""
    found = place.store.load(owner)
    assert found is not None
    return found


# Another machine


def test_an_empty_folder_elsewhere_gets_everything_under_its_own_keys(
    here: Place, there: Place
) -> None:
    """What loads, encrypted under the keys of there; a start finds no fault."""
    here.store.copies.set_aside(BOB, "invalid_grant")
    here.store.save_consent(a_credential(BOB))
    here.store.save_consent(a_credential(TOWN))
    here.store.delete(TOWN)
    report = there.restore(here.back_up())
    assert (report.restored, report.copies, report.tombstones) == (2, 1, 2)
    assert report.changed
    assert report.is_clean
    there.store.prepare()
    for owner in (ANN, BOB):
        assert loaded(there, owner) == loaded(here, owner)
    assert there.store.owners() == [ANN, BOB]
    assert there.snapshot(TOWN).tombstone == 1
    assert there.store.copies.names(BOB) == here.store.copies.names(BOB)
    assert there.notes() == [("invalid_grant", False)]
    assert {kid_of(raw) for raw in there.tree().values()} == {there.keyring.kid}


def test_restored_files_are_private(here: Place, there: Place) -> None:
    """And their folders."""
    here.store.copies.set_aside(BOB, "invalid_grant")
    there.restore(here.back_up())
    paths = list(there.folder.rglob("*.json"))
    assert len(paths) == 4
    assert {mode_of(path) for path in paths} == {0o600}


@pytest.mark.parametrize("other", ["updates", "audit"])
def test_what_no_archive_holds_is_no_reason_against_a_restore(
    here: Place, there: Place, other: str
) -> None:
    """A folder of the bot's that is not to be used."""
    archive = here.back_up()
    there.folder.mkdir()
    (there.folder / other).touch()
    assert there.restore(archive).restored == 2
    assert not (there.folder / "preferences").exists()


def test_a_second_restore_changes_nothing_and_says_so(here: Place, there: Place) -> None:
    """Every file is byte for byte as it was."""
    here.store.copies.set_aside(BOB, "invalid_grant")
    here.spot(Owner.user(7)).plant(b"rubbish")
    archive = here.back_up()
    there.restore(archive)
    before = there.tree()
    report = there.restore(archive)
    assert (report.changed, report.unchanged, report.restored) == (False, 1, 0)
    assert there.tree() == before


def test_a_dry_run_says_the_same_and_touches_nothing(here: Place, there: Place) -> None:
    """Not even a lock."""
    archive = here.back_up()
    said = there.restore(archive, dry_run=True)
    assert state_of(there.folder) == {}
    assert there.restore(archive) == said
    before = state_of(there.folder)
    there.restore(archive, dry_run=True, rollback=True)
    assert state_of(there.folder) == before


def test_a_restored_credential_can_be_saved_and_ended(here: Place, there: Place) -> None:
    """It is one like any other."""
    there.restore(here.back_up())
    assert refreshed(there).generation == loaded(here).generation + 1
    there.store.delete(ANN)
    assert there.store.load(ANN) is None


def test_restored_and_quarantined_stand_in_the_trail(here: Place) -> None:
    """Masked, like everything there."""
    archive = here.back_up()
    here.spot().plant(b"rubbish")
    here.restore(archive)
    trail = list(here.store.storage.events(newest_first=False))
    assert [(entry.action, entry.result) for entry in trail] == [
        ("quarantined", "unreadable"),
        ("restored", "ok"),
    ]
    assert {entry.owner for entry in trail} == {MASK(ANN.name)}


# What stays


def test_somebody_who_has_disconnected_does_not_come_back(here: Place) -> None:
    """Neither the credential nor a copy in quarantine."""
    here.store.copies.set_aside(BOB, "invalid_grant")
    archive = here.back_up()
    for owner in (ANN, BOB):
        here.store.delete(owner)
    before = here.tree()
    report = here.restore(archive)
    assert report.refused == {"ended": 1}
    assert (report.copies, report.copies_refused) == (0, 1)
    assert (report.changed, report.is_clean) == (False, True)
    assert here.tree() == before
    assert here.store.owners() == []


def test_a_later_archive_keeps_an_earlier_one_from_bringing_anybody_back(
    here: Place, there: Place
) -> None:
    """Its tombstones do, on a machine that knows nothing of the disconnection."""
    early = here.back_up("early.dkb")
    here.store.delete(ANN)
    there.restore(here.back_up("late.dkb"))
    report = there.restore(early)
    assert report.refused == {"ended": 1}
    assert there.store.owners() == [BOB]


def test_a_newer_credential_is_kept(here: Place) -> None:
    """It was refreshed since."""
    archive = here.back_up()
    newer = refreshed(here)
    report = here.restore(archive)
    assert (report.refused, report.unchanged) == ({"not_newer": 1}, 1)
    assert loaded(here) == newer
    assert report.is_clean


def test_an_older_credential_is_replaced(here: Place, there: Place) -> None:
    """The folder was restored from something older before."""
    there.restore(here.back_up())
    newer = refreshed(here)
    report = there.restore(here.back_up())
    assert (report.restored, report.quarantined) == (1, 0)
    assert loaded(there) == newer


def test_a_newer_consent_is_kept_though_its_count_is_lower(here: Place, there: Place) -> None:
    """Somebody connected on the new machine before the archive was found."""
    for _ in range(3):
        refreshed(here)
    archive = here.back_up()
    there.store.prepare()
    later = datetime.now(UTC) + timedelta(hours=1)
    kept = there.store.save_consent(a_credential(granted_at=later))
    report = there.restore(archive)
    assert report.refused == {"newer_consent": 1}
    assert secret(loaded(there).access_token) == secret(kept.access_token)


def test_another_programs_file_counts_as_new(here: Place) -> None:
    """It has no generation; an operator put it there."""
    archive = here.back_up()
    document = a_credential().to_document()
    del document["drivekeeper"]
    document["token"] = "ya29.by-another-program"
    here.spot().plant(here.keyring.encrypt(json.dumps(document).encode()))
    assert here.restore(archive).refused == {"not_newer": 1}
    assert secret(loaded(here).access_token) == "ya29.by-another-program"


def test_another_programs_file_can_be_restored(here: Place, there: Place) -> None:
    """Above the tombstone it was found beside."""
    here.store.delete(ANN)
    document = a_credential().to_document()
    del document["drivekeeper"]
    here.spot().plant(here.keyring.encrypt(json.dumps(document).encode()))
    there.restore(here.back_up())
    assert loaded(there).generation == 2


def test_somebody_who_is_leaving_is_left_alone(here: Place) -> None:
    """The next start finishes the disconnection."""
    archive = here.back_up()
    here.store.mark_leaving(ANN)
    assert here.restore(archive).refused == {"leaving": 1}
    assert loaded(here).state == "leaving"


def test_a_tombstone_in_the_archive_ends_nobody_who_works_here(here: Place, there: Place) -> None:
    """But an operator hears of it."""
    refreshed(here)
    here.store.delete(ANN)
    archive = here.back_up()
    there.store.prepare()
    there.store.save_consent(a_credential())
    report = there.restore(archive)
    assert report.refused == {"ended_in_archive": 1}
    assert report.findings == [(ANN, "ended_in_archive")]
    assert not report.is_clean
    assert loaded(there).generation == 1


def test_a_tombstone_that_cannot_be_read_lets_nobody_back(here: Place) -> None:
    """They may have disconnected."""
    archive = here.back_up()
    here.store.delete(ANN)
    tombstone_at(here.folder, ANN).plant(b"rubbish")
    report = here.restore(archive)
    assert report.refused == {"tombstone_unreadable": 1}
    assert here.store.load(ANN) is None


def test_an_owner_whose_lock_is_busy_is_reported(here: Place) -> None:
    """And comes with the next run."""
    archive = here.back_up()
    here.spot().take_away()
    lock = here.store.lease(ANN)
    assert lock is not None
    assert here.restore(archive).refused == {"locked": 1}
    lock.release()
    assert here.restore(archive).restored == 1


# What cannot be read


@pytest.mark.parametrize("content", [b"rubbish", b"", b'{"client_id": 5}'])
def test_a_damaged_file_goes_into_quarantine_and_is_replaced(here: Place, content: bytes) -> None:
    """The restored one is newer than whatever it may have been; nobody needs to be told."""
    archive, before = here.back_up(), loaded(here)
    here.spot().plant(here.keyring.encrypt(content) if b"{" in content else content)
    report = here.restore(archive)
    assert (report.restored, report.quarantined, report.is_clean) == (1, 1, True)
    restored = loaded(here)
    assert replace(restored, generation=1) == before
    assert restored.generation > 1_000_000_000
    (name,) = here.store.copies.names(ANN)
    assert kept_in(here.keyring, copy_at(here.folder, name)) == content
    assert here.notes() == [("unreadable", True)]
    tree = here.tree()
    assert not here.restore(archive).changed
    assert here.tree() == tree


def test_an_old_copy_that_cannot_be_read_holds_up_nobody(here: Place) -> None:
    """It counts as another one: the damaged file is copied, and everybody is restored."""
    archive = here.back_up()
    here.spot().plant(b"rubbish")
    here.spot(BOB).take_away()
    os.mkfifo(here.folder / "quarantine" / f"{ANN.stem}.20260101t000000000000.json")
    report = here.restore(archive)
    assert (report.restored, report.quarantined) == (2, 1)
    assert loaded(here, BOB).state == "active"
    assert len(here.store.copies.names(ANN)) == 2


def test_a_file_under_a_lost_key_goes_into_quarantine_as_it_is(here: Place, there: Place) -> None:
    """Its key may be found."""
    archive = here.back_up()
    there.store.storage.prepare()
    lost = TokenEncryption([new_key()])
    before = sealed_by(lost, there.spot().key, a_credential().to_document())
    there.spot().plant(before)
    report = there.restore(archive)
    assert (report.restored, report.quarantined) == (2, 1)
    (name,) = there.store.copies.names(ANN)
    assert copy_at(there.folder, name).raw() == before
    there.store.prepare()


def test_a_damaged_file_of_somebody_who_disconnected_before_is_left(here: Place) -> None:
    """Their tombstone counts from before the restore."""
    archive = here.back_up()
    here.store.delete(ANN)
    here.spot().plant(b"rubbish")
    assert here.restore(archive).refused == {"ended": 1}
    assert here.spot().raw() == b"rubbish"


def test_a_restore_that_a_crash_interrupted_is_finished_by_another(here: Place) -> None:
    """Between the copy in quarantine and the credential in its place."""
    archive = here.back_up()
    here.spot().plant(b"rubbish")
    name, now = here.store.copies.new_name(ANN)
    note = Note("unreadable", now, told=True).to_document(MASK(ANN.name))
    steps = [Put(note_key(name), note), Copy(copy_key(name), credential_key(ANN))]
    with here.store.leased(ANN) as lease:
        here.store.change(Unit(steps, lease))
    assert here.spot().raw() == b"rubbish"
    assert here.restore(archive).restored == 1
    assert loaded(here).generation > 1
    assert len(here.store.copies.names(ANN)) == 1


def test_a_restore_that_a_full_disk_interrupted_is_finished_by_another(
    here: Place, there: Place
) -> None:
    """What was there is whole meanwhile."""
    archive = here.back_up()
    there.store.storage.prepare()
    with full(there.folder), pytest.raises(OperatorFault) as caught:
        there.restore(archive)
    assert caught.value.code == "store_failed"
    assert there.tree() == {}
    assert there.restore(archive).restored == 2


@pytest.mark.encryption("on")
def test_what_the_archive_cannot_read_either_goes_into_quarantine(
    here: Place, there: Place
) -> None:
    """Reported each time, put there once; with its key it is a credential like any other."""
    key = new_key()
    document = json.dumps(loaded(here).to_document()).encode()
    here.spot().plant(TokenEncryption([key]).encrypt(document))
    archive = here.back_up()
    report = there.restore(archive)
    assert (report.unreadable, report.copies) == ({"unknown_key": 1}, 1)
    assert not report.is_clean
    assert there.store.load(ANN) is None
    assert there.notes() == [("unknown_key", False)]
    again = there.restore(archive)
    assert (again.unreadable, again.changed) == ({"unknown_key": 1}, False)
    found = Place(there.folder.parent / "found", new_key(), key)
    assert found.restore(archive).restored == 2
    assert loaded(found).generation == 1


@pytest.mark.encryption("on")
def test_without_a_key_no_envelope_is_brought_in(here: Place, tmp_path: Path) -> None:
    """The bot would not start any more."""
    stranger = TokenEncryption([new_key()])
    here.spot().plant(stranger.encrypt(b"{}"))
    archive = here.back_up()
    plain = Place(tmp_path / "plain")
    report = plain.restore(archive)
    assert (report.unreadable, report.copies, report.copies_refused) == ({"unknown_key": 1}, 0, 1)
    plain.store.prepare()


@pytest.mark.encryption("on")
def test_plaintext_takes_no_envelopes_place(here: Place) -> None:
    """A key was forgotten, not the data."""
    archive, before = here.back_up(), here.tree()
    for rollback in (False, True):
        report = Place(here.folder).restore(archive, rollback=rollback)
        assert report.refused == {"key_missing": 2}
    assert here.tree() == before


# Rolling back


def test_a_rollback_overrides_what_has_ended_and_what_is_newer(here: Place) -> None:
    """What it replaces goes into quarantine; the restored is the newest."""
    archive, before = here.back_up(), loaded(here)
    newer = refreshed(here)
    here.store.delete(BOB)
    report = here.restore(archive, rollback=True)
    assert (report.restored, report.quarantined, report.refused) == (2, 1, {})
    assert replace(loaded(here), generation=before.generation) == before
    assert loaded(here).generation == newer.generation + 1
    assert loaded(here, BOB).generation == 2
    assert here.notes() == [("superseded", True)]
    (copy,) = here.snapshot(ANN).copies
    assert json.loads(copy.content) == newer.to_document()
    tree = here.tree()
    again = here.restore(archive, rollback=True)
    assert (again.changed, again.unchanged) == (False, 2)
    assert here.tree() == tree


def test_a_rollback_brings_back_copies_too(here: Place) -> None:
    """Also of somebody who disconnected."""
    here.store.copies.set_aside(BOB, "invalid_grant")
    archive = here.back_up()
    here.store.delete(BOB)
    assert here.restore(archive, rollback=True).copies == 1
    assert len(here.store.copies.names(BOB)) == 1


def test_a_rollback_leaves_who_came_later(here: Place) -> None:
    """They are not in the archive."""
    archive = here.back_up()
    here.store.save_consent(a_credential(TOWN))
    here.restore(archive, rollback=True)
    assert loaded(here, TOWN).generation == 1


@pytest.mark.encryption("on")
def test_a_rollback_is_refused_while_the_bot_runs(here: Place) -> None:
    """And while it lasts the bot does not start."""
    with held(here.folder, BOT_LEASE), pytest.raises(OperatorFault, match="stop it") as caught:
        bot_stopped(here.store.storage).__enter__()
    assert caught.value.code == "second_instance"
    with bot_stopped(here.store.storage), pytest.raises(Timeout), held(here.folder, BOT_LEASE):
        pass
    with held(here.folder, BOT_LEASE):
        pass


# The archive itself, and the mask key


@pytest.mark.encryption("on")
def test_an_archive_that_was_exchanged_after_verifying_is_refused(
    here: Place, there: Place
) -> None:
    """Each line was verified, but not this archive."""
    archive = here.back_up()
    contents = verify(archive, [KEY])
    here.back_up()
    run = Restore(there.store)
    with pytest.raises(CorruptCredential, match="replaced"):
        run.run(archive, [KEY], contents)
    assert there.tree() == {}


def test_the_mask_key_is_put_where_there_is_none(tmp_path: Path) -> None:
    """Private, and the second time it is the same."""
    key, folder = SecretBytes(b"of the archive"), tmp_path / "user_data"
    assert restore_mask_key(folder, key, None, rollback=False, dry_run=True) == "restored"
    assert not folder.exists()
    assert restore_mask_key(folder, key, None, rollback=False, dry_run=False) == "restored"
    assert (folder / "log_mask.key").read_bytes() == b"of the archive"
    assert mode_of(folder / "log_mask.key") == 0o600
    assert restore_mask_key(folder, key, None, rollback=True, dry_run=False) == "same"


def test_another_mask_key_is_replaced_by_a_rollback_alone(tmp_path: Path) -> None:
    """It is kept beside; a configured one is nobody's to replace."""
    key, path = SecretBytes(b"of the archive"), tmp_path / "log_mask.key"
    path.write_bytes(b"of here\n")
    assert restore_mask_key(tmp_path, key, None, rollback=False, dry_run=False) == "differs"
    for name, outcome in (("of here", "differs"), ("of the archive", "same")):
        set_here = SecretStr(name)
        assert restore_mask_key(tmp_path, key, set_here, rollback=True, dry_run=False) == outcome
    assert path.read_bytes() == b"of here\n"
    assert restore_mask_key(tmp_path, key, None, rollback=True, dry_run=False) == "restored"
    assert path.read_bytes() == b"of the archive"
    assert (tmp_path / "log_mask.key.old").read_bytes() == b"of here"
