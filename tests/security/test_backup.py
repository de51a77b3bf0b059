"""The archive: whole, encrypted, consistent, or refused."""

from __future__ import annotations

import base64
import json
import os
import threading
import tracemalloc
from collections.abc import Callable
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretBytes, SecretStr

from security.credential import Owner
from security.encryption import TokenEncryption
from security.errors import CorruptCredential, CustodyError, OperatorFault
from security.owner_documents import OWNER_KINDS
from security.recovery.archive import new_archive
from security.recovery.backup import About, BackupReport, read_backup, write_backup
from security.recovery.restore import Contents, verify
from security.recovery.snapshot import OwnerSnapshot
from security.token_store import TokenStore
from tests.security.kit import (
    AMY,
    ANN,
    BOB,
    MASK,
    TOWN,
    a_credential,
    full_disk,
    mode_of,
    new_key,
    python,
    sealed_by,
    secret,
    umask,
)
from tests.spots import credential_at
from tests.stores import folder_of, store_in

KEY = new_key()
ABOUT = About(datetime.now(UTC), "1.0", ("LOG_LEVEL",), SecretBytes(b"mask key"))


def back_up(store: TokenStore, target: Path, **options: Any) -> BackupReport:
    """An archive of everything in `store`."""
    options = {"outside": folder_of(store), "lease_seconds": 5, **options}
    return write_backup(target, [KEY], ABOUT, store, **options)


def held_in(archive: Path) -> dict[Owner, OwnerSnapshot]:
    """What an archive holds, by owner."""
    return {r.owner: r for r in read_backup(archive, [KEY]) if isinstance(r, OwnerSnapshot)}


@pytest.fixture
def archive(tmp_path: Path, store: TokenStore) -> Path:
    """Of three owners, one of them gone."""
    for owner in (ANN, BOB, TOWN):
        store.save_consent(a_credential(owner))
    store.delete(BOB)
    target = tmp_path / "a.dkb"
    back_up(store, target)
    return target


# What is in it


def test_an_archive_holds_each_owners_whole_state(store: TokenStore, tmp_path: Path) -> None:
    """Credential, tombstone, quarantined copies with their notes."""
    first = store.save_consent(a_credential())
    store.copies.set_aside(ANN, "invalid_grant")
    second = store.save_consent(a_credential())
    store.save_consent(a_credential(BOB))
    store.delete(BOB)
    report = back_up(store, tmp_path / "a.dkb")
    held = held_in(tmp_path / "a.dkb")
    assert set(held) == {ANN, BOB}
    ann = held[ANN]
    assert ann.credential is not None
    assert ann.credential.to_document() == second.to_document()
    assert ann.tombstone == first.generation
    (copy,) = ann.copies
    assert json.loads(copy.content) == first.to_document()
    assert copy.note is not None
    assert (copy.note["reason"], copy.note["told"]) == ("invalid_grant", False)
    assert (held[BOB].credential, held[BOB].tombstone) == (None, 1)
    assert (report.credentials, report.tombstones, report.copies) == (1, 2, 1)
    assert report.is_complete
    assert verify(tmp_path / "a.dkb", [KEY]) == Contents(ABOUT, owners=2, credentials=1, copies=1)


def test_nothing_in_an_archive_can_be_read_without_its_key(
    store: TokenStore, tmp_path: Path
) -> None:
    """Tokens, ids, addresses, masks; as they are or in base64."""
    store.save_consent(a_credential(TOWN))
    kept = store.save_consent(a_credential())
    back_up(store, tmp_path / "a.dkb")
    data = (tmp_path / "a.dkb").read_bytes()
    layers = data + b"".join(
        base64.urlsafe_b64decode(line) for line in data.splitlines() if line.startswith(b"gAAAA")
    )
    told = [secret(kept.refresh_token), secret(kept.access_token), AMY, ANN.name, TOWN.name]
    for text in (*told, "token_501", "LOG_LEVEL", "mask key", MASK(ANN.name), "owner"):
        for spelling in (text.encode(), base64.b64encode(text.encode()).rstrip(b"=")[:-1]):
            assert spelling not in layers


@pytest.mark.parametrize("bits", [0, 0o777])
def test_an_archive_is_its_owners_alone(store: TokenStore, tmp_path: Path, bits: int) -> None:
    """0600, whatever the umask."""
    with umask(bits):
        back_up(store, tmp_path / "a.dkb")
    assert mode_of(tmp_path / "a.dkb") == 0o600


def test_somebody_who_is_disconnecting_has_gone_for_the_archive(
    store: TokenStore, tmp_path: Path
) -> None:
    """The tombstone that will stand there stands there already."""
    saved = store.save_consent(a_credential())
    store.mark_leaving(ANN)
    back_up(store, tmp_path / "a.dkb")
    assert held_in(tmp_path / "a.dkb") == {ANN: OwnerSnapshot(ANN, tombstone=saved.generation)}


def test_a_file_that_its_tombstone_overrules_is_left_out(store: TokenStore, tmp_path: Path) -> None:
    """An old backup was copied into the folder."""
    store.save_consent(a_credential())
    there = credential_at(folder_of(store), ANN)
    old = there.raw()
    store.delete(ANN)
    there.plant(old)
    back_up(store, tmp_path / "a.dkb")
    assert held_in(tmp_path / "a.dkb") == {ANN: OwnerSnapshot(ANN, tombstone=1)}


def test_what_cannot_be_read_is_taken_along_and_reported(folder: Path, tmp_path: Path) -> None:
    """Under a lost key, and damaged; in place, and in quarantine."""
    lost, keyring = TokenEncryption([new_key()]), TokenEncryption([new_key()])
    store = store_in(folder, keyring)
    store.prepare()
    ann = credential_at(folder, ANN)
    ann.plant(sealed_by(lost, ann.key, a_credential().to_document()))
    credential_at(folder, BOB).plant(b"rubbish")
    credential_at(folder, Owner.user(503)).plant(b"{}")
    store.copies.set_aside(Owner.user(503), "unreadable")
    report = back_up(store, tmp_path / "a.dkb")
    held = held_in(tmp_path / "a.dkb")
    assert (held[ANN].fault, held[ANN].sealed) == ("unknown_key", ann.raw())
    assert (held[BOB].fault, held[BOB].sealed) == ("unreadable", b"rubbish")
    assert [copy.content for copy in held[Owner.user(503)].copies] == [b"{}"]
    assert report.unreadable == {"unknown_key": 1, "unreadable": 1}
    assert not report.is_complete


def test_a_file_too_large_for_a_credential_is_reported_and_left_out(
    store: TokenStore, tmp_path: Path
) -> None:
    """Somebody's film has got the name of a token file."""
    credential_at(folder_of(store), ANN).plant(bytes(2_000_000))
    report = back_up(store, tmp_path / "a.dkb")
    assert (report.left_out, report.unreadable) == (1, {"unreadable": 1})
    assert (tmp_path / "a.dkb").stat().st_size < 10_000


# Where it is written


def test_without_a_key_nothing_is_written(store: TokenStore, tmp_path: Path) -> None:
    """There is no archive in plaintext."""
    with pytest.raises(OperatorFault, match="TOKEN_BACKUP_KEY") as caught:
        write_backup(tmp_path / "a.dkb", [], ABOUT, store, outside=folder_of(store))
    assert caught.value.code == "key_missing"
    assert not (tmp_path / "a.dkb").exists()


def test_an_archive_in_the_data_folder_is_refused(store: TokenStore, tmp_path: Path) -> None:
    """Whatever way leads there."""
    (tmp_path / "link").symlink_to(folder_of(store))
    for place in (folder_of(store), folder_of(store) / "quarantine", tmp_path / "link"):
        with pytest.raises(OperatorFault, match="inside the data folder"):
            back_up(store, place / "a.dkb")


def test_an_archive_replaces_another_only_on_demand(archive: Path, store: TokenStore) -> None:
    """Also where the name is a link's that leads nowhere."""
    before = archive.read_bytes()
    with pytest.raises(OperatorFault) as caught:
        back_up(store, archive)
    assert (caught.value.code, archive.read_bytes()) == ("exists", before)
    back_up(store, archive, replace=True)
    assert archive.read_bytes() != before
    (archive.parent / "b.dkb").symlink_to("nowhere")
    with pytest.raises(OperatorFault):
        back_up(store, archive.parent / "b.dkb")


def test_a_place_that_cannot_be_used_is_one_sentence(store: TokenStore, tmp_path: Path) -> None:
    """No traceback, and no path."""
    for target in (tmp_path / "no" / "a.dkb", tmp_path, tmp_path / ".."):
        with pytest.raises(OperatorFault) as caught:
            back_up(store, target)
        assert str(tmp_path) not in str(caught.value)


@pytest.mark.parametrize("other", ["updates", "audit"])
def test_what_no_archive_holds_is_no_reason_against_one(
    folder: Path, keyring: TokenEncryption, tmp_path: Path, other: str
) -> None:
    """A folder of the bot's that is not to be used; nor is one made."""
    store = store_in(folder, keyring)
    store.storage.prepare(OWNER_KINDS)
    store.save_consent(a_credential())
    (folder / other).touch()
    assert back_up(store, tmp_path / "a.dkb").is_complete
    assert (folder / other).is_file()
    assert not (folder / "preferences").exists()


def test_a_full_disk_leaves_no_archive_and_no_rest(archive: Path, store: TokenStore) -> None:
    """Half an archive would be taken for one."""
    before = {path: path.read_bytes() for path in archive.parent.glob("*.dkb")}
    with full_disk(room=100), pytest.raises(OperatorFault) as caught:
        back_up(store, archive, replace=True)
    assert caught.value.code == "store_failed"
    assert {path: path.read_bytes() for path in archive.parent.glob("*.dkb")} == before
    assert not list(archive.parent.glob(".*"))


# Whole and unchanged, or refused


def _flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def _joined(lines: list[bytes]) -> bytes:
    return b"".join(lines)


DAMAGES: dict[str, Callable[[list[bytes], list[bytes]], bytes]] = {
    "nothing left": lambda own, other: b"",
    "the first line alone": lambda own, other: own[0],
    "the last line missing": lambda own, other: _joined(own[:-1]),
    "the last line cut": lambda own, other: _joined(own)[:-1],
    "a record missing": lambda own, other: _joined(own[:2] + own[3:]),
    "two records swapped": lambda own, other: _joined([*own[:2], own[3], own[2], *own[4:]]),
    "a record twice": lambda own, other: _joined([*own[:3], *own[2:]]),
    "a record of another archive": lambda own, other: _joined([*own[:2], other[2], *own[3:]]),
    "another archive's beginning": lambda own, other: _joined([other[0], *own[1:]]),
    "another archive's end": lambda own, other: _joined([*own[:-1], other[-1]]),
    "two archives in one": lambda own, other: _joined(own + other),
    "an empty line": lambda own, other: _joined([*own, b"\n"]),
    "something appended": lambda own, other: _joined([*own, b"x"]),
    "other line ends": lambda own, other: _joined(own).replace(b"\n", b"\r\n"),
    "a changed first line": lambda own, other: own[0].replace(b'"v"', b' "v"') + _joined(own[1:]),
}


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.encryption("on")
def test_a_damaged_archive_is_refused(damage: str, archive: Path, store: TokenStore) -> None:
    """Cut, reordered, put together from two, appended to."""
    back_up(store, archive.with_name("b.dkb"))
    own, other = (
        path.read_bytes().splitlines(keepends=True)
        for path in (archive, archive.with_name("b.dkb"))
    )
    archive.write_bytes(DAMAGES[damage](own, other))
    with pytest.raises(CorruptCredential):
        verify(archive, [KEY])


@pytest.mark.encryption("on")
def test_a_flipped_bit_anywhere_is_refused(archive: Path) -> None:
    """Base64 has bits that decoding forgives: they count as well."""
    data = archive.read_bytes()
    ends = [at for at, byte in enumerate(data) if byte == ord("\n")]
    near = {at + step for at in ends for step in range(-5, 3)} & set(range(len(data)))
    for at in sorted(near | {*range(ends[0])} | {*range(0, len(data), 211)}):
        archive.write_bytes(_flipped(data, at))
        with pytest.raises(CustodyError):
            verify(archive, [KEY])
    archive.write_bytes(data)
    assert verify(archive, [KEY]).owners == 3


@pytest.mark.encryption("on")
def test_an_archive_cut_at_any_point_is_refused(archive: Path) -> None:
    """A copy that was interrupted."""
    data = archive.read_bytes()
    for length in range(0, len(data), 97):
        archive.write_bytes(data[:length])
        with pytest.raises(CorruptCredential):
            verify(archive, [KEY])


def test_an_archive_under_another_key_names_the_key_it_wants(archive: Path) -> None:
    """Its fingerprint, to find it by."""
    with pytest.raises(OperatorFault, match=str(TokenEncryption([KEY]).kid)) as caught:
        verify(archive, [new_key()])
    assert caught.value.code == "unknown_key"
    assert verify(archive, [new_key(), KEY]).owners == 3


def test_an_archive_of_a_later_version_is_left_alone(archive: Path) -> None:
    """It is not damaged: it wants another program."""
    first, _, rest = archive.read_bytes().partition(b"\n")
    archive.write_bytes(first.replace(b'"v": 1', b'"v": 2') + b"\n" + rest)
    with pytest.raises(OperatorFault) as caught:
        verify(archive, [KEY])
    assert caught.value.code == "unknown_envelope"


@pytest.mark.parametrize(
    "body",
    [
        {"owner": "user:501"},
        {"owner": "user:../../x"},
        {"copies": [{"name": "../x", "content": "", "opened": True, "note": None}]},
        {"copies": [{"name": "token_502.20260101t000000000000", "content": "", "opened": True}]},
        {"tombstone": -1},
        {"tombstone": True},
        {"sealed": "no base64"},
        {"fault": "/nonsense"},
        {"fault": ["unreadable"]},
        {"copies": [{"name": 5, "content": "", "opened": True, "note": None}]},
        {"copies": 5},
        {"credential": {"client_id": 5}},
        {"credential": {"client_id": "x", "drivekeeper": {"owner": "user:502"}}},
        {"credential": []},
    ],
)
def test_a_record_that_is_none_is_refused(body: dict[str, object], tmp_path: Path) -> None:
    """Authentic, but not what this program writes: names lead nowhere else."""
    whole = OwnerSnapshot(ANN).to_body()
    record = {**whole, **body} if len(body) > 1 or "owner" not in body else body
    (tmp_path / "data").mkdir()
    with new_archive(tmp_path / "a.dkb", [KEY], outside=tmp_path / "data") as writer:
        writer.add("about", ABOUT.to_body())
        writer.add("owner", record)
    with pytest.raises(CorruptCredential):
        verify(tmp_path / "a.dkb", [KEY])


# Beside a running bot

WRITER = """
import sys
from dataclasses import replace
from pathlib import Path
from pydantic import SecretStr
from security.encryption import TokenEncryption
from tests.security.kit import ANN, BOB, a_credential
from tests.spots import credential_at
from tests.stores import store_in

def marked(credential):
    number = credential.generation + 1
    return replace(credential, refresh_token=SecretStr(f"r{number}"),
                   access_token=SecretStr(f"a{number}"))

store = store_in(Path(sys.argv[1]), TokenEncryption([SecretStr(sys.argv[2])]))
for number in range(100_000):
    for owner in (ANN, BOB):
        with store.leased(owner) as lease:
            current = store.load(owner)
            if number % 3 == 2:
                store.copies.set_aside(owner, "invalid_grant", lease=lease)
                store.save_newest(marked(current), lease=lease)
            else:
                store.save(marked(current), based_on=current.generation, lease=lease)
    if number == 1:
        print("going", flush=True)
"""


@pytest.mark.encryption("on")
@pytest.mark.one_way
def test_each_owner_is_of_one_moment_while_another_process_writes(
    store: TokenStore,
    encryption_keys: tuple[SecretStr, ...],
    tmp_path: Path,
) -> None:
    """Tokens of one generation, and as many copies in quarantine as have ended."""
    for owner in (ANN, BOB):
        store.save_consent(
            a_credential(owner, refresh_token=SecretStr("r1"), access_token=SecretStr("a1"))
        )
    process = python(WRITER, str(folder_of(store)), secret(encryption_keys[0]))
    generations: set[tuple[Owner, int]] = set()
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "going\n"
        for number in count():
            if number >= 4 and len(generations) > 2:
                break  # the writer was at it
            report = back_up(store, tmp_path / f"{number}.dkb", lease_seconds=30)
            assert report.is_complete
            for held in held_in(tmp_path / f"{number}.dkb").values():
                credential = held.credential
                assert credential is not None
                generations.add((held.owner, credential.generation))
                told = (secret(credential.refresh_token), secret(credential.access_token))
                assert told == (f"r{credential.generation}", f"a{credential.generation}")
                ended = [
                    json.loads(copy.content)["drivekeeper"]["generation"] for copy in held.copies
                ]
                assert max(ended, default=0) == held.tombstone
                assert credential.generation > (held.tombstone or 0)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


@pytest.mark.encryption("on")
def test_a_busy_owner_is_waited_for(store: TokenStore, tmp_path: Path) -> None:
    """After everybody else."""
    store.save_consent(a_credential())
    lock = store.lease(ANN)
    assert lock is not None
    timer = threading.Timer(0.3, lock.release)
    timer.start()
    report = back_up(store, tmp_path / "a.dkb")
    timer.join()
    assert (report.credentials, report.locked) == (1, 0)


@pytest.mark.encryption("on")
def test_an_owner_who_stays_busy_is_reported_and_holds_up_nobody(
    store: TokenStore, tmp_path: Path
) -> None:
    """The archive of the others is good."""
    for owner in (ANN, BOB, TOWN):
        store.save_consent(a_credential(owner))
    lock = store.lease(ANN)
    assert lock is not None
    report = back_up(store, tmp_path / "a.dkb", lease_seconds=0)
    lock.release()
    assert (report.credentials, report.locked, report.is_complete) == (2, 1, False)
    assert set(held_in(tmp_path / "a.dkb")) == {BOB, TOWN}


@pytest.mark.encryption("off")
def test_memory_does_not_grow_with_the_archive(store: TokenStore, tmp_path: Path) -> None:
    """Four megabytes of copies, one at a time."""
    folder = folder_of(store) / "quarantine"
    for number in range(1, 81):
        name = f"token_{number}.20260101t000000000000.json"
        (folder / name).write_bytes(os.urandom(50_000))
    tracemalloc.start()
    try:
        back_up(store, tmp_path / "a.dkb")
        verify(tmp_path / "a.dkb", [KEY])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (tmp_path / "a.dkb").stat().st_size > 6_000_000
    assert peak < 2_000_000


def test_copies_that_come_during_a_backup_are_found(store: TokenStore, tmp_path: Path) -> None:
    """The owner was busy when everybody else was looked at, and was set aside meanwhile."""
    store.save_newest(a_credential())
    lease = store.lease(ANN)
    assert lease is not None

    def set_aside() -> None:
        store.copies.set_aside(ANN, "invalid_grant", lease=lease)
        lease.release()

    timer = threading.Timer(0.3, set_aside)
    timer.start()
    report = back_up(store, tmp_path / "a.dkb")
    timer.join()
    assert (report.credentials, report.copies, report.locked) == (0, 1, 0)
    assert len(held_in(tmp_path / "a.dkb")[ANN].copies) == 1
